#!/usr/bin/env python3
"""Writes docs/models.md from what the tests hold and the recorded references contain; the test `models_table` compares.

    tools/models_table.py --write     writes the page
    tools/models_table.py             fails if the page differs, or if a reference or a test has no row here

What a case means to a reader (the dicts below) is written by hand; that it is tested, how, and with which figures is read:
a reference without a row, a row without a reference and a fixture that no test names are errors.
"""

import re
import struct
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = "docs/models.md"

# Cases of tests/families: the architecture's models, and what its graph has that others lack.
FAMILIES = {
    "llama": ("`llama`", "Llama 3, 3.1, 3.2, SmolLM2", "factors of the rotation, tied head"),
    "mistral": ("`llama`", "Llama 2, Mistral", "a head of its own"),
    "qwen2": ("`qwen2`", "Qwen 2, 2.5", "biases of q, k, v"),
    "qwen3": ("`qwen3`", "Qwen 3", "norms of q and k, heads wider than width / heads"),
    "gemma2": ("`gemma2`", "Gemma 2", "every other layer has a window, soft caps, four norms"),
    "gemma3": ("`gemma3`", "Gemma 3", "five of six layers have a window, two rotations"),
    "phi3": ("`phi3`", "Phi-3, Phi-4", "fused tensors, a window on every layer"),
    "phi4-mini-short": ("`phi3`", "Phi-4-mini", "part of a head rotates, short factors"),
    "phi4-mini-long": ("`phi3`", "Phi-4-mini", "the same in a long context: long factors"),
}

# Fixtures of tests/references/stock: who exports so, and what is in the file.
STOCK = {
    "llm-fp32": ("export_llm", "custom operators, float"),
    "llm-xnnpack": ("export_llm", "XNNPACK, float"),
    "llm-8da4w": ("export_llm", "XNNPACK, 4-bit weights, 8-bit activations"),
    "llm-int8-cache": ("export_llm", "8-bit keys and values"),
    "llm-one-token": ("export_llm", "one token a call"),
    "llm-plain": ("export_llm", "no custom operators"),
    "llm-all-logits": ("export_llm", "logits of all tokens"),
    "llm-bf16": ("export_llm", "bfloat16"),
    "llm-ring": ("export_llm", "sliding window in a ring: rewinds to the start only"),
    "llm-apart": ("export_llm", "XNNPACK, weights in a .ptd beside it"),
    "optimum-fp32": ("optimum", "float, no custom operators"),
    "optimum-sdpa": ("optimum", "float, custom attention and cache"),
    "optimum-fp16-int32": ("optimum", "half precision, 32-bit ids"),
    "optimum-two-methods": ("optimum", "prefill and decode apart"),
    "media-fp32": ("multimodal", "image and sound encoders, float"),
    "media-bytes-fp16": ("multimodal", "image as bytes, half precision"),
}

HEAD = """# Models: what runs, and what was held against what

Written by `tools/models_table.py --write` from the tests and their recorded references; a test fails when it is out of date. Everything
here is repeated by `make test` unless it says otherwise. "Random" models have a family's shape and random weights, a few hundred kilobytes each:
they show that the arithmetic is right, not how well a model answers.
"""


class Wrong(Exception):
    """A reference, a test and this file do not say the same."""


def read(path):
    return (ROOT / path).read_text()


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def same_names(what, described, found):
    for name in sorted(set(described) ^ set(found)):
        known = name in described
        raise Wrong(f"{what} {name} " + ("is described here and nowhere tested" if known else "has no description in tools/models_table.py"))


def family_logits(data):
    """Names of logits.bin with the number of recorded positions."""
    at, cases = 0, {}
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        name = data[at + 4:at + 4 + length].decode()
        positions, vocab = struct.unpack_from("<II", data, at + 4 + length)
        cases[name] = positions
        at += 12 + length + 4 * positions * vocab
    return cases


def families():
    cases = family_logits((ROOT / "tests/references/families/logits.bin").read_bytes())
    weights = {}
    for name in cases:
        family, _, kind = name.rpartition("-")
        weights.setdefault(family, []).append(kind)
    in_test = re.findall(r"FamilyCase c\{(?:\"([^\"]+)\"|name), base", read("tests/families/family_models.cpp"))
    in_test = {n for n in in_test if n} | set(re.findall(r"phi4_mini\(\"([^\"]+)\"", read("tests/families/family_models.cpp")))
    same_names("family", FAMILIES, weights)
    same_names("family", in_test, weights)
    bar = re.search(r"GgmlType::F32\) \{\s*EXPECT_LE\(error, ([0-9e.-]+)\)", read("tests/families/families_test.cpp")).group(1)
    rows = [[family, f"{FAMILIES[family][1]} ({FAMILIES[family][0]})", FAMILIES[family][2], ", ".join(kinds)]
            for family, kinds in weights.items()]
    count = set(cases.values())
    return (f"\n## GGUF: families\n\nRandom models, imported and run through the whole chain, against an implementation of its own of each graph in double\n"
            f"precision (`tests/references/families`), at {count.pop()} positions. Float weights: every logit within {bar} of the largest. Others: bounded\n"
            "divergence from the same graph on the dequantised weights. Kernel paths, threads and cuts of the prompt: the same bits.\n\n"
            + table(["case", "stands for (architecture)", "what is special", "weights"], rows))


