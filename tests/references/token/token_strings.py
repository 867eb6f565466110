"""Seeded strings for comparing tokenizers, by category.

Characters that are random come from what this Python's Unicode (14.0 in Python 3.11) knows, so that
libraries with newer tables agree on their properties.
"""

import random
import sys
import unicodedata

SPECIALS = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]

RANGES = {
    "latin": [(0x61, 0x7A), (0x41, 0x5A)],
    "accents": [(0xC0, 0x17F), (0x1E00, 0x1EFF), (0x300, 0x36F), (0x61, 0x7A), (0x61, 0x7A)],
    "cyrillic": [(0x400, 0x4FF)],
    "greek": [(0x370, 0x3FF), (0x1F00, 0x1FFF)],
    "hebrew_arabic": [(0x5D0, 0x5EA), (0x591, 0x5C7), (0x620, 0x6FF), (0x750, 0x77F)],
    "indic": [(0x900, 0x97F), (0xB80, 0xBFF), (0x980, 0x9FF)],
    "thai_lao": [(0xE01, 0xE5B), (0xE81, 0xEDF)],
    "cjk": [(0x4E00, 0x9FFF), (0x3000, 0x303F), (0xFF01, 0xFF5E), (0x20000, 0x20100)],
    "kana": [(0x3041, 0x30FF)],
    "hangul": [(0xAC00, 0xD7A3), (0x1100, 0x11FF), (0x3131, 0x318E)],
    "symbols": [(0x2000, 0x2BFF), (0x21, 0x2F), (0x3A, 0x40)],
    "any": [(0x0, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x1FAFF), (0x30000, 0x3134A), (0xE0100, 0xE01EF)],
}
WORDS = ("the of and a to in is you that it he was for on are as with his they I at be this have from "
         "or one had by word but not what all were we when your can said there use an each which she do "
         "how their if will up other about out many then them these so some her would make like him "
         "into time has look two more write go see number no way could people my than first water been "
         "call who oil its now find long down day did get come made may part Hello World internationalization "
         "TOKENIZER iPhone McDonald naïve café über Straße résumé ﬁnance").split()
EMOJI = ["😀", "👍🏽", "👨‍👩‍👧‍👦", "🇩🇪", "🏳️‍🌈", "❤️", "🤦🏼‍♂️", "🧑‍💻", "☺", "✨", "🫠", "1️⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"]
SPACES = [" ", " ", " ", "\n", "\n", "\t", "\r\n", "\r", "\v", "\f", "\u0085", "\u00a0", "\u1680", "\u180e", "\u2003",
          "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\u200b", "\ufeff", "  ", "    "]
CODE = ["def f(x):\n    return x + 1\n", "for (int i = 0; i < n; ++i) {\n\tsum += a[i];\n}\n", "if (a && !b || c) ", "#include <vector>\n",
        "std::vector<std::pair<int, float>> v;", "x = {'key': [1, 2.5e-3], \"b\": None}", "SELECT * FROM t WHERE id >= 10;\n",
        "<div class=\"a b\">text</div>", "https://example.org/a/b?c=d&e=%20f#g", "/* comment */", "// TODO_x: fix\r\n", "    \t", "->", "!==", "$HOME/bin",
        "camelCaseName", "snake_case_name", "CONST_VALUE", "0xDEADBEEF", "1e-9", "lambda x: x**2", "\\n\\t", "`a`", "@decorator\n", "fn main() -> Result<(), E> {"]
NUMERIC = ["²", "½", "Ⅷ", "①", "٣", "७", "๔", "五", "𝟗", "𐄇", "௧௦"]
CONTRACTIONS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'T", "'RE", "'Ve", "'LL", "'D", "'M", "'ſ", "'", "’s", "''s", "'sx", "'lling"]


def _code_points(ranges):
    return [c for low, high in ranges for c in range(low, high + 1)
            if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]


POINTS = {name: _code_points(ranges) for name, ranges in RANGES.items()}


def _script(rng, name):
    points = POINTS[name]
    out = []
    for _ in range(rng.randint(1, 6)):
        out.append("".join(chr(rng.choice(points)) for _ in range(rng.randint(1, 7))))
    return rng.choice([" ", " ", "", ", ", "\n"]).join(out)


