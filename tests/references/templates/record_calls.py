#!/usr/bin/env python3
"""Records what the published templates write of the tools that a model calls, by jinja2.

Use: record_calls.py [--templates FOLDER]
Writes calls.json: for each family some answers, each with the `tool_calls` of its message, the text that the
template makes of them - which is how the model itself writes them - and what it makes of the results. `make test`
reads that text and must come to the same `tool_calls`. Needs what record_formats.py needs.
"""
import argparse
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from compare_templates import NOW, ROOT  # noqa: E402
from conversations import TOOLS  # noqa: E402
from features import REAL  # noqa: E402
from fetch import fetch  # noqa: E402
from hugging_face import Reference  # noqa: E402

PUBLISHED = {  # our name of the form, the model -> its template, what stands before and behind an answer
    ("llama-3.1", "Llama 3.1"): ("llama.cpp__meta-llama-Llama-3.1-8B-Instruct.jinja", "assistant<|end_header_id|>\n\n", "<|eot_id|>"),
    ("llama-3.1", "Llama 3.2"): ("llama.cpp__meta-llama-Llama-3.2-3B-Instruct.jinja", "assistant<|end_header_id|>\n\n", "<|eot_id|>"),
    ("hermes", "Qwen 2.5"): ("llama.cpp__Qwen-Qwen2.5-7B-Instruct.jinja", "<|im_start|>assistant\n", "<|im_end|>"),
    ("hermes", "Qwen 3"): ("llama.cpp__Qwen-Qwen3-0.6B.jinja", "<|im_start|>assistant\n", "<|im_end|>"),
    ("hermes", "Hermes 3"): ("llama.cpp__NousResearch-Hermes-3-Llama-3.1-8B-tool_use.jinja", "<|im_start|>assistant\n", "<|im_end|>"),
    ("mistral", "Mistral Nemo"): ("llama.cpp__mistralai-Mistral-Nemo-Instruct-2407.jinja", "[/INST]", "</s>"),
    ("mistral-2025", "Mistral Small 3.2"): ("llama.cpp__Mistral-Small-3.2-24B-Instruct-2506.jinja", "[/INST]", "</s>"),
    ("mistral-2025", "Devstral Small 1.1"): ("llama.cpp__unsloth-mistral-Devstral-Small-2507.jinja", "[/INST]", "</s>"),
    ("mistral-2025", "Ministral 3 Reasoning"): ("llama.cpp__mistralai-Ministral-3-14B-Reasoning-2512.jinja", "[/INST]", "</s>"),
    ("phi-4-mini", "Phi-4-mini"): ("phi-4-mini", "<|assistant|>", "<|end|>"),
    ("qwen-coder", "Qwen 3 Coder"): ("llama.cpp__Qwen3-Coder.jinja", "<|im_start|>assistant\n", "<|im_end|>"),
    ("qwen-coder", "Qwen 3.5"): ("llama.cpp__Qwen3.5-4B.jinja", "</think>\n\n", "<|im_end|>"),
}
ARGUMENTS = [
    {}, {"place": "Zürich", "days": 3}, {"text": "a \"b\" \\ {c} [d] </tool_call> <|eot_id|>\n\tend"},
    {"deep": {"er": [1, -2.5, True, None, {"x": []}]}, "empty": "", "日本": "🙂"},
]
TYPED = {"sure": True, "doubt": False, "none": None, "share": 0.5, "list": ["a", 1], "number": "12", "lines": "\na\n\n"}
TYPES = {"place": "string", "days": "integer", "text": "string", "deep": "object", "empty": "string", "sure": "boolean", "doubt": "boolean",
         "none": "null", "share": "number", "list": "array", "number": "string"}
TYPED_TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "The weather.", "parameters": {
    "type": "object", "properties": {name: {"type": kind} for name, kind in TYPES.items()}}}}]


def tools_of(form):
    """Where values are texts, their types are declared."""
    return TYPED_TOOLS if form == "qwen-coder" else TOOLS[:1]


def call(number, arguments):
    return {"id": f"call_{number:04}", "type": "function", "function": {"name": "get_weather", "arguments": arguments}}


def answers(form):
    """(text, calls): one call each, then two at once where the form has more than one, then behind a text."""
    for arguments in ARGUMENTS + ([TYPED] if form == "qwen-coder" else []):
        yield "", [call(1, arguments)]
    if form != "llama-3.1":
        yield "", [call(1, ARGUMENTS[1]), call(2, ARGUMENTS[3])]
    if form in ("hermes", "mistral-2025", "qwen-coder"):
        yield "Let me see.", [call(1, ARGUMENTS[2]), call(2, ARGUMENTS[0])]


def conversation(form, text, calls):
    said = {"role": "assistant", "content": text, "tool_calls": calls}
    if form == "phi-4-mini":  # its template has no place for calls: what was said is given back as it was
        bare = [{"name": c["function"]["name"], "arguments": c["function"]["arguments"]} for c in calls]
        said = {"role": "assistant", "content": "<|tool_call|>" + json.dumps(bare, ensure_ascii=False) + "<|/tool_call|>"}
    results = [{"role": "tool", "content": f"result {c['id']}", "tool_call_id": c["id"], "name": c["function"]["name"]} for c in calls]
    return {"messages": [{"role": "user", "content": "Well?"}, said, *results], "tools": tools_of(form),
            "add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>"}


def record(reference, form, published, begin, end):
    template, cases = reference.parse(published), []
    for text, calls in answers(form):
        line = conversation(form, text, calls)
        given = reference.render(template, line)
        if "prompt" not in given:
            sys.exit(f"{form}: {given}")
        asked = reference.render(template, {**line, "messages": line["messages"][:1]})["prompt"]
        before = len(asked) if asked.endswith(begin) and given["prompt"].startswith(asked) else given["prompt"].index(begin) + len(begin)
        behind = given["prompt"].index(end + ("" if form != "hermes" else "\n"), before) if "eot_id" not in end else \
            given["prompt"].index(end + "<|start_header_id|>ipython", before)
        if text and text not in given["prompt"]:
            text = ""  # shown without (Hermes, Mistral Small)
        cases.append({"text": text, "tool_calls": calls, "said": given["prompt"][before:behind], "results": given["prompt"][behind:]})
    return cases


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--templates", type=Path, default=ROOT / ".deps" / "templates")
    options = parser.parse_args()
    real = options.templates / "real"
    if not all((real / row[0]).exists() for row in PUBLISHED.values() if row[0] not in REAL):
        fetch(options.templates)
    reference, models = Reference(NOW), []
    for (form, model), (source, begin, end) in PUBLISHED.items():
        published = REAL[source] if source in REAL else (real / source).read_text(encoding="utf-8")
        models.append({"form": form, "model": model, "tools": tools_of(form), "answers": record(reference, form, published, begin, end)})
    (HERE / "calls.json").write_text(json.dumps(models, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
