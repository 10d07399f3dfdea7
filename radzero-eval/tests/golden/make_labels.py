"""Writes siim_labels.csv and rsna_labels.csv: for each image with a finding, the first 8 hexadecimal digits of the SHA-256
of its name, the area of its mask, and the first 8 of the SHA-256 of the mask (rows of the 1024 x 1024 image, 8 pixels
per byte, first pixel in the highest bit).

    python make_labels.py FOLDER

FOLDER holds siim-pneumothorax-train-rle.csv.gz and kaggle_stage_2_train_labels.csv.zip from PyPI's torchxrayvision
(torchxrayvision/data). Masks are drawn by the rules of the published evaluation: relative run-lengths, column by column, and
boxes truncated to whole pixels. Needs numpy and pandas.
"""

import hashlib
import pathlib
import sys

import numpy as np
import pandas as pd

SIDE = 1024


def digest(content):
    return hashlib.sha256(content).hexdigest()[:8]


def draw_runs(text):
    flat = np.zeros(SIDE * SIDE, bool)
    numbers = np.array([int(word) for word in text.split()])
    position = 0
    for start, length in zip(numbers[0::2], numbers[1::2]):
        position += start
        assert position + length <= flat.size
        flat[position : position + length] = True
        position += length
    return flat.reshape(SIDE, SIDE).T


def write(name, source, masks):
    lines, negative = [], 0
    for image, mask in masks:
        if mask.any():
            checksum = digest(np.packbits(mask, axis=1).tobytes())
            lines.append(f"{digest(image.encode())},{mask.sum()},{checksum}")
        else:
            negative += 1
    header = f"# {source}: {len(lines)} images with a finding, {negative} without\n"
    path = pathlib.Path(__file__).with_name(name)
    path.write_text(header + "\n".join(sorted(lines)) + "\n")
    print(header.strip(), path.stat().st_size, "bytes")


def siim(folder):
    table = pd.read_csv(folder / "siim-pneumothorax-train-rle.csv.gz", dtype=str, skipinitialspace=True)
    for image, rows in table.groupby("ImageId", sort=False):
        mask = np.zeros((SIDE, SIDE), bool)
        for text in rows["EncodedPixels"].str.strip():
            if text != "-1":
                mask |= draw_runs(text)
        yield image, mask


def rsna(folder):
    table = pd.read_csv(folder / "kaggle_stage_2_train_labels.csv.zip")
    for image, rows in table.groupby("patientId", sort=False):
        mask = np.zeros((SIDE, SIDE), bool)
        for x, y, width, height in rows[["x", "y", "width", "height"]].dropna().to_numpy():
            mask[int(y) : int(y) + int(height), int(x) : int(x) + int(width)] = True
        yield image, mask


folder = pathlib.Path(sys.argv[1])
write("siim_labels.csv", "siim-pneumothorax-train-rle.csv", siim(folder))
write("rsna_labels.csv", "stage_2_train_labels.csv", rsna(folder))
