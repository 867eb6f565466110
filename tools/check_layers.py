#!/usr/bin/env python3
"""Fails if a room sees what tools/layers.txt does not grant it.

Reads every #include under src/, apps/ and include/, every ROOMS list of src/*/CMakeLists.txt, and
the code of src/ for calls that a library must not make (printing, ending the process).
Use: check_layers.py [REPOSITORY]
"""
import fnmatch
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cpp_text import code_only  # noqa: E402

CODE_SUFFIXES = {".h", ".hpp", ".cpp", ".inc", ".mm"}
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)
ROOM_CALL = re.compile(r"etb_room\(\s*(\w+)(.*?)\)", re.DOTALL)
ROOM_KEYWORDS = {"SOURCES", "ROOMS", "SYSTEM", "TESTS", "TEST_SYSTEM"}
# A guest neither talks nor ends its host's process.
FORBIDDEN_CALLS = re.compile(
    r"\bstd::(?:cout|cerr|clog)\b"
    r"|(?<![\w.>])(?:std::|::)?(?:v?f?printf|f?puts|putchar|perror|exit|_exit|_Exit|quick_exit|abort|terminate)\s*\(")


@dataclass
class Table:
    rooms: dict = field(default_factory=dict)    # room -> set of rooms
    headers: list = field(default_factory=list)  # (patterns, allowed rooms and files)
    tests: list = field(default_factory=list)    # path patterns


def read_table(text):
    table, section = Table(), ""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#", 1)[0].strip()
        if not line:
            continue
        if line.startswith("["):
            section = line.strip("[]")
        elif section == "tests":
            table.tests += line.split()
        elif section in ("rooms", "headers") and ":" in line:
            left, right = (part.split() for part in line.split(":", 1))
            if section == "rooms":
                table.rooms[left[0]] = set(right)
            else:
                table.headers.append((left, right))
        else:
            raise ValueError(f"layers.txt:{number}: not understood: {line}")
    return table


def table_errors(table):
    """Unknown names and cycles in the table itself."""
    for room, seen in table.rooms.items():
        for other in sorted(seen - table.rooms.keys()):
            yield f"layers.txt: room '{room}' may see '{other}', which is not in the table"
    ring = find_cycle({room: sorted(seen) for room, seen in table.rooms.items()})
    if ring:
        yield f"layers.txt: the table has a cycle: {' -> '.join(ring)}"


def find_cycle(graph):
    """One cycle of a graph {node: [node]} as a list of nodes that begins and ends alike, or None."""
    state, path = {}, []
    for root in graph:
        stack = [(root, iter(graph.get(root, ())))]
        if state.get(root):
            continue
        state[root] = "open"
        path = [root]
        while stack:
            node, rest = stack[-1]
            nxt = next(rest, None)
            if nxt is None:
                state[node] = "done"
                stack.pop()
                path.pop()
            elif state.get(nxt) == "open":
                return path[path.index(nxt):] + [nxt]
            elif nxt not in state and nxt in graph:
                state[nxt] = "open"
                path.append(nxt)
                stack.append((nxt, iter(graph.get(nxt, ()))))
    return None


def room_of(path, table):
    """The room of an include path or of a file path without its leading src/ (longest match)."""
    parts = path.split("/")
    for length in range(len(parts) - 1, 0, -1):
        if "/".join(parts[:length]) in table.rooms:
            return "/".join(parts[:length])
    return None


class Checker:
    def __init__(self, root, table):
        self.root, self.table = root, table
        self.errors = list(table_errors(table))
        self.file_graph = {}

    def run(self):
        for folder in ("src", "apps", "include"):
            for path in sorted((self.root / folder).rglob("*")):
                if path.suffix in CODE_SUFFIXES and path.is_file():
                    self.check_file(path)
        for path in sorted((self.root / "src").glob("*/CMakeLists.txt")):
            self.check_links(path)
        ring = find_cycle(self.file_graph)
        if ring:
            self.errors.append(f"files include each other in a ring: {' -> '.join(ring)}")
        return self.errors

    def check_file(self, path):
        name = path.relative_to(self.root).as_posix()
        inside = name.removeprefix("src/")
        is_test = any(fnmatch.fnmatch(name, pattern) for pattern in self.table.tests)
        room = room_of(inside, self.table)
        if room is None and not name.startswith("include/"):
            self.errors.append(f"{name}: its folder is no room of tools/layers.txt")
            return
        text = path.read_text(encoding="utf-8", errors="replace")
        for match in INCLUDE.finditer(text):
            where = f"{name}:{text.count(chr(10), 0, match.start(1) if match[1] else match.start(2)) + 1}"
            if match[1]:
                self.check_own(where, inside, room, match[1], is_test)
            elif not is_test:
                self.check_foreign(where, name, room, match[2])
        if name.startswith("src/") and not is_test:
            self.check_calls(name, text)

    def check_own(self, where, inside, room, header, is_test):
        if "/" not in header and inside.startswith("apps/"):  # an app is one folder: bare names are its own
            header = f"{inside.rsplit('/', 1)[0]}/{header}"
        target = room_of(header, self.table)
        self.file_graph.setdefault(inside, []).append(header)
        if target is None and (is_test or header.startswith("etb/")):  # a test's helpers, the public door
            return
        if target is None:
            self.errors.append(f'{where}: "{header}" names no room: write "room/file.h", foreign headers in <>')
        elif target != room and not is_test and target not in self.table.rooms.get(room, ()):
            self.errors.append(f'{where}: {room or "include"} may not see {target} ("{header}")')

    def check_foreign(self, where, name, room, header):
        for patterns, allowed in self.table.headers:
            if any(fnmatch.fnmatch(header, pattern) for pattern in patterns):
                if room not in allowed and name not in allowed:
                    self.errors.append(f"{where}: <{header}> is allowed only in {', '.join(allowed)}")

    def check_calls(self, name, text):
        code = code_only(text)
        for match in FORBIDDEN_CALLS.finditer(code):
            line = code.count("\n", 0, match.start()) + 1
            self.errors.append(f"{name}:{line}: '{match[0].strip()}': the library neither prints nor ends the process")

    def check_links(self, path):
        name = path.relative_to(self.root).as_posix()
        text = re.sub(r"#.*", "", path.read_text(encoding="utf-8"))
        for match in ROOM_CALL.finditer(text):
            keyword = ""
            for word in match[2].split():
                if word in ROOM_KEYWORDS:
                    keyword = word
                elif keyword == "ROOMS" and word not in self.table.rooms.get(match[1], ()):
                    self.errors.append(f"{name}: {match[1]} may not link {word}")


def main(arguments):
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    table = read_table((root / "tools/layers.txt").read_text(encoding="utf-8"))
    checker = Checker(root, table)
    errors = checker.run()
    for error in errors:
        print(error)
    print(f"layers: {len(checker.file_graph)} files with own includes, {len(errors)} violations")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
