#!/usr/bin/env python3
"""Peak memory of `etbridge run` against file + KV in use; anonymous memory beside it.

    bench/memory.py ETBRIDGE MODEL.pte [--tokens 64] [--threads 2]
"""

import argparse
import tempfile
from pathlib import Path

from compare import CONTEXT, write_prompts
from ours import Ours
from report import MIB

LIMIT = 1.25


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("etbridge")
    parser.add_argument("model", type=Path)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    ours = Ours(arguments.etbridge, arguments.threads)
    per_token = ours.facts(arguments.model)["kv_bytes_per_token"]
    file_bytes = arguments.model.stat().st_size
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        for prompt in write_prompts(Path(folder)):
            done, answer = ours.answer(arguments.model, prompt, arguments.tokens, CONTEXT)
            positions = answer["prompt_tokens"] + answer["generated_tokens"]
            whole = file_bytes + positions * per_token
            missed = missed or done.peak_rss > LIMIT * whole
            print(f"{positions} positions: peak RSS {done.peak_rss / MIB:.1f} MiB = {done.peak_rss / whole:.3f} x "
                  f"(file {file_bytes / MIB:.1f} + KV {positions * per_token / MIB:.1f} MiB), "
                  f"anonymous {done.peak_anon / MIB:.1f} MiB; "
                  f"the program itself says {answer['peak_rss_bytes'] / MIB:.1f} and {answer['peak_anon_bytes'] / MIB:.1f}")
    if missed:
        raise SystemExit(f"peak RSS is above {LIMIT} x (file + KV in use)")


if __name__ == "__main__":
    main()
