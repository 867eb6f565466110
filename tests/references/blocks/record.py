"""Records what the PyPI package gguf (0.19.0) makes of fixed blocks of every type this project reads.

    python record.py > blocks.txt

Each line: type, elements, the 64-bit FNV-1a hash of the dequantised float32 bytes, and the first four values as
hexadecimal floats. The blocks come from a small generator that gguf_blocks_test.cpp repeats.
"""
import struct

import gguf
import numpy as np

MASK = (1 << 64) - 1
BLOCKS = 3
# type: (bytes of a block, offsets of its f16 scales)
TYPES = {
    "F32": (4, ()), "F16": (2, ()), "BF16": (2, ()),
    "Q4_0": (18, (0,)), "Q4_1": (20, (0, 2)), "Q5_0": (22, (0,)), "Q5_1": (24, (0, 2)), "Q8_0": (34, (0,)),
    "Q4_K": (144, (0, 2)), "Q5_K": (176, (0, 2)), "Q6_K": (210, (208,)),
}


def fixed_bytes(count):
    """SplitMix64 from 1, the low byte of each number."""
    state = 1
    out = bytearray()
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        out.append((z ^ (z >> 31)) & 0xFF)
    return out


def fixed_blocks(name):
    size, scales = TYPES[name]
    count = BLOCKS if scales else 64
    data = fixed_bytes(size * count)
    for block in range(count):
        for index, at in enumerate(scales):
            # 0.0625 plus a little: every bit of the mantissa is used
            struct.pack_into("<H", data, block * size + at, 0x2C00 + 341 * (block + 1) + 117 * index)
        if not scales:  # keeps the exponent below its top: no infinities
            data[block * size + size - 1] &= 0xBF
    return data


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def main():
    for name in TYPES:
        raw = np.frombuffer(bytes(fixed_blocks(name)), dtype=np.uint8)
        kind = gguf.GGMLQuantizationType[name]
        if name in ("F32", "F16"):
            raw = raw.view(np.float32 if name == "F32" else np.float16)
        values = gguf.dequantize(raw, kind).astype(np.float32).reshape(-1)
        first = " ".join(float(v).hex() for v in values[:4])
        print(f"{name} {values.size} {fnv1a(values.tobytes()):016x} {first}")


if __name__ == "__main__":
    main()
