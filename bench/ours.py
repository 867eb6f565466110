"""etbridge as the bench runs it."""

import json

from process import run


class Ours:
    def __init__(self, program, threads):
        self.program, self.threads = program, threads

    def load_import(self, gguf, pte):
        """Imports once; returns the finished process."""
        return run([self.program, "import", gguf, "-o", pte])

    def facts(self, model):
        return json.loads(run([self.program, "inspect", model, "--json"]).stdout)

    def rates(self, model, prompts, generate, depths):
        """Tokens per second of one repeat: ({(kind, tokens, depth): rate}, kernel path)."""
        done = run([self.program, "bench", model, "-p", ",".join(map(str, prompts)), "-n", generate,
                    "-d", ",".join(map(str, depths)), "-t", self.threads, "-r", 1, "--json"])
        report = json.loads(done.stdout)
        return {(r["kind"], r["tokens"], r["depth"]): r["tps"]["median"] for r in report["runs"]}, report["path"]

    def answer(self, model, prompt_file, tokens, context):
        """A greedy answer of the raw text. Returns (finished process, its JSON)."""
        done = run([self.program, "run", model, "--raw", "-f", prompt_file, "-n", tokens, "--temp", 0, "--ignore-eos",
                    "--context", context, "--threads", self.threads, "--json"])
        return done, json.loads(done.stdout)
