"""Halves the size of phantoms, resampling as the runtime does (Pillow's bicubic kernel).

python halve.py drawn448 train448
"""

import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image

SIDE, GRID, CLASSES = 448, 32, 18


def main():
    source, target = map(Path, sys.argv[1:])
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "labels.jsonl", target)
    half = (SIDE // 2, SIDE // 2)
    with (target / "images.u8").open("wb") as out:
        for image in np.memmap(source / "images.u8", np.uint8, "r").reshape(-1, SIDE, SIDE):
            out.write(np.asarray(Image.fromarray(image).resize(half, Image.Resampling.BICUBIC)).tobytes())
    shares = np.memmap(source / "coverage.u8", np.uint8, "r").reshape(-1, GRID // 2, 2, GRID // 2, 2)
    shares.mean((2, 4)).round().astype(np.uint8).tofile(target / "coverage.u8")


if __name__ == "__main__":
    main()
