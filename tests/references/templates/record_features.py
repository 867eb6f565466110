#!/usr/bin/env python3
"""Records what jinja2, set up as Hugging Face does, gives for every template of features.py.

Use: record_features.py [--check DRIVER]
Writes features.json, which `make test` compares our interpreter with; --check compares the built
etb_render_driver at once and prints the differences. Needs jinja2 3.1.6, no network.
"""
import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from compare_templates import NOW, first_difference, run_driver, same  # noqa: E402
from features import CHAT, cases  # noqa: E402
from hugging_face import Reference  # noqa: E402

ADDRESS = re.compile(r" at 0x[0-9a-f]+>|<generator object|<list_reverseiterator|<built-in method|<bound method")


def record():
    """[{"template", "line" (index into lines), and what jinja2 gives}]; texts with addresses in them are left out."""
    reference = Reference(NOW)
    lines, recorded = [], []
    for template, line in cases():
        expected = reference.render(reference.parse(template), line)
        if ADDRESS.search(expected.get("prompt", "")):
            continue
        if line not in lines:
            lines.append(line)
        recorded.append({"template": template, "line": lines.index(line), **expected})
    return {"now": NOW, "lines": lines, "cases": recorded}


def check(driver, record_):
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for index, case in enumerate(record_["cases"]):
            files.append(Path(folder) / f"{index}.jinja")
            files[-1].write_bytes(case["template"].encode())
        answers = run_driver(driver, files, [(i, "", record_["lines"][c["line"]]) for i, c in enumerate(record_["cases"])])
    different = 0
    for case, answer in zip(record_["cases"], answers):
        expected = {key: case[key] for key in ("prompt", "refused", "error") if key in case}
        if not same(expected, answer):
            different += 1
            print(f"DIFFERENT {case['template']!r}: {first_difference(expected, answer)}")
    print(f"{len(answers)} templates, {different} differ")
    return 1 if different else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", metavar="DRIVER")
    options = parser.parse_args()
    recorded = record()
    text = json.dumps(recorded, ensure_ascii=False, indent=None, separators=(",", ":"))
    # One case a line, so that changes can be read.
    (HERE / "features.json").write_text(text.replace('},{"template"', '},\n{"template"') + "\n", encoding="utf-8")
    return check(options.check, recorded) if options.check else 0


if __name__ == "__main__":
    sys.exit(main())
