#!/usr/bin/env python3
"""Makes tiny stock .pte files as ExecuTorch's own exporter and others write them, and records what the eager PyTorch model
answers, so that the tests need neither.

    python3 -m venv VENV && VENV/bin/pip install torch==2.13.0 executorch==1.5.1     (CPU builds; about 1.5 GB)
    VENV/bin/python make_fixtures.py [NAME...]                                       (all of them: ten minutes)

For each NAME below: NAME.pte (the weights of llm-apart in NAME.ptd) and NAME.logits: "ETBLOG1\\n", then
little-endian u32 count, u32 vocab, u32 ids[count], f32 logits[count][vocab] - the eager model's after each of the ids.
Weights are random, of a seed a fixture. Kinds:

  llm-*       by export_llm, i.e. the wheel's examples/models/llama: tokens and one start position, logits of the last token
  optimum-*   in the dialect of optimum-executorch: a position for each token, logits of all tokens. The modules are below,
              since that package brings all of transformers
  media-*     multimodal: encoders and a decoder of embeddings, as that package and the wheel's own examples write them. Beside
              them NAME.media: "ETBMED1\\n", u32 width, height, the image's RGB, u32 batch, bins, frames, the sound's f32 features;
              ids from 0x80000000 on are positions of the image, from 0x80000001 on of the sound
"""

import json
import struct
import sys
import tempfile
import warnings
from pathlib import Path

import torch

warnings.filterwarnings("ignore")

from executorch.examples.models.llama import export_llama_lib
from executorch.examples.models.llama.llama_transformer import construct_transformer
from executorch.examples.models.llama.model_args import ModelArgs
from executorch.exir import EdgeCompileConfig, ExecutorchBackendConfig, to_edge_transform_and_lower
from executorch.exir.passes import MemoryPlanningPass
from executorch.extension.llm.custom_ops import custom_ops  # noqa: F401  registers torch.ops.llama
from executorch.extension.llm.export.config.llm_config import DtypeOverride, LlmConfig, ModelType

HERE = Path(__file__).resolve().parent
VOCAB, CONTEXT, TOKENS = 256, 64, 28
SHAPE = dict(dim=32, n_layers=2, n_heads=4, n_kv_heads=2, vocab_size=VOCAB, hidden_dim=64, norm_eps=1e-5, rope_theta=10000.0)
METADATA = {"get_bos_id": 1, "get_eos_ids": [2, 3]}


def ids_of(seed):
    return torch.randint(4, VOCAB, (TOKENS,), generator=torch.Generator().manual_seed(seed)).tolist()


def write_logits(name, ids, rows):
    rows = torch.stack([row.reshape(-1).float() for row in rows])
    assert rows.shape == (len(ids), VOCAB) and rows.isfinite().all(), rows.shape
    data = b"ETBLOG1\n" + struct.pack(f"<II{len(ids)}I", len(ids), VOCAB, *ids)
    (HERE / f"{name}.logits").write_bytes(data + rows.contiguous().numpy().astype("<f4").tobytes())


def random_weights(state, seed):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(value.shape, generator=generator) * 0.15 if value.dim() > 1
            else 1 + torch.randn(value.shape, generator=generator) * 0.05
            for name, value in state.items() if value.is_floating_point()}


# --- export_llm ---

def llm_config(folder, seed):
    (folder / "params.json").write_text(json.dumps(SHAPE))
    model = construct_transformer(ModelArgs(**SHAPE, max_seq_len=CONTEXT, max_context_len=CONTEXT))
    torch.save(random_weights(model.state_dict(), seed), folder / "weights.pth")
    config = LlmConfig()
    config.base.model_class = ModelType.llama3_2
    config.base.params, config.base.checkpoint = str(folder / "params.json"), str(folder / "weights.pth")
    config.base.metadata = json.dumps(METADATA)
    config.model.use_kv_cache = config.model.use_sdpa_with_kv_cache = True
    config.export.max_seq_length = config.export.max_context_length = CONTEXT
    return config


def xnnpack(config):
    config.backend.xnnpack.enabled = True


