#!/usr/bin/env python3
"""Measures a stock .pte (scripts/export_smollm2.py) in etbridge: loads that pack against loads that map what an earlier one packed,
and prefill and decode beside the wheel's own TextLLMRunner. Rounds take every case in turn; figures are medians.

    python3 bench/stock.py build/release/bin/etbridge MODEL.pte PYTHON [--rounds 5]

PYTHON: of an environment with executorch 1.5.1 and torch. tokenizer.json lies beside MODEL.pte.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from process import run

PROMPT_WORDS, TOKENS = 400, 64
PLAIN = ["--backend-option", "XnnpackBackend.weight_cache_enabled=false"]


def prompt_text():
    words = "the river runs down from old hills and small towns keep their boats on it while summer lasts".split()
    return " ".join(words[(i * 7 + i // 5) % len(words)] for i in range(PROMPT_WORDS))


def peer(model, prompt_file):
    """Runs in the environment that has the wheel: prints what one answer took."""
    from executorch.extension.pybindings import portable_lib  # noqa: F401  what the operators below register with
    from executorch.extension.llm.custom_ops import custom_ops  # noqa: F401
    from executorch.kernels import quantized  # noqa: F401
    from executorch.extension.llm.runner import GenerationConfig, TextLLMRunner
    runner = TextLLMRunner(model, str(Path(model).parent / "tokenizer.json"))
    config = GenerationConfig(echo=False, max_new_tokens=TOKENS, temperature=0.0)
    found = {}

    def keep(stats):
        found.update(prompt=stats.num_prompt_tokens, tokens=stats.num_generated_tokens,
                     prefill_ms=stats.prompt_eval_end_ms - stats.inference_start_ms,
                     decode_ms=stats.inference_end_ms - stats.prompt_eval_end_ms,
                     load_ms=stats.model_load_end_ms - stats.model_load_start_ms)

    runner.generate(Path(prompt_file).read_text(), config, None, keep)
    print("\n" + json.dumps(found))


def answer(args, prompt, tokens, cache, options):
    done = run([args.program, "run", args.model, "--raw", *prompt, "-n", tokens, "--temp", 0, "--ignore-eos", "--no-lookup", "--json",
                *options], {**os.environ, "XDG_CACHE_HOME": cache})
    return done, json.loads(done.stdout)


def ours(args, prompt_file, cache, options):
    """Of an answer; and the anonymous memory of a load, which a second run with next to no prompt shows: keys, values and
    activations grow with the prompt and are the same however weights are loaded."""
    done, report = answer(args, ["-f", prompt_file], TOKENS, cache, options)
    loaded, _ = answer(args, ["-p", "a"], 1, cache, options)
    return {"load_ms": report["load_ms"], "load_anon_mib": loaded.peak_anon / 2**20, "prefill_tps": report["prefill_tps"],
            "decode_tps": report["decode_tps"], "anon_mib": done.peak_anon / 2**20, "rss_mib": done.peak_rss / 2**20,
            "text": report["text"]}


def theirs(args, prompt_file):
    done = run([args.python, __file__, "--peer", args.model, prompt_file])
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return {"load_ms": found["load_ms"], "prefill_tps": 1000 * found["prompt"] / found["prefill_ms"],
            "decode_tps": 1000 * (found["tokens"] - 1) / found["decode_ms"],
            "anon_mib": done.peak_anon / 2**20, "rss_mib": done.peak_rss / 2**20}


def main():
    if sys.argv[1:2] == ["--peer"]:
        return peer(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("python")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    samples = {"plain": [], "first": [], "mapped": [], "wheel": []}
    with tempfile.TemporaryDirectory() as folder:
        prompt_file = str(Path(folder) / "prompt.txt")
        Path(prompt_file).write_text(prompt_text())
        for number in range(args.rounds):
            cache = str(Path(folder) / f"cache-{number}")
            samples["plain"].append(ours(args, prompt_file, cache, PLAIN))
            _, report = answer(args, ["-f", prompt_file], TOKENS, cache, [])  # packs and keeps
            samples["first"].append({"load_ms": report["load_ms"], "text": report["text"]})
            samples["mapped"].append(ours(args, prompt_file, cache, []))
            samples["wheel"].append(theirs(args, prompt_file))
            print(f"round {number + 1} of {args.rounds}", file=sys.stderr)
    texts = {sample["text"] for name in ("plain", "first", "mapped") for sample in samples[name]}
    names = ["load_ms", "load_anon_mib", "anon_mib", "rss_mib", "prefill_tps", "decode_tps"]
    print(f"{'':8}" + "".join(f"{name:>22}" for name in names))
    for case, rows in samples.items():
        shown = []
        for name in names:
            values = [row[name] for row in rows if name in row]
            shown.append("-" if not values else f"{statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})")
        print(f"{case:8}" + "".join(f"{text:>22}" for text in shown))
    print("texts of ours: " + ("all the same" if len(texts) == 1 else f"{len(texts)} different ones"))


if __name__ == "__main__":
    main()
