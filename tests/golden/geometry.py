"""Writes geometry.json: for each way to fit an image to the model's square, the pixels by Pillow and the map back at the image's
size by PyTorch.

    pip install -r requirements.txt
    python geometry.py

radzero-image/tests/pillow.rs compares the pixels, radzero-score/tests/geometry.rs the maps.

The rules are those of the published code (RadZero, `processing.py` and `segmentation_utils.py`) and of transformers'
BitImageProcessor.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps

from resample import source

SIZES = [(40, 30), (30, 41), (33, 33), (1, 7), (120, 50), (50, 121), (14, 300), (29, 28), (64, 63), (257, 255)]
SIDES = [(28, 2), (42, 3)]
BICUBIC = Image.Resampling.BICUBIC


def stretch(image, side):
    return image.resize((side, side), BICUBIC)


def pad_square(image, side):
    width, height = image.size
    edge = max(width, height)
    left, top = (edge - width) // 2, (edge - height) // 2
    padded = ImageOps.expand(image, (left, top, edge - width - left, edge - height - top), fill=(0, 0, 0))
    return padded.resize((side, side), BICUBIC)


def crop_square(image, side):
    width, height = image.size
    short, long = min(width, height), max(width, height)
    longer = int(side * long / short)
    resized = image.resize((side, longer) if width <= height else (longer, side), BICUBIC)
    left, top = (resized.width - side) // 2, (resized.height - side) // 2
    return resized.crop((left, top, left + side, top + side))


def upsample(scores, height, width):
    return F.interpolate(scores[None, None], size=(height, width), mode="bilinear", align_corners=False)[0, 0]


def stretch_map(scores, height, width):
    return upsample(scores, height, width).sigmoid()


def pad_square_map(scores, height, width):
    edge = max(height, width)
    top, left = (edge - height) // 2, (edge - width) // 2
    return upsample(scores, edge, edge)[top : top + height, left : left + width].sigmoid()


def crop_square_map(scores, height, width):
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    result = torch.zeros(height, width)
    result[top : top + edge, left : left + edge] = upsample(scores, edge, edge).sigmoid()
    return result


KINDS = [("stretch", stretch, stretch_map), ("pad-square", pad_square, pad_square_map), ("crop-square", crop_square, crop_square_map)]


def entries():
    rng = np.random.default_rng(4)
    for kind, forward, backward in KINDS:
        for index, (width, height) in enumerate(SIZES):
            side, grid = SIDES[index % 2]
            channels = 3 if index % 3 == 0 else 1
            seed = 5000 + index
            array = source(width, height, channels, seed)
            image = Image.fromarray(array[..., 0] if channels == 1 else array).convert("RGB")
            pixels = np.asarray(forward(image, side)).transpose(2, 0, 1)
            assert pixels.shape == (3, side, side)
            scores = rng.normal(0, 3, (grid, grid)).astype(np.float32)
            found = backward(torch.from_numpy(scores), height, width).numpy()
            # For large images only the pixels: their maps would be long.
            small = width * height < 2000
            yield {
                "kind": kind, "width": width, "height": height, "size": side, "channels": channels, "seed": seed,
                "pixels": hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest(),
                "grid": grid, "scores": [float(f"{v:.9g}") for v in scores.ravel()],
                "map": [float(f"{v:.8g}") for v in found.ravel()] if small else None,
            }  # fmt: skip
        for width, height in [(700, 500), (500, 700)]:
            array = source(width, height, 1, 77)
            pixels = np.asarray(forward(Image.fromarray(array[..., 0]).convert("RGB"), 518)).transpose(2, 0, 1)
            digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
            yield {
                "kind": kind, "width": width, "height": height, "size": 518, "channels": 1, "seed": 77,
                "pixels": digest, "grid": 0, "scores": [], "map": None,
            }  # fmt: skip


if __name__ == "__main__":
    path = Path(__file__).resolve().parent / "geometry.json"
    path.write_text("[\n" + ",\n".join(json.dumps(entry) for entry in entries()) + "\n]\n")
    print(f"{path.stat().st_size:,} bytes")
