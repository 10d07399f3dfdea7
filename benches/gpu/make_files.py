"""Makes a folder of radiograph-like files for the speed of reading: 8-bit PNG and 12-bit DICOM, in turns.

    python make_files.py FOLDER COUNT

There are only a few different images (seeded, so the same each time); the other files are links to them. Needs only numpy and
Pillow, since it writes the DICOM files itself.
"""

import os
import struct
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 2000, 2500
DISTINCT = 32
IMPLEMENTATION, SOP_CLASS, EXPLICIT = "2.25.1", "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.1.2.1"


def picture(seed):
    """12-bit levels: lungs, ribs and detector noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    u, v = x / WIDTH, y / HEIGHT
    left, right, height = rng.uniform([0.25, 0.65, 0.4], [0.35, 0.75, 0.6])
    value = 2600 + 250 * np.sin(v * 60 + 3 * (u - 0.5) ** 2)
    for centre in (left, right):
        value -= 1500 * np.exp(-((u - centre) ** 2 / 0.02 + (v - height) ** 2 / 0.08))
    return np.clip(value + rng.normal(0, 12, value.shape), 0, 4095).astype(np.uint16)


def element(group, number, representation, value):
    """A data element in explicit VR little endian (PS3.5 section 7.1.2), padded to an even length."""
    if isinstance(value, str):
        value = value.encode()
        value += b"\0" * (len(value) % 2) if representation == "UI" else b" " * (len(value) % 2)
    elif isinstance(value, int):
        value = struct.pack("<I" if representation == "UL" else "<H", value)
    length = struct.pack("<HI", 0, len(value)) if representation in ("OB", "OW") else struct.pack("<H", len(value))
    return struct.pack("<HH", group, number) + representation.encode() + length + value


def dicom(stored, instance):
    """A DICOM file (PS3.10) with the elements needed to display it."""
    meta = b"".join(
        [
            element(2, 1, "OB", b"\0\1"),
            element(2, 2, "UI", SOP_CLASS),
            element(2, 3, "UI", instance),
            element(2, 0x10, "UI", EXPLICIT),
            element(2, 0x12, "UI", IMPLEMENTATION),
        ]
    )
    rows, columns = stored.shape
    data = [
        element(8, 0x16, "UI", SOP_CLASS),
        element(8, 0x18, "UI", instance),
        element(8, 0x60, "CS", "DX"),
        element(0x28, 2, "US", 1),
        element(0x28, 4, "CS", "MONOCHROME2"),
        element(0x28, 0x10, "US", rows),
        element(0x28, 0x11, "US", columns),
        element(0x28, 0x100, "US", 16),
        element(0x28, 0x101, "US", 12),
        element(0x28, 0x102, "US", 11),
        element(0x28, 0x103, "US", 0),
        element(0x7FE0, 0x10, "OW", stored.tobytes()),
    ]
    return b"\0" * 128 + b"DICM" + element(2, 0, "UL", len(meta)) + meta + b"".join(data)


def write(folder, index):
    stored = picture(index)
    if index % 2:
        path = folder / f"distinct-{index:02}.dcm"
        path.write_bytes(dicom(stored, f"2.25.{1000 + index}"))
    else:
        path = folder / f"distinct-{index:02}.png"
        Image.fromarray((stored >> 4).astype(np.uint8)).save(path)
    return path


def make(folder, count):
    distinct, files = folder / "distinct", folder / "files"
    for path in (distinct, files):
        path.mkdir(parents=True, exist_ok=True)
    number = min(DISTINCT, count)
    with ProcessPoolExecutor() as pool:
        written = list(pool.map(write, [distinct] * number, range(number)))
    for index in range(count):
        source = written[index % number]
        os.link(source, files / f"{index:05}{source.suffix}")


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]))
