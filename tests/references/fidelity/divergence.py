#!/usr/bin/env python3
"""How far llama.cpp and ours are from the float model on a text: mean KL divergence, for any GGUF of a known family.

    .deps/venv/bin/python tests/references/fidelity/divergence.py MODEL.gguf build/release/bin/etbridge [--windows 512:4,2048:1]

It prints a table; --record FILE keeps the figures (figures-gemma3-270m.txt here: tools/models_table.py reads it). The float model is the implementation of tests/references/families, in fp32 on the
dequantised weights. Windows are N tokens of text.txt each by itself, of which the second half is scored, as llama-perplexity
has them: those longer than a model's sliding window show what lies beyond it. All three get the same ids: llama.cpp's.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from kl import kl_full, kl_top, top_of
from llama_peer import TextRun

HERE = Path(__file__).resolve().parent
OURS_TOP = 4096  # so many that the float model's 64 likeliest are among them


def load_families():
    spec = importlib.util.spec_from_file_location("families", HERE.parent / "families" / "record.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def log_softmax(logits):
    logits = logits.astype(np.float64)
    logits -= logits.max()
    return logits - np.log(np.exp(logits).sum())


def ours(program, model, ids, scratch, window):
    """Our log-probabilities after the scored positions of one window: a dict id -> log-probability each."""
    given, said = Path(scratch) / "ids.json", Path(scratch) / "ours.jsonl"
    given.write_text(json.dumps([int(i) for i in ids]))
    subprocess.run([program, "perplexity", model, "--ids", given, "-c", str(window), "--context", str(window),
                    "--logprobs", said, "--top", str(OURS_TOP)], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    with open(said) as lines:
        for number, line in enumerate(lines):
            if window // 2 <= number < window - 1:
                yield dict(json.loads(line)["top"])


def kl_of_top(entries, q):
    """kl_top() for a q that knows only its own likeliest."""
    lacking = [i for i, _ in entries if i not in q]
    if lacking:
        raise SystemExit(f"ids {lacking} are not among our {OURS_TOP} likeliest")
    return kl_top(entries, q)


class Totals:
    """Sums over scored positions."""

    def __init__(self):
        self.rows = {"llama.cpp": [], "ours": []}
        self.llama_full, self.surprise, self.same = [], {"float": [], "llama.cpp": [], "ours": []}, {"llama.cpp": 0, "ours": 0}

    def add(self, following, p, llama, mine):
        entries = top_of(p)
        self.rows["llama.cpp"].append(kl_top(entries, llama))
        self.rows["ours"].append(kl_of_top(entries, mine))
        self.llama_full.append(kl_full(p, llama))
        self.same["llama.cpp"] += int(llama.argmax()) == entries[0][0]
        self.same["ours"] += next(iter(mine)) == entries[0][0]
        if following in mine:
            for name, value in (("float", p), ("llama.cpp", llama), ("ours", mine)):
                self.surprise[name].append(-value[following])

    def figures(self, window):
        """(key, value): mean divergences and perplexities, with the standard error of ours less llama.cpp's."""
        count = len(self.rows["ours"])
        spread = float(np.std(np.subtract(self.rows["ours"], self.rows["llama.cpp"])) / np.sqrt(count))
        kl = {name: float(np.mean(kls)) for name, kls in self.rows.items()}
        ppl = {name: float(np.exp(np.mean(each))) for name, each in self.surprise.items()}
        named = [("positions", count), ("llama_kl_full", f"{np.mean(self.llama_full):.8f}"), ("llama_kl", f"{kl['llama.cpp']:.8f}"),
                 ("ours_kl", f"{kl['ours']:.8f}"), ("kl_difference_error", f"{spread:.8f}"),
                 ("ours_to_llama", f"{kl['ours'] / kl['llama.cpp']:.4f}"), ("float_ppl", f"{ppl['float']:.4f}"),
                 ("llama_ppl", f"{ppl['llama.cpp']:.4f}"), ("ours_ppl", f"{ppl['ours']:.4f}"),
                 ("llama_same_best", self.same["llama.cpp"]), ("ours_same_best", self.same["ours"])]
        return [(f"{key}_{window}", value) for key, value in named]


def measure(arguments, window, count, scratch):
    llama = TextRun(arguments.model, HERE / "text.txt", window, Path(scratch) / "base")
    families = load_families()
    model = families.Model(arguments.model, np.float32)
    graph, totals = families.Graph(model, window), Totals()
    add_bos = model.fields.get("tokenizer.ggml.add_bos_token")
    scored = list(range(window // 2, window - 1))
    for number in range(min(count, llama.windows)):
        ids = llama.ids[number * window:(number + 1) * window].copy()
        if add_bos is not None and add_bos.contents():
            ids[0] = model.fields["tokenizer.ggml.bos_token_id"].contents()
        logits = graph.logits(ids, scored)
        rows = zip(scored, llama.window(number), ours(arguments.program, arguments.model, ids, scratch, window))
        for at, (position, other, mine) in enumerate(rows):
            totals.add(int(ids[position + 1]), log_softmax(logits[at]), other, mine)
        print(f"  window {number + 1} of {window} is done", file=sys.stderr, flush=True)
    return totals.figures(window)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("program", help="etbridge")
    parser.add_argument("--windows", default="512:4,2048:1", help="LENGTH:COUNT, ...")
    parser.add_argument("--record", help="write the figures to this file, too")
    arguments = parser.parse_args()
    lengths, lines = [], []
    for part in arguments.windows.split(","):
        window, count = (int(n) for n in part.split(":"))
        lengths.append(str(window))
        with tempfile.TemporaryDirectory() as scratch:
            lines += [f"{key} {value}" for key, value in measure(arguments, window, count, scratch)]
    lines = [f"# {Path(arguments.model).name}, text.txt", "windows " + " ".join(lengths)] + lines
    print("\n".join(lines))
    if arguments.record:
        Path(arguments.record).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