def eight_bit_activations(config):
    xnnpack(config)
    config.quantization.qmode, config.quantization.group_size = "8da4w", 32
    config.quantization.embedding_quantize = "4,32"
    config.model.quantize_kv_cache = True


def quantized_cache(config):
    config.model.quantize_kv_cache = True


def one_token(config):
    config.model.enable_dynamic_shape = False


def plain_attention(config):
    config.model.use_sdpa_with_kv_cache = False


def all_logits(config):
    config.debug.generate_full_logits = True


def brain_floats(config):
    config.model.dtype_override = DtypeOverride.bf16


APART = "llm-apart"  # its weights in a .ptd


def weights_apart(config):
    eight_bit_activations(config)
    config.export.foundation_weights_file = APART


def ring(config):
    config.model.local_global_attention = [0, 16]
    config.export.max_seq_length = 16


LLM = {"llm-fp32": lambda config: None, "llm-xnnpack": xnnpack, "llm-8da4w": eight_bit_activations, "llm-int8-cache": quantized_cache,
       "llm-one-token": one_token, "llm-plain": plain_attention, "llm-all-logits": all_logits, "llm-bf16": brain_floats,
       "llm-ring": ring, APART: weights_apart}


def make_llm(name, seed):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        config = llm_config(folder, seed)
        LLM[name](config)
        config.export.output_name = str(folder / f"{name}.pte")
        config.export.output_dir = str(folder)
        eager = export_llama_lib._prepare_for_llama_export(config).model.eval()
        export_llama_lib._export_llama(config)
        for path in folder.glob(f"{name}.pt[ed]"):
            (HERE / path.name).write_bytes(path.read_bytes())
    ids = ids_of(seed)
    rows = []
    with torch.no_grad():
        for position, token in enumerate(ids):
            out = eager(torch.tensor([[token]]), {"input_pos": torch.tensor([position])})
            rows.append((out[0] if isinstance(out, tuple) else out).reshape(-1)[-VOCAB:])
    write_logits(name, ids, rows)


# --- the dialect of optimum-executorch ---

