#!/usr/bin/env python3
"""Records what the published templates of the families with a built-in chat format render, by jinja2.

Use: record_formats.py [--templates FOLDER]
Writes formats.json: random conversations, and for each family the hash (FNV-1a, 64 bits) of every prompt,
with the first few in full. `make test` renders the same with the built-in formats. Needs jinja2 3.1.6, and the
network (PyPI, npm) if FOLDER (default .deps/templates) does not hold the templates yet.
"""
import argparse
import json
import random
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from compare_templates import NOW, ROOT  # noqa: E402
from conversations import TOOLS  # noqa: E402
from features import REAL  # noqa: E402
from fetch import fetch  # noqa: E402
from hugging_face import Reference  # noqa: E402

CONVERSATIONS = 160
IN_FULL = 4  # prompts of each family that are recorded whole
WORDS = ["Hello", "who", "are you?", " ", "\n", "\n\n", "\t", "42", "日本語", "Zürich", "🙂", "\u00a0", "\u3000", "'quoted'",
         '"double"', "<b>&amp;</b>", "{{ x }}", "{% if %}", "\\n", "a\\b", "```py\nprint(1)\n```", "İ", "e\u0301", "–", "/think"]
PUBLISHED = {  # family -> a file of the fetched templates, or a name of features.REAL
    "llama-3.2": "llama.cpp__meta-llama-Llama-3.2-3B-Instruct.jinja",
    "llama-3.1": "llama.cpp__meta-llama-Llama-3.1-8B-Instruct.jinja",
    "llama-3": "llama-3",
    "gemma-3": "lenml-gemma3__default.jinja",
    "gemma-2": "llama.cpp__google-gemma-2-2b-it.jinja",
    "phi-4-mini": "phi-4-mini",
    "phi-3": "llama.cpp__microsoft-Phi-3.5-mini-instruct.jinja",
    "phi-4": "phi-4",
    "chatml": "chatml",
}


def text(dice, longest=6):
    return " ".join(dice.choice(WORDS) for _ in range(dice.randint(0, longest)))


def arguments(dice):
    values = ["x", "", 1, -2.5, True, None, [1, "two"], {"deep": {"er": []}}, "ü\"\n"]
    return {f"arg{i}": dice.choice(values) for i in range(dice.randint(0, 3))}


def exchange(dice, calls):
    yield {"role": "user", "content": text(dice)}
    if calls and dice.random() < 0.5:
        call = {"type": "function", "function": {"name": dice.choice(["get_weather", "noop"]), "arguments": arguments(dice)}}
        yield {"role": "assistant", "content": "", "tool_calls": [call]}
        yield {"role": dice.choice(["tool", "ipython"]), "content": dice.choice(["ok", text(dice), {"t": 21.5}, ["a", 1]])}
    yield {"role": "assistant", "content": text(dice)}


def conversation(dice):
    """A line of `render`: what chats are made of, every third with tools."""
    tools = dice.random() < 0.33
    messages = [{"role": "system", "content": text(dice)}] if dice.random() < 0.5 else []
    for _ in range(dice.randint(0, 4)):
        messages += exchange(dice, tools)
    messages.append({"role": "user", "content": text(dice, 12)})
    line = {"messages": messages, "add_generation_prompt": dice.random() < 0.8, "bos_token": "<BOS>", "eos_token": "<EOS>"}
    if tools:
        line["tools"] = dice.sample(TOOLS, dice.randint(0, 2))
        if messages[0]["role"] == "system" and dice.random() < 0.5:
            messages[0]["tools"] = json.dumps(line["tools"])
    if dice.random() < 0.2:
        line["vars"] = dice.choice([
            {"date_string": "01 Jan 2030"}, {"tools_in_user_message": False}, {"custom_tools": TOOLS[:1]},
            {"builtin_tools": ["brave_search", "code_interpreter", "noop"]}])
    return line


def conversations():
    dice = random.Random(5)
    lines = [conversation(dice) for _ in range(CONVERSATIONS)]
    # What a family that wants roles in turn can render: the same without tools.
    plain = [{**line, "messages": [m for m in line["messages"] if m["role"] in ("system", "user", "assistant") and "tool_calls" not in m]}
             for line in lines[:CONVERSATIONS // 2]]
    return lines + plain


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def record_family(reference, name, published, lines):
    template = reference.parse(published)
    results, full, texts = [], {}, 0
    for index, line in enumerate(lines):
        given = reference.render(template, line)
        if name == "gemma-2" and line["messages"][0]["role"] == "system":
            results.append("system")  # refused; the built-in format renders it as Gemma 3 does
        elif "prompt" in given:
            texts += 1
            results.append(fnv(given["prompt"].encode()))
            if len(full) < IN_FULL:
                full[str(index)] = given["prompt"]
        else:
            results.append("refused: " + given["refused"] if "refused" in given else "error")
    print(f"{name}: {texts} prompts of {len(lines)}")
    if texts < 100:
        sys.exit(f"{name}: fewer than 100 conversations render")
    return {"results": results, "full": full}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--templates", type=Path, default=ROOT / ".deps" / "templates")
    options = parser.parse_args()
    real = options.templates / "real"
    wanted = [file for file in PUBLISHED.values() if file not in REAL]
    if not all((real / file).exists() for file in wanted):
        fetch(options.templates)
    reference = Reference(NOW)
    lines = conversations()
    families = {}
    for name, source in PUBLISHED.items():
        published = REAL[source] if source in REAL else (real / source).read_text(encoding="utf-8")
        families[name] = record_family(reference, name, published, lines)
    record = {"now": NOW, "lines": lines, "families": families}
    (HERE / "formats.json").write_text(json.dumps(record, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
