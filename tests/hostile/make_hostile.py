"""Writes the hostile files of this folder, small ones that ask for much memory or contradict themselves, and expected.json, which
README.md describes.

    pip install -r requirements.txt
    python make_hostile.py
"""

import io
import json
import struct
import zlib
from pathlib import Path

from PIL import Image

HERE = Path(__file__).resolve().parent
LOSSLESS, JPEG2000 = "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.90"
PROGRESSIVE = "1.2.840.10008.1.2.4.51"
RLE = "1.2.840.10008.1.2.5"


# DICOM, explicit little endian


def element(group, number, vr, value):
    if isinstance(value, int):
        value = struct.pack("<H", value)
    if isinstance(value, str):
        value = value.encode()
    value += (b"\0" if vr in ("UI", "OB", "OW") else b" ") * (len(value) % 2)
    head = struct.pack("<HH", group, number) + vr.encode()
    return head + (struct.pack("<HI", 0, len(value)) if vr in ("OB", "OW", "SQ") else struct.pack("<H", len(value))) + value


def fragment(stream):
    stream += b"\0" * (len(stream) % 2)
    items = struct.pack("<HHI", 0xFFFE, 0xE000, 0) + struct.pack("<HHI", 0xFFFE, 0xE000, len(stream)) + stream
    return struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF) + items + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def dicom(syntax, rows, columns, allocated, stored, photometric, stream, more=b"", samples=1):
    meta = element(2, 0x10, "UI", syntax)
    data = b"\0" * 128 + b"DICM" + element(2, 0, "UL", struct.pack("<I", len(meta))) + meta
    data += element(8, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.1.1") + element(8, 0x60, "CS", "DX")
    data += element(0x10, 0x10, "PN", "SECRET^NAME")
    data += element(0x28, 2, "US", samples) + element(0x28, 4, "CS", photometric)
    data += element(0x28, 0x10, "US", rows) + element(0x28, 0x11, "US", columns)
    data += element(0x28, 0x100, "US", allocated) + element(0x28, 0x101, "US", stored)
    data += element(0x28, 0x102, "US", stored - 1) + element(0x28, 0x103, "US", 0)
    return data + more + fragment(stream)


def palette():
    """Tables of 256 black entries."""
    tables = [element(0x28, 0x1101 + k, "US", struct.pack("<HHH", 256, 0, 16)) for k in range(3)]
    return b"".join(tables + [element(0x28, 0x1201 + k, "OW", bytes(512)) for k in range(3)])


# Codestreams


def segment(marker, body):
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def entropy(bits):
    bits += "1" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)).replace(b"\xff", b"\xff\0")


def lossless(rows, columns, precision, named, data):
    """Lossless JPEG of one component, which the scan header names `named` times. Huffman codes: 0 for no difference, 10 for a
    difference of 15 bits."""
    stream = b"\xff\xd8" + segment(0xC3, struct.pack(">BHHBBBB", precision, rows, columns, 1, 1, 0x11, 0))
    stream += segment(0xC4, bytes([0, 1, 1, *[0] * 14, 0, 15]))
    return stream + segment(0xDA, bytes([named, *[1, 0] * named, 1, 0, 0])) + data + b"\xff\xd9"


def jpeg2000(width, height, precision=16):
    """The headers of an image of one tile, with hardly any data."""
    size = struct.pack(">HIIIIIIIIHBBB", 0, width, height, 0, 0, width, height, 0, 0, 1, precision - 1, 1, 1)
    stream = b"\xff\x4f" + segment(0x51, size) + segment(0x52, bytes([0, 0, 0, 1, 0, 5, 4, 4, 0, 1]))
    stream += segment(0x5C, bytes([0x40, *[18 << 3] * 16]))
    return stream + b"\xff\x90" + struct.pack(">HHIBB", 10, 0, 20, 0, 1) + b"\xff\x93" + bytes(6) + b"\xff\xd9"


def png(width, height, depth, colour, interlaced=0):
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(100_000), 9)) + chunk(b"IEND", b"")


