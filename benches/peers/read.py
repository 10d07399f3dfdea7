"""Compares decoding and resizing to 518 x 518 by radzero-core with Pillow, pydicom and OpenCV, in turns on the same files.

    pip install -r requirements.txt
    cargo build --release -p radzero-benches --bin read
    python read.py ../../target/release/read ../../target/bench-read

The peers do what the published code does (OpenCV's min-max normalisation or scaling, Pillow's resize of three channels), and the
same with one channel, as a radiograph has. radzero-core runs with one thread per core, and with one thread. Prints a Markdown table
of medians in milliseconds; ratios are the peer's time over radzero's, with all threads and with one. Fails if a file is missing or
the images differ.
"""

import os
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
# Decoders of lossy files may differ by this many levels on average.
TOLERANCE = {"gray.jpg": 0.1}


def fitted(image, mode):
    return np.asarray(image.convert(mode).resize((SIDE, SIDE), resample=Image.Resampling.BICUBIC))


def eight_bits(path, mode):
    with Image.open(path) as image:
        return fitted(image, mode)


def sixteen_bits(path, mode):
    with Image.open(path) as image:
        levels = cv2.normalize(np.array(image).astype(np.uint16), None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U)
    return fitted(Image.fromarray(levels), mode)


def dicom(path, mode):
    data = pydicom.dcmread(path)
    stored = data.pixel_array
    levels = cv2.convertScaleAbs(stored, alpha=255.0 / stored.max())
    if data.PhotometricInterpretation == "MONOCHROME1":
        levels = cv2.bitwise_not(levels)
    return fitted(Image.fromarray(levels), mode)


PEERS = {
    "gray8.png": ("Pillow", eight_bits),
    "gray16.png": ("Pillow, OpenCV", sixteen_bits),
    "gray.jpg": ("Pillow", eight_bits),
    "uncompressed.dcm": ("pydicom, OpenCV, Pillow", dicom),
    "jpeg_lossless.dcm": ("pydicom with GDCM, OpenCV, Pillow", dicom),
}


class Peer:
    def __init__(self, read, mode):
        self.read, self.mode = read, mode

    def run(self, path):
        start = time.perf_counter()
        pixels = self.read(path, self.mode)
        taken = (time.perf_counter() - start) * 1e3
        return taken, pixels.reshape(SIDE, SIDE, -1)[..., 0].sum(dtype=int)


class Ours:
    def __init__(self, program, **environment):
        environment = os.environ | environment
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def run(self, path):
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"radzero-core did not read {path}: exit status {self.process.wait()}")
        nanoseconds, total = line.split()
        return int(nanoseconds) / 1e6, int(total)


def main():
    program, folder = sys.argv[1], Path(sys.argv[2])
    if not any((folder / name).exists() for name in files.NAMES):
        files.make(folder)
    missing = [name for name in PEERS if not (folder / name).is_file()]
    if missing:
        sys.exit(f"{folder} has no {', '.join(missing)}: remove it, or run files.py")
    ours = [Ours(program), Ours(program, RAYON_NUM_THREADS="1")]
    print(f"load before: {os.getloadavg()[0]:.2f}, {os.cpu_count()} cores", file=sys.stderr)

    names = ["published", "one channel", "ours", "ours, 1 thread", "ratio", "ratio, one channel"]
    print(f"| file | peer | {' | '.join(names)} |\n|{' --- |' * (len(names) + 2)}")
    for name, (peer, read) in PEERS.items():
        contestants = [Peer(read, "RGB"), Peer(read, "L"), *ours]
        times = [[] for _ in contestants]
        for turn in range(ROUNDS + 2):
            for contestant, taken in zip(contestants, times, strict=True):
                milliseconds, total = contestant.run(folder / name)
                # The first two turns warm up.
                if turn >= 2:
                    taken.append(milliseconds)
                elif contestant is contestants[0]:
                    expected = total
                apart = abs(total - expected) / SIDE**2
                if apart > TOLERANCE.get(name, 0):
                    sys.exit(f"{name}: another picture, {apart} levels off on average")
        published, one_channel, all_threads, one_thread = map(statistics.median, times)
        medians = " | ".join(f"{value:.1f}" for value in (published, one_channel, all_threads, one_thread))
        ratios = " | ".join(f"{theirs / all_threads:.1f} ({theirs / one_thread:.1f})" for theirs in (published, one_channel))
        print(f"| {name} | {peer} | {medians} | {ratios} |", flush=True)
    print(f"load after: {os.getloadavg()[0]:.2f}", file=sys.stderr)
    for contestant in ours:
        contestant.process.stdin.close()


if __name__ == "__main__":
    main()
