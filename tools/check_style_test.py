#!/usr/bin/env python3
"""Proves that check_style measures what it says it measures."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from check_style import Checker, functions  # noqa: E402
from cpp_text import code_only  # noqa: E402

SAMPLE = r"""
#define MACRO(x) { x }
namespace a::b {
struct Pair {
  int left{0}, right{0};
  std::array<int, size()> cells{};
  explicit Pair(int l) : left{l}, right{l} {
    touch();
  }
  bool operator==(const Pair& other) const { return left == other.left; }
  int sum() const noexcept { return left + right; }
};
constexpr int kTable[] = {1, 2, 3};
std::map<int, std::string> list(std::function<void(int, int)> f, std::map<int, int> m = {}) {
  auto inner = [&](int a, int b, int c, int d, int e, int g) {
    if (a) { return "}"; }
    return "{ not code";  // }
  };
  for (;;) {
  }
}
template <class... Pieces>
requires(sizeof...(Pieces) > 0)
std::string concat(const Pieces&... pieces) {
  return R"(}}}{)" + '}' + 1'000;
}
enum class Kind : int { A, B };
auto trailing(int a, int b, int c, int d, int e, int f) -> int { return a; }
}  // namespace a::b
extern "C" { void c_door(void) {} }
"""


def errors_of(files):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        return Checker(root).run()


class Functions(unittest.TestCase):
    def test_every_function_is_found_with_length_and_parameters(self):
        found = {f.name: (f.lines, f.parameters) for f in functions(SAMPLE)}
        self.assertEqual(found, {"Pair": (3, 1), "operator==": (1, 1), "sum": (1, 0), "list": (8, 2), "concat": (5, 1),
                                 "trailing": (1, 6), "c_door": (1, 0)})

    def test_text_without_literals_keeps_its_lines(self):
        text = 'a /* x\ny */ "{" R"t()")t" \'}\' // end {\nb'
        self.assertEqual(code_only(text).count("\n"), text.count("\n"))
        self.assertNotRegex(code_only(text), "[{}]")


class CheckStyle(unittest.TestCase):
    def expect(self, files, part):
        errors = errors_of(files)
        self.assertEqual(len(errors), 1, errors)
        self.assertIn(part, errors[0])

    def body(self, lines):
        return "// Role.\nint f() {\n" + "  g();\n" * (lines - 2) + "}\n"

    def test_function_length_at_and_over_the_limit(self):
        self.assertEqual(errors_of({"src/a/x.cpp": self.body(70)}), [])
        self.expect({"src/a/x.cpp": self.body(71)}, "src/a/x.cpp:2: f: 71 lines")

    def test_file_length_at_and_over_the_limit(self):
        self.assertEqual(errors_of({"tools/x.py": "# Role.\n" + "\n" * 599}), [])
        self.expect({"tools/x.py": "# Role.\n" + "\n" * 600}, "601 lines")

    def test_parameters(self):
        six = "void f(int a, int b, int c, int d, int e, int g) {}\n"
        self.expect({"apps/x.cpp": "// Role.\n" + six}, "6 parameters")
        self.assertEqual(errors_of({"apps/x.cpp": "// Role.\n\n// The signature is the host's.\n" + six}), [])

    def test_opening_comment(self):
        self.expect({"src/a/x.h": "#pragma once\n// Late.\n"}, "open the file with a comment")
        self.assertEqual(errors_of({"src/a/x.h": "// Role.\n", "src/a/x.cpp": '#include "a/x.h"\n',
                                    "src/a/x_test.cpp": "int x;\n"}), [])
        self.expect({"src/a/y_test.cpp": "int x;\n"}, "open the file with a comment")
        self.expect({"scripts/x.sh": "#!/bin/sh\necho\n"}, "open the file with a comment")

    def test_unfinished_work(self):
        self.expect({"src/a/x.h": "// Role.\n// TO" "DO: later\n"}, "src/a/x.h:2: unfinished work")

    def test_machine_paths(self):
        self.expect({"src/a/x.h": '// Role.\nauto p = "/ro' 'ot/model";\n'}, "a path of one machine")
        self.expect({"README.md": "# x\n\nsee /wo" "rk/main\n"}, "README.md:3")
        self.assertEqual(errors_of({"src/a/x.h": "// Role: build/ro" "ot/x, ${HOME}/wo" "rk/x, /home/a\n"}), [])


if __name__ == "__main__":
    unittest.main()
