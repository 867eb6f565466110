"""C++ source text without its comments and literals, for the checkers in this folder."""
import re

# One pass over whatever may hide a brace or a word: raw strings, strings, characters, comments.
# A quote between digits is a separator (1'000), not the start of a character.
_HIDING = re.compile(
    r'R"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'"
    r"|//(?:\\\n|[^\n])*"
    r"|/\*.*?\*/",
    re.DOTALL)


def code_only(text):
    """Comments become blanks and literals empty ones; every line keeps its number."""
    def blank(match):
        kept = "\n" * match[0].count("\n")
        return ('""' if match[0][0] in "\"'R" else " ") + kept
    return _HIDING.sub(blank, text)
