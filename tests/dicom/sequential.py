"""An encoder of 12-bit sequential JPEG (T.81 annex F) with restarts, which none of the available encoders can write."""

import struct

import numpy as np
from lossless import segment, stuffed

ZIGZAG = sorted(range(64), key=lambda k: (k // 8 + k % 8, k // 8 if (k // 8 + k % 8) % 2 else k % 8))
# Symbols of the Huffman tables: sizes of DC differences, with codes of 5 bits; runs and sizes of AC coefficients, with codes of
# 8 bits. No code is all ones.
DC = list(range(16))
AC = [0x00, 0xF0, *(run << 4 | size for run in range(16) for size in range(1, 15))]
STEP = 12


def table(selector, length, symbols):
    counts = bytes(len(symbols) if bits == length else 0 for bits in range(1, 17))
    return segment(0xC4, bytes([selector]) + counts + bytes(symbols))


def magnitude(value):
    size = abs(value).bit_length()
    return size, f"{value if value > 0 else value + (1 << size) - 1:0{size}b}" if size else ""


def block_bits(levels, previous):
    """The bits that code a block of quantised coefficients, which are in zigzag order; `previous` is the last block's DC."""
    size, bits = magnitude(levels[0] - previous)
    out, run = f"{DC.index(size):05b}" + bits, 0
    last = max((k for k in range(1, 64) if levels[k]), default=0)
    for k in range(1, last + 1):
        if not levels[k]:
            run += 1
            continue
        for _ in range(run // 16):
            out += f"{AC.index(0xF0):08b}"
        size, bits = magnitude(levels[k])
        out += f"{AC.index(run % 16 << 4 | size):08b}" + bits
        run = 0
    return out + (f"{AC.index(0):08b}" if last < 63 else "")


def encode(plane, restart_blocks):
    """Codestream of a plane [rows, columns] of 12 bits, with a restart every `restart_blocks` blocks."""
    rows, columns = plane.shape
    padded = np.pad(plane.astype(float) - 2048, ((0, -rows % 8), (0, -columns % 8)), mode="edge")
    u, x = np.mgrid[0:8, 0:8]
    basis = np.where(u == 0, np.sqrt(0.5), 1) / 2 * np.cos((2 * x + 1) * u * np.pi / 16)
    data, bits, previous, done = b"", "", 0, 0
    for top in range(0, padded.shape[0], 8):
        for left in range(0, padded.shape[1], 8):
            if done and done % restart_blocks == 0:
                data += stuffed(bits) + bytes([0xFF, 0xD0 + (done // restart_blocks - 1) % 8])
                bits, previous = "", 0
            coefficients = basis @ padded[top : top + 8, left : left + 8] @ basis.T
            levels = [int(v) for v in np.rint(coefficients / STEP).ravel()[ZIGZAG]]
            bits += block_bits(levels, previous)
            previous, done = levels[0], done + 1
    stream = b"\xff\xd8" + segment(0xDB, bytes([0]) + bytes([STEP] * 64))
    stream += segment(0xC1, struct.pack(">BHHB", 12, rows, columns, 1) + bytes([1, 0x11, 0]))
    stream += table(0x00, 5, DC) + table(0x10, 8, AC) + segment(0xDD, struct.pack(">H", restart_blocks))
    return stream + segment(0xDA, bytes([1, 1, 0x00, 0, 63, 0])) + data + stuffed(bits) + b"\xff\xd9"
