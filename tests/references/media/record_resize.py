#!/usr/bin/env python3
"""Records what Pillow makes of a small image scaled to other sizes, for src/media/resize_test.cpp.

    python3 -m venv VENV && VENV/bin/pip install pillow==11.3.0
    VENV/bin/python record_resize.py                                 writes resize.txt

Pillow 13 goes down before across where that is less work, which is another rounding; models were trained with the order before.
The image is a formula of its pixels (`image` below, the same in the test). A line a case: Pillow's number of the filter, the
sides before and after, and the bytes in hexadecimal.
"""

from pathlib import Path

from PIL import Image, __version__

CASES = [(filter_, before, after) for filter_ in (1, 2, 3)
         for before, after in [((7, 5), (16, 12)), ((16, 12), (7, 5)), ((40, 30), (8, 8)), ((9, 9), (9, 4)), ((9, 9), (4, 9)),
                               ((1, 1), (3, 2)), ((3, 2), (1, 1)), ((64, 3), (5, 7)), ((5, 50), (8, 6)), ((13, 11), (12, 12))]]


def image(width, height):
    made = Image.new("RGB", (width, height))
    for y in range(height):
        for x in range(width):
            made.putpixel((x, y), ((x * x * 7 + y * 29) % 256, (x * 61 + y * y * 3) % 256, 255 if (x + y) % 3 == 0 else (x * y) % 256))
    return made


def main():
    lines = [f"# Pillow {__version__}: filter width height new_width new_height bytes"]
    for filter_, before, after in CASES:
        lines.append(" ".join(map(str, (filter_, *before, *after, image(*before).resize(after, filter_).tobytes().hex()))))
    (Path(__file__).resolve().parent / "resize.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
