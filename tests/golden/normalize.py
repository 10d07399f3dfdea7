"""Writes normalize.json: the levels that OpenCV's min-max stretch, which the published code calls for batches, gives for 8-bit and
16-bit ranges and for small colour images. radzero-image/tests/opencv.rs compares them.

    pip install numpy==2.4.6 opencv-python-headless==5.0.0.93
    python normalize.py

The file records the versions.
"""

import hashlib
import json
import pathlib

import cv2
import numpy as np

random = np.random.default_rng(20250417)


def stretch(image):
    """The call in the published code."""
    return cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U)


def table(least, greatest, kind):
    """Levels of every value from least to greatest."""
    return stretch(np.arange(least, greatest + 1).astype(kind)[None]).ravel()


def digest(levels):
    return hashlib.sha256(levels.tobytes()).hexdigest()[:16]


def ranges_8():
    """For each least value, a digest of the tables of all possible greatest values, one after another."""
    tables = [[table(least, greatest, np.uint8) for greatest in range(least + 1, 256)] for least in range(255)]
    return [digest(np.concatenate(one)) for one in tables]


def ranges_16():
    chosen = [(0, 65535), (0, 1), (65534, 65535), (0, 255), (0, 510), (7, 517), (0, 4095), (32768, 65535), (1203, 51918)]
    while len(chosen) < 400:
        least, greatest = sorted(int(value) for value in random.integers(0, 65536, 2))
        # Favours narrow ranges, as those of 10 and 12 bits stored are the most common.
        greatest = min(greatest, least + (1 << int(random.integers(6, 17))) - 1)
        if least < greatest:
            chosen.append((least, greatest))
    return [[least, greatest, digest(table(least, greatest, np.uint16))] for least, greatest in chosen]


def images():
    """The range covers all channels, including alpha, which is dropped afterwards, as Pillow does."""
    cases = []
    for name, channels in [("gray-alpha", 2), ("rgb", 3), ("rgba", 4)]:
        for height, width in [(3, 5), (9, 14)]:
            colours = channels - 1 if channels in (2, 4) else channels
            samples = random.integers(40, 180, (height, width, channels)).astype(np.uint8)
            if colours < channels:
                # One image has an alpha of 255 throughout, above all colours; in the other, alpha goes below them.
                samples[..., -1] = 255 if height == 3 else random.integers(0, 200, (height, width))
            levels = stretch(samples)[..., :colours]
            cases.append(
                {
                    "kind": name,
                    "width": width,
                    "height": height,
                    "samples": samples.ravel().tolist(),
                    "levels": np.ascontiguousarray(levels.transpose(2, 0, 1)).ravel().tolist(),
                }
            )
    return cases


golden = {
    "opencv": cv2.__version__,
    "numpy": np.__version__,
    "ranges_8": ranges_8(),
    "ranges_16": ranges_16(),
    "images": images(),
}
path = pathlib.Path(__file__).with_name("normalize.json")
path.write_text(json.dumps(golden, separators=(",", ":")).replace('],"', '],\n"').replace('},{', '},\n{') + "\n")
print(path.name, path.stat().st_size, "bytes, OpenCV", cv2.__version__)
