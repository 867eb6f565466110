#!/usr/bin/env python3
"""Records what other tokenizers say, once, into small files that the tests read; and compares.

    record_tokens.py record  --model SmolLM2.gguf          writes smollm2.txt and small.txt beside this script
    record_tokens.py compare --model SmolLM2.gguf --binary build/release/bin/etbridge [--count 100000]
    record_tokens.py speed   --model SmolLM2.gguf --binary build/release/bin/etbridge

Needs: pip install tokenizers==0.22.2 sentencepiece==0.2.3 gguf.
The oracles are Hugging Face `tokenizers` (for the model its own vocabulary, rebuilt from the GGUF; for
pre-tokenizers without a model at hand small vocabularies trained here) and `sentencepiece`.

A recorded file holds vocabularies and cases, a line each, fields parted by tabs, text escaped (\\\\ \\n \\r \\t \\xNN):
    vocab NAME KIND PRE SPACE_PREFIX | token TYPE[l][r] SCORE TEXT (l, r: strips white space) | merge TEXT | case CATEGORY SPECIAL TEXT IDS
"""

import argparse
import io
import json
import os
import re
import subprocess
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

import token_strings

HERE = os.path.dirname(os.path.abspath(__file__))
CONTROL, USER_DEFINED = 3, 4

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
_UPPER, _LOWER, _SUFFIX = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
O200K = (rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_SUFFIX}|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_SUFFIX}"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def pre_tokenizer(name):
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    split = lambda regex, how="isolated", invert=False: pre_tokenizers.Split(Regex(regex), how, invert)
    return {
        "smollm": lambda: pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), gpt2]),
        "gpt-2": lambda: gpt2,
        "llama-bpe": lambda: pre_tokenizers.Sequence([split(LLAMA3), byte_level]),
        "qwen2": lambda: pre_tokenizers.Sequence([split(QWEN2), byte_level]),
        "gpt-4o": lambda: pre_tokenizers.Sequence([split(O200K, "removed", True), byte_level]),
    }[name]()


class Peer:
    """A tokenizer of another project, with and without special tokens in the text, and its vocabulary."""

    def __init__(self, name, pre, tokens, types, merges, strips=None):
        self.strips = strips or {}  # token -> "l", "r" or "lr"
        self.name, self.kind, self.pre, self.space = name, "bpe", pre, 0
        self.tokens, self.types, self.merges, self.scores = tokens, types, merges, [0.0] * len(tokens)
        self.plain, self.special = self._build(False), self._build(True)

    def _build(self, special):
        vocab = {t: i for i, t in enumerate(self.tokens)}
        model = models.BPE(vocab, [tuple(m.split(" ")) for m in self.merges], ignore_merges=self.pre == "llama-bpe")
        tokenizer = Tokenizer(model)
        tokenizer.pre_tokenizer = pre_tokenizer(self.pre)
        if self.pre == "qwen2":
            tokenizer.normalizer = normalizers.NFC()
        strip = lambda token, side: side in self.strips.get(token, "")
        added = [AddedToken(t, special=k == CONTROL, normalized=False, lstrip=strip(t, "l"), rstrip=strip(t, "r"))
                 for t, k in zip(self.tokens, self.types) if k == USER_DEFINED or (k == CONTROL and special)]
        tokenizer.add_tokens(added)
        return tokenizer

    def encode(self, text, special):
        return (self.special if special else self.plain).encode(text, add_special_tokens=False).ids