def jpeg(width, height, mode, frame, **options):
    """A black picture of 64 x 64 whose frame header claims another size."""
    buffer = io.BytesIO()
    Image.new(mode, (64, 64)).save(buffer, "JPEG", **options)
    stream = bytearray(buffer.getvalue())
    at = stream.index(bytes([0xFF, frame]))
    stream[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(stream)


def sampled(stream, sampling):
    """The codestream with these sampling factors for every component."""
    stream = bytearray(stream)
    at = next(stream.index(bytes([0xFF, frame])) for frame in (0xC0, 0xC2) if bytes([0xFF, frame]) in stream)
    for component in range(stream[at + 9]):
        stream[at + 11 + 3 * component] = sampling
    return bytes(stream)


def build():
    """Yields name, content, and a part of the error message (empty for any error), or None if the file must be readable."""
    eight = (8, 8, 8, 8)
    deep = lossless(8, 8, 8, 1, entropy("10" + "1" * 15 + "0" * 63))
    yield "palette_beyond_precision.dcm", dicom(LOSSLESS, *eight, "PALETTE COLOR", deep, palette()), None
    deep = lossless(8, 8, 16, 1, entropy("10" + "1" * 15 + "0" * 63))
    yield "palette_deep_lossless.dcm", dicom(LOSSLESS, *eight, "PALETTE COLOR", deep, palette()), "at most 8 bits a sample expected"
    deep = jpeg2000(8, 8)
    yield "palette_deep_jpeg2000.dcm", dicom(JPEG2000, *eight, "PALETTE COLOR", deep, palette()), "at most 8 bits a sample expected"
    named = lossless(8, 8, 12, 255, bytes(64))
    yield "scan_of_255.dcm", dicom(LOSSLESS, 8, 8, 16, 12, "MONOCHROME2", named), "components of a JPEG scan"
    short = lossless(8192, 16384, 12, 1, bytes(64))
    yield "lossless_short.dcm", dicom(LOSSLESS, 8192, 16384, 16, 12, "MONOCHROME2", short), "bytes"
    short = struct.pack("<16I", 2, 64, 96, *[0] * 13) + b"\x81\0" * 64
    yield "rle_short.dcm", dicom(RLE, 8192, 16384, 16, 12, "MONOCHROME2", short), "bytes expected"
    for name, width, height in [("huge", 16384, 8192), ("large", 6000, 6000)]:
        stream = dicom(JPEG2000, height, width, 16, 16, "MONOCHROME2", jpeg2000(width, height))
        yield f"jpeg2000_{name}.dcm", stream, "bytes of memory" if name == "huge" else ""
        yield f"rgba16_{name}.png", png(width, height, 16, 6), "bytes of memory" if name == "huge" else ""
        yield f"interlaced_{name}.png", png(width, height, 16, 0, 1), ""
    yield "turned_rgb16.png", png(16384, 8192, 16, 2), "bytes of memory"
    for name, mode in [("gray", "L"), ("rgb", "RGB"), ("cmyk", "CMYK")]:
        more = {} if mode == "L" else {"subsampling": 0}
        for kind, frame in [("baseline", 0xC0), ("progressive", 0xC2)]:
            stream = jpeg(16384, 8192, mode, frame, progressive=kind == "progressive", **more)
            yield f"{kind}_{name}.jpg", stream, "bytes"
    stream = sampled(jpeg(4000, 4000, "RGB", 0xC2, progressive=True, subsampling=0), 0x44)
    yield "progressive_sampled.jpg", stream, ""
    stream = jpeg(16384, 8192, "L", 0xC2, progressive=True)
    yield "progressive.dcm", dicom(PROGRESSIVE, 8192, 16384, 8, 8, "MONOCHROME2", stream), "bytes"


def main():
    entries = []
    for name, content, error in build():
        (HERE / name).write_bytes(content)
        entries.append({"file": name, "error": error})
    (HERE / "expected.json").write_text("[\n" + ",\n".join(json.dumps(entry) for entry in entries) + "\n]\n")


if __name__ == "__main__":
    main()
