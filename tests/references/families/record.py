"""Records the logits of tiny random models of every family, by an implementation of its own.

    ninja -C build/dev etb_write_family_models && build/dev/bin/etb_write_family_models MODELS
    python record.py MODELS logits.bin

Needs the PyPI packages gguf (0.19.0) and numpy. The models come from tests/families/family_models.cpp; their graphs are written
here from the definitions (papers, the reference implementations' documents), on dequantised weights, in float64. Rotation is
done as each file has its rows: pairs (2i, 2i + 1) for `llama`, (i, i + n/2) for the others.

logits.bin: for each case u32 name length, name, u32 positions, u32 vocab, f32 logits.
"""
import pathlib
import struct
import sys

import gguf
import numpy as np

TOKENS = 160
POSITIONS = [0, 1, 15, 63, 100, 159]


def token(position, vocab):
    return (7 * position * position + 13 * position + 5) % vocab


class Model:
    """A GGUF's keys and dequantised tensors."""

    def __init__(self, path, dtype=np.float64):
        reader = gguf.GGUFReader(path)
        self.fields = reader.fields
        self.dtype = dtype
        self.arch = self.fields["general.architecture"].contents()
        self.tensors = {t.name: t for t in reader.tensors}

    def key(self, name, default=None):
        field = self.fields.get(f"{self.arch}.{name}")
        return default if field is None else field.contents()

    def has(self, name):
        return name in self.tensors

    def tensor(self, name):
        t = self.tensors[name]
        return gguf.quants.dequantize(t.data, t.tensor_type).astype(self.dtype)


def rms_norm(x, weight, eps):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight


def silu(x):
    return x / (1 + np.exp(-x))


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def rotate(x, angles, magnitude, interleaved):
    """x [tokens, heads, dim], angles [tokens, n / 2]; dims from n on pass through."""
    half = angles.shape[-1]
    cos = (np.cos(angles) * magnitude)[:, None, :]
    sin = (np.sin(angles) * magnitude)[:, None, :]
    first, second = (slice(0, 2 * half, 2), slice(1, 2 * half, 2)) if interleaved else (slice(0, half), slice(half, 2 * half))
    out = x.copy()
    out[..., first] = x[..., first] * cos - x[..., second] * sin
    out[..., second] = x[..., second] * cos + x[..., first] * sin
    return out


