#!/usr/bin/env python3
"""Makes a stock .pte of SmolLM2-135M-Instruct with ExecuTorch's own exporter (export_llm): 4-bit weights and 8-bit activations
in XNNPACK, the recipe of the published Llama files. The weights are those of the GGUF that `scripts/setup.sh` fetches, made
float, so that nothing else is downloaded. `bench/stock.py` measures with the file; no test needs it.

    python3 -m venv VENV && VENV/bin/pip install torch==2.13.0 executorch==1.5.1 gguf==0.19.0   (CPU builds; about 1.5 GB)
    VENV/bin/python scripts/export_smollm2.py OUT_FOLDER [LAYERS]                               (half an hour, 3 GB of memory)

OUT_FOLDER then holds smollm2-8da4w.pte and beside it tokenizer.json and tokenizer_config.json, made of the GGUF's vocabulary as
the published ones have it: ready for `etbridge chat`.
With LAYERS, only that many of the 30 layers: the same weights and operators in minutes, to measure with; it speaks no sense.
"""

import json
import sys
import tempfile
import warnings
from pathlib import Path

import gguf
import torch

warnings.filterwarnings("ignore")

from executorch.examples.models.llama import export_llama_lib
from executorch.extension.llm.export.config.llm_config import LlmConfig, ModelType

MODEL = Path(__file__).resolve().parent.parent / ".deps/models/SmolLM2-135M-Instruct.Q4_1.gguf"
CONTEXT = 2048
SHAPE = dict(dim=576, n_layers=30, n_heads=9, n_kv_heads=3, vocab_size=49152, hidden_dim=1536, norm_eps=1e-5,
             rope_theta=100000.0, use_hf_rope=False)
METADATA = {"get_bos_id": 1, "get_eos_ids": [2]}

# GGUF's names to Meta's. llama.cpp's converter has put the rows of q and k into Meta's order already.
NAMES = {"token_embd": "tok_embeddings", "output_norm": "norm", "attn_q": "attention.wq", "attn_k": "attention.wk",
         "attn_v": "attention.wv", "attn_output": "attention.wo", "attn_norm": "attention_norm", "ffn_norm": "ffn_norm",
         "ffn_gate": "feed_forward.w1", "ffn_down": "feed_forward.w2", "ffn_up": "feed_forward.w3"}


def checkpoint(layers):
    weights = {}
    for tensor in gguf.GGUFReader(MODEL).tensors:
        parts = tensor.name.split(".")
        if parts[0] == "blk" and int(parts[1]) >= layers:
            continue
        prefix = f"layers.{parts[1]}." if parts[0] == "blk" else ""
        name = prefix + NAMES[parts[-2]] + ".weight"
        weights[name] = torch.from_numpy(gguf.dequantize(tensor.data, tensor.tensor_type).copy()).float()
    weights["output.weight"] = weights["tok_embeddings.weight"]
    return weights


def field(reader, name):
    return reader.fields[name].contents()


def write_tokenizer(out):
    reader = gguf.GGUFReader(MODEL)
    tokens, kinds = field(reader, "tokenizer.ggml.tokens"), field(reader, "tokenizer.ggml.token_type")
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    special = [{"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                "special": True} for i, token in enumerate(tokens) if kinds[i] == gguf.TokenType.CONTROL]
    (out / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special, "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level]},
        "post_processor": None, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                  "vocab": {token: i for i, token in enumerate(tokens)}, "merges": field(reader, "tokenizer.ggml.merges")}},
        ensure_ascii=False))
    (out / "tokenizer_config.json").write_text(json.dumps({
        "bos_token": tokens[1], "eos_token": tokens[2], "tokenizer_class": "GPT2Tokenizer",
        "chat_template": field(reader, "tokenizer.chat_template")}, indent=1))


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    layers = int(sys.argv[2]) if len(sys.argv) == 3 else SHAPE["n_layers"]
    out = Path(sys.argv[1]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    write_tokenizer(out)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "params.json").write_text(json.dumps({**SHAPE, "n_layers": layers}))
        torch.save(checkpoint(layers), folder / "weights.pth")
        config = LlmConfig()
        config.base.model_class = ModelType.llama3_2
        config.base.params, config.base.checkpoint = str(folder / "params.json"), str(folder / "weights.pth")
        config.base.metadata = json.dumps(METADATA)
        config.model.use_kv_cache = config.model.use_sdpa_with_kv_cache = True
        config.backend.xnnpack.enabled = True
        config.backend.xnnpack.extended_ops = True
        config.quantization.qmode, config.quantization.group_size = "8da4w", 32
        config.quantization.embedding_quantize = "4,32"
        config.export.max_seq_length = config.export.max_context_length = CONTEXT
        config.export.output_dir, config.export.output_name = str(out), str(out / "smollm2-8da4w.pte")
        export_llama_lib._export_llama(config)


if __name__ == "__main__":
    main()