def train_bpe(name, pre, size, user_defined=(), extra=(), strips=None):
    """A small byte-level vocabulary; `extra` entries no merge leads to (only ignore_merges finds them)."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer(pre)
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
                                  special_tokens=token_strings.SPECIALS)
    corpus = [text for _, text in token_strings.strings(1, 60)]
    tokenizer.train_from_iterator(corpus + [token_strings.prose(2, 20000)], trainer)
    state = json.loads(tokenizer.to_str())["model"]
    tokens = [t for t, _ in sorted(state["vocab"].items(), key=lambda item: item[1])]
    types = [CONTROL if t in token_strings.SPECIALS else 1 for t in tokens]
    tokens += [*extra, *user_defined]
    types += [1] * len(extra) + [USER_DEFINED] * len(user_defined)
    return Peer(name, pre, tokens, types, [" ".join(m) for m in state["merges"]], strips)


class SentencePiecePeer:
    """A small SentencePiece model. Special tokens in the text are cut out here where sentencepiece does not: control tokens,
    and with a space prefix all of them, since Hugging Face (legacy) and llama.cpp put the prefix behind each, too."""

    USER_DEFINED = ["<tool>", "<|im_startle|>", "\n\n"]
    CONTROL = [*token_strings.SPECIALS, "<unk>", "<s>", "</s>"]

    def __init__(self, name, space):
        out = io.BytesIO()
        known = ("words", "code", "contractions", "cyrillic", "whitespace", "digits")  # the others need byte fallback
        corpus = [text for category, text in token_strings.strings(1, 60) if category in known]
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(corpus), model_writer=out, model_type="bpe", vocab_size=900, byte_fallback=True,
            normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=bool(space), character_coverage=0.98,
            control_symbols=token_strings.SPECIALS, user_defined_symbols=self.USER_DEFINED, minloglevel=2)
        self.strips = {}
        self.model = sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())
        self.name, self.kind, self.pre, self.space, self.merges = name, "spm", "", int(space), []
        model = self.model
        ids = range(model.get_piece_size())
        self.tokens, self.scores = [model.id_to_piece(i) for i in ids], [model.get_score(i) for i in ids]
        self.types = [self._type(i) for i in ids]

    def _type(self, i):
        m = self.model
        if m.is_byte(i):
            return 6
        if m.is_unknown(i):
            return 2
        if m.is_control(i):
            return CONTROL
        return USER_DEFINED if m.id_to_piece(i) in self.USER_DEFINED else 1

    def encode(self, text, special):
        cut = (self.USER_DEFINED if self.space or special else []) + (self.CONTROL if special else [])
        ids = []
        for part in re.split("(" + "|".join(sorted(map(re.escape, cut), key=len, reverse=True)) + ")", text) if cut else [text]:
            ids += [self.model.piece_to_id(part)] if part in cut else self.model.encode(part)
        return ids


def read_model(path):
    import gguf

    fields = gguf.GGUFReader(path).fields
    get = lambda key: fields["tokenizer.ggml." + key].contents()
    return Peer("smollm2", get("pre"), get("tokens"), get("token_type"), get("merges"))


def escape(text):
    out = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return "".join(f"\\x{ord(c):02x}" if ord(c) < 32 or ord(c) == 127 else c for c in out)


def cases(peer, seed, per_category, specials):
    for category, text in token_strings.strings(seed, per_category, 70):
        for special in specials if category in ("look_alikes", "mixed") else specials[:1]:
            ids = " ".join(map(str, peer.encode(text, bool(special))))
            yield f"case\t{category}\t{special}\t{escape(text)}\t{ids}"


def write(path, lines):
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(lines) + "\n")
    print(f"{path}: {os.path.getsize(path)} bytes, {sum(line.startswith('case') for line in lines)} cases")


def vocabulary(peer):
    yield f"vocab\t{peer.name}\t{peer.kind}\t{peer.pre}\t{peer.space}"
    for text, kind, score in zip(peer.tokens, peer.types, peer.scores):
        yield f"token\t{kind}{peer.strips.get(text, '')}\t{score:g}\t{escape(text)}"
    for merge in peer.merges:
        yield f"merge\t{escape(merge)}"


def record(args):
    write(os.path.join(HERE, "smollm2.txt"), [*cases(read_model(args.model), 7, 60, (0, 1))])
    lines = []
    extra = {"llama-bpe": ["internationalization", "Ġover", "zq"]}
    strips = {"gpt-4o": {"<|im_start|>": "lr", "<|im_end|>": "r", "<tool>": "l"}}  # as Phi-4-mini has
    for pre in ("smollm", "gpt-2", "llama-bpe", "qwen2", "gpt-4o"):
        peer = train_bpe("small-" + pre, pre, 700, ["<tool>", "<|im_startle|>", "  "], extra.get(pre, []), strips.get(pre))
        lines += [*vocabulary(peer), *cases(peer, 11, 8, (0, 1))]
    for space in (0, 1):
        peer = SentencePiecePeer(f"small-spm-{space}", space)
        lines += [*vocabulary(peer), *cases(peer, 13, 8, (0, 1))]
    write(os.path.join(HERE, "small.txt"), lines)


def run_binary(args, texts, special):
    command = [args.binary, "tokenize", args.model] + (["--special"] if special else [])
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    start = time.perf_counter()
    done = subprocess.run(command, input=lines.encode(), stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()], time.perf_counter() - start


def compare(args):
    peer = read_model(args.model)
    per_category = -(-args.count // len(token_strings.MAKERS))
    pairs = [*token_strings.strings(args.seed, per_category)]
    failed = 0
    for special in (False, True):
        ours, _ = run_binary(args, [text for _, text in pairs], special)
        if len(ours) != len(pairs):
            sys.exit(f"{len(ours)} answers to {len(pairs)} strings")
        counts = {}
        for (category, text), ids in zip(pairs, ours):
            counts.setdefault(category, [0, 0])
            equal = ids == peer.encode(text, special)
            counts[category][0 if equal else 1] += 1
            if not equal and failed < 20:
                print(f"differs: {ascii(text)}\n  ours   {ids}\n  theirs {peer.encode(text, special)}")
            failed += not equal
        print(f"special tokens {'read' if special else 'as text'}: {len(pairs)} strings, equal/different by category:")
        print("  " + ", ".join(f"{name} {good}/{bad}" for name, (good, bad) in counts.items()))
    sys.exit(1 if failed else 0)


def speed(args):
    """Hugging Face in this process against the whole binary, process start and JSON included."""
    peer = read_model(args.model)
    text = token_strings.prose(5, 4_000_000)
    pieces = [text[i:i + 4000] for i in range(0, len(text), 4000)]
    size = len(text.encode()) / 1e6
    start = time.perf_counter()
    theirs = [peer.plain.encode(piece, add_special_tokens=False).ids for piece in pieces]
    there = time.perf_counter() - start
    ours, here = run_binary(args, pieces, False)
    print(f"{size:.1f} MB: tokenizers {size / there:.1f} MB/s, ours {size / here:.1f} MB/s (with start and JSON), "
          f"ids {'equal' if ours == theirs else 'DIFFER'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["record", "compare", "speed"])
    parser.add_argument("--model", required=True)
    parser.add_argument("--binary")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=23)
    args = parser.parse_args()
    {"record": record, "compare": compare, "speed": speed}[args.verb](args)


if __name__ == "__main__":
    main()