def _words(rng, low=2, high=9):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(low, high)))


def _whitespace(rng):
    out = ""
    for _ in range(rng.randint(1, 9)):
        out += rng.choice(SPACES) * rng.choice([1, 1, 1, 2, 3, 7])
        out += rng.choice(["", "", "a", "word", "1", ".", "é", "'s"])
    return out


def _emoji(rng):
    return "".join(rng.choice(EMOJI) + rng.choice(["", " ", "!", " ok "]) for _ in range(rng.randint(1, 5)))


def _code(rng):
    return "".join(rng.choice(CODE) + rng.choice(["", " ", "\n", "\n\n"]) for _ in range(rng.randint(1, 4)))


def _digits(rng):
    out = []
    for _ in range(rng.randint(1, 6)):
        out.append(rng.choice([str(rng.randrange(10 ** rng.randint(1, 12))), rng.choice(NUMERIC), f"{rng.random() * 1e4:.3f}",
                               f"{rng.randrange(99)}:{rng.randrange(60):02}", f"v{rng.randrange(9)}x", rng.choice(NUMERIC) * 3]))
    return rng.choice([" ", "", ",", "-", "  "]).join(out)


def _contractions(rng):
    return "".join(rng.choice(WORDS + ["I", "DON", "é", "1", " "]) + rng.choice(CONTRACTIONS) + rng.choice([" ", "", "."])
                   for _ in range(rng.randint(1, 6)))


def _look_alikes(rng):
    broken = ["<|im_start|", "<|im_end|>>", "<<|im_start|>", "<|im_ end|>", "< |im_start|>", "<|IM_START|>", "<|endoftext", "|>", "<|",
              "<s>", "</s>", "<unk>", "<0x0A>", "[INST]", "<bos>", "▁"]
    parts = SPECIALS + broken + ["user\n", "system", " ", "\n", "Hi", "word "]
    return "".join(rng.choice(parts) for _ in range(rng.randint(1, 7)))


def _controls(rng):
    return "".join(chr(rng.choice([rng.randrange(32), 127, rng.randrange(0x80, 0xA0), 0x61, 0x20])) for _ in range(rng.randint(1, 14)))


def _edges(rng):
    one = chr(rng.choice(POINTS["any"]))
    return rng.choice(["", one, " " + one, one + " ", one * 3, "a" * rng.randint(1, 90), " " * rng.randint(1, 40) + "x", "\n" * rng.randint(1, 20),
                       "ab" * rng.randint(10, 50), "-" * rng.randint(1, 70), "é" * rng.randint(1, 30), "Ab" * rng.randint(1, 9)])


def _mixed(rng):
    makers = [_words, _whitespace, _emoji, _code, _digits, _contractions, lambda r: _script(r, r.choice(list(RANGES)))]
    return "".join(rng.choice(makers)(rng) for _ in range(rng.randint(2, 3)))


MAKERS = {name: (lambda rng, name=name: _script(rng, name)) for name in RANGES}
MAKERS.update(words=_words, whitespace=_whitespace, emoji=_emoji, code=_code, digits=_digits, contractions=_contractions,
              look_alikes=_look_alikes, controls=_controls, edges=_edges, mixed=_mixed)


def strings(seed, per_category, max_chars=160):
    """(category, text) pairs, the same for the same arguments."""
    rng = random.Random(seed)
    for name, make in MAKERS.items():
        for _ in range(per_category):
            yield name, make(rng)[:max_chars]


def prose(seed, characters):
    """Mixed text for timing: mostly words, with code, digits, scripts and emoji in between."""
    rng = random.Random(seed)
    out, size = [], 0
    while size < characters:
        maker = rng.choices([lambda r: _words(r, 8, 30) + ". ", _code, _digits, lambda r: _script(r, "cyrillic"), lambda r: _script(r, "cjk"),
                             _emoji, _contractions], [12, 3, 1, 1, 1, 1, 1])[0]
        out.append(maker(rng))
        size += len(out[-1])
    return "".join(out)


if __name__ == "__main__":
    for category, text in strings(int(sys.argv[1]), int(sys.argv[2])):
        print(category, ascii(text))