class Graph:
    """What the keys say about the graph, with the architecture's defaults."""

    def __init__(self, model, context):
        m = self.m = model
        arch = m.arch
        self.gemma = arch.startswith("gemma")
        self.heads = m.key("attention.head_count")
        self.kv_heads = m.key("attention.head_count_kv")
        self.dim = m.key("attention.key_length", m.key("embedding_length") // self.heads)
        self.n_rot = m.key("rope.dimension_count", self.dim)
        self.eps = m.key("attention.layer_norm_rms_epsilon")
        self.layers = m.key("block_count")
        self.act = gelu_tanh if self.gemma else silu
        self.scale = self.dim ** -0.5
        self.score_cap = m.key("attn_logit_softcapping", 50.0 if arch == "gemma2" else 0)
        self.logit_cap = m.key("final_logit_softcapping", 30.0 if arch == "gemma2" else 0)
        self.window = m.key("attention.sliding_window", 4096 if arch == "gemma2" else 0)
        self.pattern = m.key("attention.sliding_window_pattern", {"gemma2": 2, "gemma3": 6}.get(arch, 0))
        self.magnitude = m.key("rope.scaling.attn_factor", 1.0)
        self.base = m.key("rope.freq_base", 10000.0)
        self.window_base = m.key("rope.freq_base_swa", 10000.0) if arch == "gemma3" else self.base
        self.linear = m.key("rope.scaling.factor", 1.0) if m.key("rope.scaling.type", "linear") == "linear" else 1.0
        self.factors = np.ones(self.n_rot // 2)
        if m.has("rope_freqs.weight"):
            self.factors = m.tensor("rope_freqs.weight")
        if m.has("rope_factors_long.weight"):
            long = context > m.key("rope.scaling.original_context_length")
            self.factors = m.tensor(f"rope_factors_{'long' if long else 'short'}.weight")

    def windowed(self, layer):
        if self.window == 0:
            return False
        return self.pattern == 0 or layer % self.pattern < self.pattern - 1

    def angles(self, positions, windowed):
        exponents = -2.0 * np.arange(self.n_rot // 2) / self.n_rot
        if windowed and self.m.arch == "gemma3":
            frequencies = float(self.window_base) ** exponents
        else:
            frequencies = float(self.base) ** exponents / self.factors / self.linear
        return positions[:, None] * frequencies[None, :]

    def projections(self, layer, x):
        m, prefix = self.m, f"blk.{layer}."
        q_rows, kv_rows = self.heads * self.dim, self.kv_heads * self.dim
        if m.has(prefix + "attn_qkv.weight"):
            qkv = x @ m.tensor(prefix + "attn_qkv.weight").T
            q, k, v = np.split(qkv, [q_rows, q_rows + kv_rows], axis=-1)
        else:
            q, k, v = (x @ m.tensor(prefix + f"attn_{n}.weight").T for n in "qkv")
        if m.has(prefix + "attn_q.bias"):
            q, k, v = (y + m.tensor(prefix + f"attn_{n}.bias") for n, y in zip("qkv", (q, k, v)))
        q = q.reshape(len(x), self.heads, self.dim)
        k = k.reshape(len(x), self.kv_heads, self.dim)
        if m.has(prefix + "attn_q_norm.weight"):
            q = rms_norm(q, m.tensor(prefix + "attn_q_norm.weight"), self.eps)
            k = rms_norm(k, m.tensor(prefix + "attn_k_norm.weight"), self.eps)
        return q, k, v.reshape(len(x), self.kv_heads, self.dim)

    def attention(self, layer, x):
        m = self.m
        q, k, v = self.projections(layer, x)
        positions = np.arange(len(x), dtype=np.float64)
        windowed = self.windowed(layer)
        angles = self.angles(positions, windowed)
        q = rotate(q, angles, self.magnitude, m.arch == "llama").astype(x.dtype)
        k = rotate(k, angles, self.magnitude, m.arch == "llama").astype(x.dtype)
        distance = positions[:, None] - positions[None, :]
        hidden = (distance < 0) | (windowed & (distance >= self.window))
        out = np.empty_like(q)
        for head in range(self.heads):
            group = head // (self.heads // self.kv_heads)
            scores = q[:, head] @ k[:, group].T * self.scale
            if self.score_cap:
                scores = self.score_cap * np.tanh(scores / self.score_cap)
            scores = np.where(hidden, -np.inf, scores)
            out[:, head] = softmax(scores) @ v[:, group]
        return out.reshape(len(x), -1) @ m.tensor(f"blk.{layer}.attn_output.weight").T

    def mlp(self, layer, x):
        m, prefix = self.m, f"blk.{layer}."
        up = x @ m.tensor(prefix + "ffn_up.weight").T
        if m.has(prefix + "ffn_gate.weight"):
            gate = x @ m.tensor(prefix + "ffn_gate.weight").T
        else:
            gate, up = np.split(up, 2, axis=-1)
        return (self.act(gate) * up) @ m.tensor(prefix + "ffn_down.weight").T

    def normed(self, name, x):
        return rms_norm(x, self.m.tensor(name), self.eps) if self.m.has(name) else x

    def logits(self, ids, positions):
        m = self.m
        table = m.tensor("token_embd.weight")
        x = table[ids] * (np.sqrt(table.shape[1]) if self.gemma else 1.0)
        x = x.astype(m.dtype)
        for layer in range(self.layers):
            prefix = f"blk.{layer}."
            a = self.attention(layer, self.normed(prefix + "attn_norm.weight", x))
            x = x + self.normed(prefix + "post_attention_norm.weight", a)
            f = self.mlp(layer, self.normed(prefix + "ffn_norm.weight", x))
            x = x + self.normed(prefix + "post_ffw_norm.weight", f)
        x = self.normed("output_norm.weight", x)[positions]
        head = m.tensor("output.weight") if m.has("output.weight") else table
        logits = x @ head.T
        return self.logit_cap * np.tanh(logits / self.logit_cap) if self.logit_cap else logits


def main():
    folder, out = pathlib.Path(sys.argv[1]), sys.argv[2]
    with open(out, "wb") as f:
        for line in (folder / "cases.txt").read_text().splitlines():
            name, context = line.split()
            model = Model(folder / f"{name}.gguf")
            vocab = model.key("vocab_size")
            ids = [token(i, vocab) for i in range(TOKENS)]
            logits = Graph(model, int(context)).logits(ids, POSITIONS).astype("<f4")
            f.write(struct.pack("<I", len(name)) + name.encode() + struct.pack("<II", *logits.shape))
            f.write(logits.tobytes())
            print(name, logits.shape, float(np.abs(logits).max()))


if __name__ == "__main__":
    main()
