#!/usr/bin/env python3
"""Fails on what the house rules measure: see LIMITS and the check_ functions below.

Use: check_style.py [REPOSITORY]. Prints one line a finding, then the figures of the whole tree.
"""
import re
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cpp_text import code_only  # noqa: E402

MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 70
MAX_PARAMETERS = 5
WANTED_TESTS = 0.7  # lines of test a line of code
CPP = {".h", ".hpp", ".cpp", ".inc", ".mm"}
SCRIPT = {".py", ".sh", ".cmake"}
FOLDERS = ("src", "apps", "include", "tests", "bench", "fuzz", "tools", "scripts", "cmake")
# Written in pieces, so that this file passes its own check.
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
MACHINE_PATH = re.compile(r"(?<![\w.}/])/(?:wo" r"rk|ro" r"ot|tm" r"p)/\w")

CALLABLE = re.compile(r"(operator\s*(?:\(\s*\)|[^\s(\w]+|\s\w+)|~?[\w:]+(?:<[^()]*>)?)\s*\(")
AFTER_PARAMETERS = re.compile(
    r"\s*(?:(?:const|noexcept|override|final|volatile|try|mutable|&&?)\s*)*(?:(?:->|:|requires\b).*)?$", re.DOTALL)

# Said in the comment line right above a function whose parameters are not ours to choose (a callback).
GIVEN_SIGNATURE = re.compile(r"//.*\b[Ss]ignature\b")


@dataclass
class Function:
    name: str
    line: int
    lines: int
    parameters: int


def split_top(text, separator=","):
    """Splits at separators that stand outside every bracket."""
    parts, depth, start = [], 0, 0
    for index, char in enumerate(text):
        if char in "([{<":
            depth += 1
        elif char in ")]}" or (char == ">" and text[index - 1] != "-"):
            depth -= 1
        elif char == separator and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    return [part for part in parts + [text[start:]] if part.strip()]


def parameter_list(head):
    """(name, parameter count) of a function's head, or None if the head is no function's."""
    head = re.sub(r"\bnoexcept\s*\([^()]*\)|\brequires\s*\([^()]*\)|\[\[.*?\]\]", "", head)
    for match in CALLABLE.finditer(head):
        depth = 0
        for index in range(match.end() - 1, len(head)):
            depth += {"(": 1, ")": -1}.get(head[index], 0)
            if depth == 0:
                break
        if AFTER_PARAMETERS.match(head[index + 1:]):
            inner = head[match.end():index].strip()
            return match[1], 0 if inner == "void" else len(split_top(inner))
    return None


def functions(text):
    """The functions defined in a C++ text, by following its braces."""
    code = re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", lambda m: "\n" * m[0].count("\n"), code_only(text), flags=re.MULTILINE)
    found, stack, head, line, head_line = [], [], "", 1, 1
    for char in code:
        if char == "\n":
            line += 1
        if char == "{":
            stack.append((brace_kind(head, stack), head, head_line))
            if stack[-1][0] != "init":
                head = ""
        elif char == "}" and stack:
            kind, opened_head, opened_line = stack.pop()
            if kind == "init":
                head = opened_head + "{}"
            else:
                head = ""
            if kind == "function":
                name, parameters = parameter_list(opened_head)
                found.append(Function(name, opened_line, line - opened_line + 1, parameters))
        elif char == ";" and not (stack and stack[-1][0] == "init") and head.count("(") == head.count(")"):
            head = ""
        else:
            if not head.strip():
                head, head_line = "", line
            head += char
    return found


def brace_kind(head, stack):
    """What an opening brace opens, judged by the text before it and by what it stands in."""
    if stack and stack[-1][0] in ("function", "block"):
        return "block"
    if stack and stack[-1][0] == "init" or head.count("(") != head.count(")"):
        return "init"
    text = head.strip()
    if re.search(r"\bnamespace\b[^()]*$|\bextern\s*\"\"$", text):
        return "scope"
    bare = re.sub(r"\btemplate\s*<.*?>\s*(?=\w|\[)", "", text)
    if re.search(r"^(?:\w+\s+)*(?:class|struct|union|enum)\b", bare) and not re.search(r"\)\s*(?:const|noexcept|override)?$", bare):
        return "scope"
    if text.endswith("=") or "(" not in text or re.search(r"=\s*[\w:<>, ]*$", text):
        return "init"
    # A brace right after a name in a constructor's list of members initialises that member.
    if re.search(r"\)\s*(?:noexcept\s*)?:(?!:)", text) and re.search(r"[\w>]$", text) and not text.endswith("{}"):
        return "init"
    return "function" if parameter_list(text) else "init"


