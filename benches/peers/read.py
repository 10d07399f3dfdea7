"""Decode and resize to 518 x 518: Pillow, pydicom and OpenCV beside radzero-core, in turns on the same files.

    pip install -r requirements.txt
    cargo build --release -p radzero-benches --bin read
    python read.py ../../target/release/read ../../target/bench-read

The peers do what the published code does: OpenCV's min-max or scaling, Pillow's resize of three channels. Prints a Markdown table of
medians; the ratio is theirs over ours.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pydicom
from PIL import Image

import files

ROUNDS = 11
SIDE = 518


def fitted(image):
    return np.asarray(image.convert("RGB").resize((SIDE, SIDE), resample=Image.Resampling.BICUBIC))


def eight_bits(path):
    with Image.open(path) as image:
        return fitted(image)


def sixteen_bits(path):
    with Image.open(path) as image:
        levels = cv2.normalize(np.array(image).astype(np.uint16), None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U)
    return fitted(Image.fromarray(levels))


def dicom(path):
    data = pydicom.dcmread(path)
    stored = data.pixel_array
    levels = cv2.convertScaleAbs(stored, alpha=255.0 / stored.max())
    if data.PhotometricInterpretation == "MONOCHROME1":
        levels = cv2.bitwise_not(levels)
    return fitted(Image.fromarray(levels))


PEERS = {
    "gray8.png": ("Pillow", eight_bits),
    "gray16.png": ("Pillow, OpenCV", sixteen_bits),
    "gray.jpg": ("Pillow", eight_bits),
    "uncompressed.dcm": ("pydicom, OpenCV, Pillow", dicom),
    "jpeg_lossless.dcm": ("pydicom with GDCM, OpenCV, Pillow", dicom),
}


def main():
    program, folder = sys.argv[1], Path(sys.argv[2])
    if not all((folder / name).is_file() for name in files.NAMES):
        files.make(folder)
    ours = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def our_time(path):
        ours.stdin.write(f"{path}\n")
        ours.stdin.flush()
        return int(ours.stdout.readline()) / 1e6

    print("| file | peer | peer, ms | radzero-core, ms | ratio |\n| --- | --- | --- | --- | --- |")
    for name, (peer, read) in PEERS.items():
        theirs, own = [], []
        for turn in range(ROUNDS + 2):
            start = time.perf_counter()
            read(folder / name)
            their_time = (time.perf_counter() - start) * 1e3
            own_time = our_time(folder / name)
            # The first two turns warm both up.
            if turn >= 2:
                theirs.append(their_time)
                own.append(own_time)
        theirs, own = statistics.median(theirs), statistics.median(own)
        print(f"| {name} | {peer} | {theirs:.1f} | {own:.1f} | {theirs / own:.1f} |", flush=True)
    ours.stdin.close()


if __name__ == "__main__":
    main()
