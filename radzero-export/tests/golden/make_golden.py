"""Writes golden.json, the numbers that tests/position.rs compares with, and prints the table in src/graph/text.rs.

Needs torch and transformers; the tests do not. Run in this folder: python make_golden.py
"""

import json
import math

import torch
import torch.nn.functional as F
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder


def numbers(tensor):
    return [float(f"{value:.8g}") for value in tensor.flatten().tolist()]


def position(stored, grid, width):
    """Position embeddings resampled as Dinov2Embeddings does, up to 4.44 (offset) and from 4.45 on (size)."""
    generator = torch.Generator().manual_seed(stored * 100 + grid)
    # Eighths: exact in JSON and in 32 bits.
    patches = torch.randint(-16, 17, (stored * stored, width), generator=generator) / 8
    plane = patches.reshape(1, stored, stored, width).permute(0, 3, 1, 2)
    rows = lambda image: image.permute(0, 2, 3, 1).reshape(grid * grid, width)
    scale = (grid + 0.1) / math.sqrt(stored * stored)
    offset = F.interpolate(plane, scale_factor=(scale, scale), mode="bicubic", align_corners=False)
    size = F.interpolate(plane, size=(grid, grid), mode="bicubic", align_corners=False)
    return {
        "stored": stored,
        "grid": grid,
        "width": width,
        "patches": numbers(patches),
        "offset": numbers(rows(offset)),
        "size": numbers(rows(size)),
    }


# Relative positions are memory minus context. Both directions have buckets of their own, of the same distances.
distances = torch.arange(0, 301)
before, after = (MPNetEncoder.relative_position_bucket(sign * distances).tolist() for sign in (-1, 1))
least = [before.index(bucket) for bucket in range(16)]
assert [after.index(16 + bucket) for bucket in range(1, 16)] == least[1:]
print("LEAST_DISTANCES:", least)

golden = {"positions": [position(3, 5, 2), position(5, 3, 2), position(16, 37, 1)]}
with open("golden.json", "w") as file:
    json.dump(golden, file, separators=(",", ":"))
    file.write("\n")