def block_types():
    types = [line.split()[0] for line in read("tests/references/blocks/blocks.txt").splitlines() if line and line[0] != "#"]
    return ("\n## GGUF: block types\n\nEach is read as the PyPI package `gguf` reads it (`tests/references/blocks`), in any mixture of tensors: "
            + ", ".join(types) + ".\n")


def stock_bars(names):
    """name -> largest difference to eager PyTorch that its test lets pass; of a test of another form, the test's name: what it shows stands there."""
    tests = [path for folder in ("src", "tests") for path in sorted((ROOT / folder).rglob("*_test.cpp"))]
    bars = {}
    for test in tests:
        text = test.read_text()
        default = re.search(r"double tolerance = ([0-9e.-]+);", text)
        for name, bar in re.findall(r"Fixture\{\"([^\"]+)\"(?:,\s*([0-9e.-]+))?", text):
            bars[name] = f"{float(bar or default.group(1)):g}"
        for name in names:
            if f"\"{name}" in text:
                bars.setdefault(name, f"see `{test.name}`")
    return bars


def stock():
    files = {path.stem for path in (ROOT / "tests/references/stock").glob("*.pte")}
    bars = stock_bars(files)
    same_names("stock file", {name: STOCK[name] for name in STOCK if name in files}, files)
    same_names("stock file", [name for name in bars if name in files], files)
    rows = [[name, *STOCK[name], bars[name]] for name in STOCK if name in files]
    return ("\n## Stock .pte\n\nRandom models as the exporters write them, against the logits of the eager PyTorch model (`tests/references/stock`): token by token,\n"
            "at once and in pieces, and what a rewind leaves (`stock_test.cpp`, `multimodal_test.cpp`). The last column is the largest difference that passes, as a part of the largest logit.\n"
            "Quantised graphs differ from eager PyTorch where a rounded activation falls on the other side. One real model was run by hand: SmolLM2-135M, exported by\n"
            "`scripts/export_smollm2.py`; `bench/README.md` has its figures beside those of the stock runner.\n\n"
            + table(["file", "exporter", "what is in it", "within"], rows))


def figures(path):
    pairs = (line.split(None, 1) for line in read(path).splitlines() if line and line[0] != "#")
    return {key: value for key, value in pairs}


def by_hand(model, found):
    """Rows of what tests/references/fidelity/divergence.py --record kept."""
    for window in found["windows"].split():
        g = {key: float(found[f"{key}_{window}"]) for key in ("float_ppl", "llama_ppl", "ours_ppl", "llama_kl", "ours_kl")}
        yield [f"{model}, {found['positions_' + window]} positions in windows of {window}",
               "by hand, `tests/references/fidelity/divergence.py`",
               f"float {g['float_ppl']:.2f}, llama.cpp {g['llama_ppl']:.2f}, ours {g['ours_ppl']:.2f}",
               f"llama.cpp {g['llama_kl']:.5f}, ours {g['ours_kl']:.5f}"]


def real_models():
    smol = figures("tests/references/fidelity/figures.txt")
    rows = [["SmolLM2-135M-Instruct, Q4_1", "`make test`: most likely tokens, perplexity, divergence",
             f"float {float(smol['float_perplexity']):.2f}, llama.cpp {float(smol['llama_perplexity']):.2f}; ours within 0.6 % of float",
             f"llama.cpp {float(smol['llama_kl_top']):.5f}; ours at most 1.1 times that"]]
    for path in sorted((ROOT / "tests/references/fidelity").glob("figures-*.txt")):
        rows += by_hand(path.stem.removeprefix("figures-"), figures(path.relative_to(ROOT)))
    return ("\n## Real models\n\nThe float model computes in fp32 on the dequantised weights of the same file. All other models above: random ones only.\n\n"
            + table(["model", "how", "perplexity", "mean divergence from the float model"], rows))


def page():
    return HEAD + families() + block_types() + stock() + real_models()


def main():
    try:
        wanted = page()
    except Wrong as wrong:
        sys.exit(f"models_table: {wrong}")
    if "--write" in sys.argv[1:]:
        (ROOT / PAGE).write_text(wanted)
    elif not (ROOT / PAGE).exists() or read(PAGE) != wanted:
        sys.exit(f"models_table: {PAGE} is not what the tests say; run tools/models_table.py --write and look at the difference")


if __name__ == "__main__":
    main()
