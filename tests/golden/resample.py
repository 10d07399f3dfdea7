"""Hashes of Pillow's bicubic resize for many pairs of sizes, on generated inputs. make_golden.py writes them to resample.json."""

import hashlib

import numpy as np
from PIL import Image

# (width, height) -> (width, height)
PAIRS = [
    ((1, 1), (1, 1)), ((1, 1), (14, 14)), ((2, 1), (1, 2)), ((2, 3), (7, 5)), ((3, 3), (3, 3)), ((5, 7), (5, 14)),
    ((5, 7), (20, 7)), ((14, 14), (13, 15)), ((16, 16), (8, 8)), ((16, 16), (32, 32)), ((17, 31), (70, 70)),
    ((31, 17), (70, 70)), ((61, 83), (70, 70)), ((70, 70), (70, 70)), ((71, 69), (70, 70)), ((97, 45), (56, 56)),
    ((100, 1), (70, 70)), ((1, 100), (70, 70)), ((100, 100), (1, 1)), ((127, 255), (64, 64)), ((128, 96), (70, 70)),
    ((199, 3), (42, 42)), ((224, 224), (518, 518)), ((255, 257), (256, 256)), ((300, 200), (224, 224)),
    ((333, 777), (70, 70)), ((400, 400), (100, 100)), ((401, 399), (100, 100)), ((512, 512), (518, 518)),
    ((517, 519), (518, 518)), ((518, 300), (518, 518)), ((518, 518), (518, 518)), ((640, 480), (518, 518)),
    ((700, 50), (28, 28)), ((900, 7), (518, 5)), ((1024, 1024), (224, 224)), ((1024, 768), (518, 518)),
    ((1500, 2), (3, 518)), ((1955, 1841), (518, 518)), ((64, 64), (513, 2)),
]  # fmt: skip

MASK = 0xFFFFFFFF


def source(width, height, channels, seed):
    """u8 [height, width, channels]: the upper bytes of successive states of xorshift32 (13, 17, 5), started from `seed`, row by
    row, channels innermost. Values of pixels whose (x // 8 + y // 8) is even are halved, so that there are edges besides noise."""
    state, values = seed, bytearray()
    for _ in range(width * height * channels):
        state ^= (state << 13) & MASK
        state ^= state >> 17
        state ^= (state << 5) & MASK
        values.append(state >> 24)
    array = np.frombuffer(bytes(values), dtype=np.uint8).reshape(height, width, channels).copy()
    y, x = np.mgrid[0:height, 0:width]
    dark = (x // 8 + y // 8) % 2 == 0
    array[dark] //= 2
    return array


def goldens():
    entries = []
    for index, ((width, height), (out_width, out_height)) in enumerate(PAIRS):
        # The largest ones in gray only, because an unoptimised test is slow to generate them.
        for channels in (1, 3) if width * height < 300_000 else (1,):
            seed = 1000 + 2 * index + channels
            array = source(width, height, channels, seed)
            image = Image.fromarray(array[..., 0] if channels == 1 else array)
            result = np.asarray(image.resize((out_width, out_height), resample=Image.Resampling.BICUBIC))
            entries.append(
                {
                    "seed": seed,
                    "channels": channels,
                    "width": width,
                    "height": height,
                    "out_width": out_width,
                    "out_height": out_height,
                    "source_sha256": hashlib.sha256(array.tobytes()).hexdigest(),
                    "sha256": hashlib.sha256(result.tobytes()).hexdigest(),
                    "head": result.reshape(-1)[:12].tolist(),
                }
            )
    return entries