class Checker:
    def __init__(self, root):
        self.root = root
        self.errors = []
        self.code_lines = self.test_lines = self.files = 0
        self.function_lines = []

    def run(self):
        for folder in FOLDERS:
            for path in sorted((self.root / folder).rglob("*")):
                wanted = path.suffix in CPP | SCRIPT or path.name == "CMakeLists.txt"
                if wanted and path.is_file() and "__pycache__" not in path.parts:
                    self.check_file(path)
        for path in sorted(self.root.glob("*.md")) + sorted((self.root / "docs").rglob("*.md")):
            self.check_words(path.relative_to(self.root).as_posix(), path.read_text(encoding="utf-8"))
        return self.errors

    def check_file(self, path):
        name = path.relative_to(self.root).as_posix()
        text = path.read_text(encoding="utf-8", errors="replace")
        lines = text.count("\n")
        self.files += 1
        if lines > MAX_FILE_LINES:
            self.errors.append(f"{name}: {lines} lines; a file has at most {MAX_FILE_LINES}: split it by idea")
        # A source or test file whose header stands beside it has its role told there.
        told_in_header = path.suffix == ".cpp" and path.with_name(path.stem.removesuffix("_test") + ".h").exists()
        if path.name != "CMakeLists.txt" and not told_in_header and not opens_with_comment(text, path.suffix):
            self.errors.append(f"{name}:1: open the file with a comment on its role")
        self.check_words(name, text)
        if path.suffix in CPP:
            self.check_functions(name, text)
            self.count(name, path, lines)

    def check_words(self, name, text):
        for number, line in enumerate(text.splitlines(), 1):
            for pattern, what in ((UNFINISHED, "unfinished work"), (MACHINE_PATH, "a path of one machine")):
                match = pattern.search(line)
                if match:
                    self.errors.append(f"{name}:{number}: {what}: '{match[0]}'")

    def check_functions(self, name, text):
        lines = text.splitlines()
        for function in functions(text):
            self.function_lines.append(function.lines)
            where = f"{name}:{function.line}: {function.name}"
            if function.lines > MAX_FUNCTION_LINES:
                self.errors.append(f"{where}: {function.lines} lines; a function has at most {MAX_FUNCTION_LINES}")
            if function.parameters > MAX_PARAMETERS and not GIVEN_SIGNATURE.search(lines[max(0, function.line - 2)]):
                self.errors.append(f"{where}: {function.parameters} parameters; from {MAX_PARAMETERS + 1} on, use a struct")

    def count(self, name, path, lines):
        if name.startswith("tests/") or "/testing/" in name or path.stem.endswith(("_test", "_testing")):
            self.test_lines += lines
        elif path.suffix != ".inc" and name.startswith(("src/", "apps/", "include/")):  # .inc: tables
            self.code_lines += lines

    def figures(self):
        lengths = sorted(self.function_lines) or [0]
        ratio = self.test_lines / max(self.code_lines, 1)
        return (f"style: {self.files} files; functions: {len(self.function_lines)}, median {lengths[len(lengths) // 2]}, "
                f"p90 {lengths[len(lengths) * 9 // 10]}, max {lengths[-1]} lines; "
                f"C++ code {self.code_lines}, tests {self.test_lines} lines: {ratio:.2f} a line (wanted {WANTED_TESTS})")


def opens_with_comment(text, suffix):
    if suffix in CPP:
        return text.lstrip().startswith(("//", "/*"))
    first = re.sub(r"^#![^\n]*\n", "", text).lstrip()
    return first.startswith(("#", '"""'))


def main(arguments):
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    checker = Checker(root)
    errors = checker.run()
    for error in errors:
        print(error)
    print(checker.figures())
    print(f"style: {len(errors)} violations")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