class Attention(torch.nn.Module):
    def __init__(self, custom, dtype):
        super().__init__()
        self.heads, self.kv_heads, self.head = SHAPE["n_heads"], SHAPE["n_kv_heads"], SHAPE["dim"] // SHAPE["n_heads"]
        dim, kv_dim = SHAPE["dim"], SHAPE["n_kv_heads"] * (SHAPE["dim"] // SHAPE["n_heads"])
        self.q, self.o = torch.nn.Linear(dim, dim, bias=False), torch.nn.Linear(dim, dim, bias=False)
        self.k, self.v = torch.nn.Linear(dim, kv_dim, bias=False), torch.nn.Linear(dim, kv_dim, bias=False)
        self.custom = custom
        shape = (1, CONTEXT, self.kv_heads, self.head) if custom else (1, self.kv_heads, CONTEXT, self.head)
        self.register_buffer("k_cache", torch.zeros(shape, dtype=dtype))
        self.register_buffer("v_cache", torch.zeros(shape, dtype=dtype))

    def forward(self, x, positions, cos, sin):
        count = x.shape[1]
        q = rotated(self.q(x).view(1, count, self.heads, self.head), cos, sin)
        k = rotated(self.k(x).view(1, count, self.kv_heads, self.head), cos, sin)
        v = self.v(x).view(1, count, self.kv_heads, self.head)
        if self.custom:
            start = positions[0].item()
            torch._check(start >= 0)
            torch._check(start < CONTEXT)
            torch.ops.llama.update_cache(k, self.k_cache, start)
            torch.ops.llama.update_cache(v, self.v_cache, start)
            out = torch.ops.llama.custom_sdpa(q, self.k_cache, self.v_cache, start, None, 0.0, True)
            return self.o(out.reshape(1, count, -1))
        self.k_cache.index_copy_(2, positions, k.transpose(1, 2))
        self.v_cache.index_copy_(2, positions, v.transpose(1, 2))
        groups = self.heads // self.kv_heads
        keys, values = (cache.repeat_interleave(groups, dim=1) for cache in (self.k_cache, self.v_cache))
        scores = q.transpose(1, 2) @ keys.transpose(2, 3) / self.head ** 0.5
        hidden = torch.arange(CONTEXT)[None, :] > positions[:, None]
        weights = torch.softmax(scores.masked_fill(hidden, float("-inf")), dim=-1)
        return self.o((weights @ values).transpose(1, 2).reshape(1, count, -1))


def rotated(x, cos, sin):
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class Layer(torch.nn.Module):
    def __init__(self, custom, dtype):
        super().__init__()
        dim, hidden = SHAPE["dim"], SHAPE["hidden_dim"]
        self.attention = Attention(custom, dtype)
        self.norms = torch.nn.ModuleList(torch.nn.RMSNorm(dim, eps=SHAPE["norm_eps"]) for _ in range(2))
        self.gate, self.up = torch.nn.Linear(dim, hidden, bias=False), torch.nn.Linear(dim, hidden, bias=False)
        self.down = torch.nn.Linear(hidden, dim, bias=False)

    def forward(self, x, positions, cos, sin):
        x = x + self.attention(self.norms[0](x), positions, cos, sin)
        y = self.norms[1](x)
        return x + self.down(torch.nn.functional.silu(self.gate(y)) * self.up(y))


class Model(torch.nn.Module):
    """input_ids [1,S], cache_position [S] -> logits [1,S,V]"""

    def __init__(self, custom=False, dtype=torch.float32):
        super().__init__()
        self.embed = torch.nn.Embedding(VOCAB, SHAPE["dim"])
        self.layers = torch.nn.ModuleList(Layer(custom, dtype) for _ in range(SHAPE["n_layers"]))
        self.norm = torch.nn.RMSNorm(SHAPE["dim"], eps=SHAPE["norm_eps"])
        self.head = torch.nn.Linear(SHAPE["dim"], VOCAB, bias=False)
        half = SHAPE["dim"] // SHAPE["n_heads"] // 2
        angles = torch.arange(CONTEXT)[:, None] * SHAPE["rope_theta"] ** (-torch.arange(half) / half)
        self.register_buffer("cos", angles.cos().to(dtype))
        self.register_buffer("sin", angles.sin().to(dtype))

    def forward(self, input_ids, cache_position):
        x = self.embed(input_ids.long())
        positions = cache_position.long()
        cos, sin = (table[positions][None, :, None, :] for table in (self.cos, self.sin))
        for layer in self.layers:
            x = layer(x, positions, cos, sin)
        return self.head(self.norm(x))


class LastRow(Model):
    def forward(self, input_ids, cache_position):
        return super().forward(input_ids, cache_position)[:, -1, :]


def optimum_metadata(dtype):
    return {"get_bos_id": 1, "get_eos_id": [2, 3], "get_max_seq_len": CONTEXT, "get_vocab_size": VOCAB, "use_kv_cache": True,
            "get_n_layers": SHAPE["n_layers"], "get_n_kv_heads": SHAPE["n_kv_heads"], "enable_dynamic_shape": True,
            "get_head_dim": SHAPE["dim"] / SHAPE["n_heads"], "get_max_batch_size": 1, "get_dtype": 5 if dtype == torch.float16 else 6}


def exported(model, count_limit, token_type=torch.long):
    """The model's program for 1 to `count_limit` tokens; for one only if that is 1."""
    count = min(count_limit, 3)
    example = (torch.zeros((1, count), dtype=token_type), torch.arange(count))
    size = torch.export.Dim("count", min=1, max=count_limit) if count_limit > 1 else None
    shapes = ({1: size}, {0: size}) if size else None
    with torch.no_grad():
        return torch.export.export(model, example, dynamic_shapes=shapes, strict=False)


OPTIMUM = {  # whether with llama:: operators, type, token type, whether as prefill + decode
    "optimum-fp32": (False, torch.float32, torch.long, False),
    "optimum-sdpa": (True, torch.float32, torch.long, False),
    "optimum-fp16-int32": (False, torch.float16, torch.int32, False),
    "optimum-two-methods": (False, torch.float32, torch.long, True),
}


def make_optimum(name, seed):
    custom, dtype, token_type, two = OPTIMUM[name]
    model = (LastRow if two else Model)(custom, dtype).eval()
    model.load_state_dict({**model.state_dict(), **random_weights(dict(model.named_parameters()), seed)})
    model = model.to(dtype)
    programs = ({"prefill": exported(model, CONTEXT - 1, token_type), "decode": exported(model, 1, token_type)} if two
                else {"forward": exported(model, CONTEXT - 1, token_type)})
    edge = to_edge_transform_and_lower(programs, compile_config=EdgeCompileConfig(_check_ir_validity=False),
                                       constant_methods=optimum_metadata(dtype))
    plan = MemoryPlanningPass(alloc_graph_input=False, share_mutable_buffers=two)
    program = edge.to_executorch(ExecutorchBackendConfig(memory_planning_pass=plan, emit_mutable_buffer_names=True))
    (HERE / f"{name}.pte").write_bytes(program.buffer)
    ids = ids_of(seed)
    with torch.no_grad():
        rows = [model(torch.tensor([[token]], dtype=token_type), torch.tensor([position])).reshape(-1)
                for position, token in enumerate(ids)]
    write_logits(name, ids, rows)


# --- multimodal ---

SIDE, BINS, FRAMES = 16, 8, 12
IMAGE_ID, SOUND_ID = 0x80000000, 0x80000001
MEAN, DEVIATION = [0.48, 0.46, 0.41], [0.27, 0.26, 0.28]


class VisionEncoder(torch.nn.Module):
    """pixel_values [1,3,16,16] -> [1,4,H]; with `bytes` [3,16,16] from 0 to 255, normalised here"""

    def __init__(self, of_bytes, dtype):
        super().__init__()
        self.patches = torch.nn.Conv2d(3, SHAPE["dim"], 8, stride=8)
        self.mix = torch.nn.Linear(SHAPE["dim"], SHAPE["dim"])
        self.of_bytes, self.dtype = of_bytes, dtype

    def forward(self, pixels):
        if self.of_bytes:
            pixels = pixels.to(self.dtype).unsqueeze(0) / 127.5 - 1.0
        x = self.patches(pixels).flatten(2).transpose(1, 2)
        return x + self.mix(torch.nn.functional.silu(x))


class AudioEncoder(torch.nn.Module):
    """input_features [B,8,12] -> [1,3B,H]"""

    def __init__(self):
        super().__init__()
        self.mix = torch.nn.Linear(BINS * 4, SHAPE["dim"])

    def forward(self, features):
        blocks = features.reshape(-1, BINS, FRAMES // 4, 4).transpose(1, 2).flatten(2)
        return self.mix(blocks).reshape(1, -1, SHAPE["dim"])


class Decoder(Model):
    def forward(self, inputs_embeds, cache_position):
        x, positions = inputs_embeds, cache_position.long()
        cos, sin = (table[positions][None, :, None, :] for table in (self.cos, self.sin))
        for layer in self.layers:
            x = layer(x, positions, cos, sin)
        return self.head(self.norm(x))


class OneStartDecoder(Decoder):
    """input_pos [1], logits of the last row"""

    def forward(self, inputs_embeds, input_pos):
        start = input_pos[0].item()
        torch._check(start >= 0)
        torch._check(start + inputs_embeds.shape[1] <= CONTEXT)
        positions = torch.arange(inputs_embeds.shape[1]) + start
        return super().forward(inputs_embeds, positions)[:, -1, :]


MEDIA = {  # whether the encoder takes bytes (and one start position, logits of the last row), type
    "media-fp32": (False, torch.float32),
    "media-bytes-fp16": (True, torch.float16),
}


def media_inputs(seed):
    generator = torch.Generator().manual_seed(seed)
    image = torch.randint(0, 256, (SIDE, SIDE, 3), generator=generator, dtype=torch.uint8)
    return image, torch.randn((2, BINS, FRAMES), generator=generator)


def media_programs(model, encoders, of_bytes, dtype):
    tokens = torch.export.Dim("tokens", min=1, max=CONTEXT - 1)
    chunks = torch.export.Dim("chunks", min=1, max=4)
    embeds = (torch.zeros((1, 3, SHAPE["dim"]), dtype=dtype), torch.arange(1 if of_bytes else 3))
    programs = {
        "token_embedding": (model.embed, (torch.zeros((1, 3), dtype=torch.long),), ({1: tokens},)),
        "text_decoder": (model, embeds, ({1: tokens}, None if of_bytes else {0: tokens})),
        "vision_encoder": (encoders[0], (torch.zeros((3, SIDE, SIDE), dtype=torch.uint8) if of_bytes
                                         else torch.zeros((1, 3, SIDE, SIDE)),), None)}
    if not of_bytes:
        programs["audio_encoder"] = (encoders[1], (torch.zeros((2, BINS, FRAMES)),), ({0: chunks},))
    with torch.no_grad():
        return {name: torch.export.export(module, example, dynamic_shapes=shapes, strict=False)
                for name, (module, example, shapes) in programs.items()}


def make_media(name, seed):
    of_bytes, dtype = MEDIA[name]
    model = (OneStartDecoder if of_bytes else Decoder)(of_bytes, dtype).eval()
    encoders = [VisionEncoder(of_bytes, dtype).eval(), AudioEncoder().eval()]
    for number, module in enumerate([model, *encoders]):
        module.load_state_dict({**module.state_dict(), **random_weights(dict(module.named_parameters()), seed + 100 * number)})
        module.to(dtype)
    metadata = {**optimum_metadata(dtype), "image_mean": MEAN, "image_std": DEVIATION, "rescale_factor": 1 / 255, "resample": 2,
                "do_normalize": True, "do_rescale": True, "modality": "vision", "vision_token_id": 250, "audio_token_id": 251}
    edge = to_edge_transform_and_lower(media_programs(model, encoders, of_bytes, dtype),
                                       compile_config=EdgeCompileConfig(_check_ir_validity=False),
                                       constant_methods=optimum_metadata(dtype) if of_bytes else metadata)
    plan = MemoryPlanningPass(alloc_graph_input=False)
    program = edge.to_executorch(ExecutorchBackendConfig(memory_planning_pass=plan, emit_mutable_buffer_names=True))
    (HERE / f"{name}.pte").write_bytes(program.buffer)
    image, sound = media_inputs(seed)
    data = b"ETBMED1\n" + struct.pack("<II", SIDE, SIDE) + image.numpy().tobytes()
    data += struct.pack("<III", *sound.shape) + sound.numpy().astype("<f4").tobytes()
    (HERE / f"{name}.media").write_bytes(data)
    with torch.no_grad():
        planar = image.permute(2, 0, 1)
        pixels = ((planar.double() / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]).float()
        seen = encoders[0](planar if of_bytes else pixels.unsqueeze(0))[0]
        heard = torch.zeros((0, SHAPE["dim"])) if of_bytes else encoders[1](sound)[0]
        ids = ids_of(seed)
        ids = ids[:5] + [IMAGE_ID] * len(seen) + ids[5:8] + [SOUND_ID] * len(heard) + ids[8:14]
        embeddings, media = [], {IMAGE_ID: iter(seen), SOUND_ID: iter(heard)}
        for token in ids:
            embeddings.append(next(media[token]) if token in media else model.embed(torch.tensor([token]))[0])
        rows = [model(row.reshape(1, 1, -1), torch.tensor([position])).reshape(-1) for position, row in enumerate(embeddings)]
    write_logits(name, ids, rows)


def main():
    # A name's place is its seed: new ones come last.
    kinds = {**{name: make_llm for name in LLM if name != APART}, **{name: make_optimum for name in OPTIMUM},
             **{name: make_media for name in MEDIA}, APART: make_llm}
    wanted = sys.argv[1:] or list(kinds)
    for seed, (name, make) in enumerate(kinds.items(), start=1):
        if name in wanted:
            make(name, seed)
            print(name, {path.suffix: path.stat().st_size for path in sorted(HERE.glob(f"{name}.*"))}, flush=True)


if __name__ == "__main__":
    main()
