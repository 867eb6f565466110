#!/usr/bin/env python3
"""Makes the little pictures that tests/cli/image_test.cpp shows to a model.

    python3 -m venv VENV && VENV/bin/pip install pillow==11.3.0
    VENV/bin/python make_images.py

upright.png: 16 x 24 pixels, six flat blocks of 8 x 8, which a JPEG keeps as they are. turned-N.jpg: the same scene as a camera
held another way stores it, with EXIF's orientation N. glass.png: the same through glass, i.e. of pixels with an alpha channel that
over white give it. grey.png: of one channel.
"""

from pathlib import Path

from PIL import Image, ImageOps

HERE = Path(__file__).resolve().parent
LEVELS = [[0, 80], [160, 240], [40, 200]]
# What an upright picture has to go through to lie as EXIF's number says.
LIES = {1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270}


def scene(mode):
    image = Image.new(mode, (16, 24))
    for y in range(24):
        for x in range(16):
            level = LEVELS[y // 8][x // 8]
            image.putpixel((x, y), {"RGB": (level,) * 3, "L": level, "RGBA": (0, 0, 0, 255 - level)}[mode])
    return image


def main():
    upright = scene("RGB")
    upright.save(HERE / "upright.png", optimize=True)
    scene("L").save(HERE / "grey.png", optimize=True)
    scene("RGBA").save(HERE / "glass.png", optimize=True)
    for number, lies in LIES.items():
        exif = Image.Exif()
        exif[0x0112] = number
        turned = upright if lies is None else upright.transpose(lies)
        path = HERE / f"turned-{number}.jpg"
        turned.save(path, quality=100, subsampling=0, exif=exif)
        assert ImageOps.exif_transpose(Image.open(path)).convert("RGB").tobytes() == upright.tobytes(), number


if __name__ == "__main__":
    main()
