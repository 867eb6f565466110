#!/usr/bin/env python3
"""Proves that check_layers catches each kind of violation, and nothing in a clean tree."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from check_layers import Checker, find_cycle, read_table  # noqa: E402

TABLE = """
[rooms]
base:
platform: base
token: base
apps/cli: base token
[headers]
executorch/*: platform
nlohmann/*: apps/cli/json.cpp
unistd.h sys/*: platform apps/cli
[tests]
*_test.cpp */testing/*
"""


def errors_of(files, table=TABLE):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "src").mkdir()
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        return Checker(root, read_table(table)).run()


class CheckLayers(unittest.TestCase):
    def expect(self, files, *parts, table=TABLE):
        errors = errors_of(files, table)
        self.assertEqual(len(errors), 1, errors)
        for part in parts:
            self.assertIn(part, errors[0])

    def test_clean_tree_passes(self):
        self.assertEqual(errors_of({
            "src/base/status.h": "#include <string>\n",
            "src/token/bpe.cpp": '#include "token/bpe.h"\n#include "base/status.h"\n',
            "src/token/bpe.h": "#pragma once\n",
            "src/platform/mmap.cpp": "#include <unistd.h>\n#include <sys/mman.h>\n",
            "src/token/CMakeLists.txt": "etb_room(token\n  SOURCES bpe.cpp\n  ROOMS base)\n",
            "apps/cli/main.cpp": '#include "args.h"\n#include <unistd.h>\nint main() { std::printf("hi"); }\n',
            "apps/cli/args.h": "",
        }), [])

    def test_edge_upwards_is_named_with_its_line(self):
        self.expect({"src/base/x.cpp": '// role\n#include "token/bpe.h"\n'}, "src/base/x.cpp:2", "base may not see token")

    def test_edge_between_rooms_not_granted(self):
        self.expect({"src/token/x.h": '#include "platform/mmap.h"'}, "token may not see platform")

    def test_tests_may_see_every_room(self):
        peeks = '#include "token/bpe.h"\n#include "support/x.h"\n#include <executorch/a.h>'
        self.assertEqual(errors_of({"src/base/x_test.cpp": peeks, "src/base/testing/x.h": peeks}), [])

    def test_unknown_room_in_an_include_and_as_a_folder(self):
        self.expect({"src/token/x.cpp": '#include "bpe.h"'}, "names no room")
        self.expect({"src/secret/x.cpp": "int x;"}, "its folder is no room")

    def test_foreign_headers_only_where_allowed(self):
        self.expect({"src/token/x.h": "#include <executorch/runtime/x.h>"}, "allowed only in platform")
        self.expect({"apps/cli/main.cpp": "#include <nlohmann/json.hpp>"}, "allowed only in apps/cli/json.cpp")
        self.expect({"src/base/x.cpp": "#  include <sys/stat.h>"}, "sys/stat.h")

    def test_library_neither_prints_nor_exits(self):
        for call in ('printf("x");', "std::cout << 1;", "std::abort();", "::exit(1);", 'fprintf(stderr, "x");'):
            self.expect({"src/base/x.cpp": f"void f() {{\n  {call}\n}}\n"}, "src/base/x.cpp:2")

    def test_words_in_comments_strings_and_members_are_no_calls(self):
        self.assertEqual(errors_of({"src/base/x.cpp": '// abort() is not called\nauto s = "exit(1)"; /* puts("") */\n'
                                                      "void f() { guard.abort(); snprintf(b, 1, s); }\n"}), [])

    def test_cmake_links_follow_the_table(self):
        self.expect({"src/base/CMakeLists.txt": "etb_room(base\n  SOURCES a.cpp\n  ROOMS token # no\n  SYSTEM x)\n"},
                    "base may not link token")

    def test_cycle_in_the_table(self):
        self.expect({}, "cycle", "a -> b -> a", table="[rooms]\na: b\nb: a\n")

    def test_unknown_room_in_the_table(self):
        self.expect({}, "'nowhere'", table="[rooms]\na: nowhere\n")

    def test_files_in_a_ring(self):
        self.expect({"src/base/a.h": '#include "base/b.h"', "src/base/b.h": '#include "base/a.h"'}, "in a ring")

    def test_find_cycle_needs_a_real_one(self):
        self.assertIsNone(find_cycle({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}))

    def test_broken_table_is_refused(self):
        with self.assertRaises(ValueError):
            read_table("[rooms]\nno colon here\n")


if __name__ == "__main__":
    unittest.main()
