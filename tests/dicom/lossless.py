"""An encoder of lossless JPEG (T.81 annex H) with restarts, point transform and several components per scan, which none of the
available encoders can write."""

import struct

# A Huffman table: the 17 sizes of differences, 0 to 16, with codes of 5 bits each.
TABLE = bytes([0, 0, 0, 0, 0, len(range(17)), *[0] * 11, *range(17)])


def segment(marker, body):
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def stuffed(bits):
    bits += "1" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)).replace(b"\xff", b"\xff\0")


def difference(value):
    """The bits that code a difference, which is taken modulo 65,536: its size, then its value."""
    value = (value + 32767) % 65536 - 32767
    size = abs(value).bit_length()
    if size == 16:
        return f"{size:05b}"
    bits = value if value > 0 else value + (1 << size) - 1
    return f"{size:05b}" + (f"{bits:0{size}b}" if size else "")


def prediction(plane, y, x, predictor, first, middle):
    if first:
        return plane[y][x - 1] if x else middle
    if x == 0:
        return plane[y - 1][0]
    a, b, c = plane[y][x - 1], plane[y - 1][x], plane[y - 1][x - 1]
    return [a, b, c, a + b - c, a + ((b - c) >> 1), b + ((a - c) >> 1), (a + b) >> 1][predictor - 1]


def encode(planes, precision, predictor=1, shift=0, restart_rows=0):
    """Codestream of planes [components, rows, columns], with a restart every `restart_rows` rows."""
    planes = [[[int(v) >> shift for v in row] for row in plane] for plane in planes]
    count, rows, columns = len(planes), len(planes[0]), len(planes[0][0])
    middle = 1 << (precision - shift - 1)
    data, bits = b"", ""
    for y in range(rows):
        first = y == 0 or (restart_rows and y % restart_rows == 0)
        if first and y > 0:
            data += stuffed(bits) + bytes([0xFF, 0xD0 + (y // restart_rows - 1) % 8])
            bits = ""
        for x in range(columns):
            for plane in planes:
                bits += difference(plane[y][x] - prediction(plane, y, x, predictor, first, middle))
    components = b"".join(bytes([k + 1, 0x11, 0]) for k in range(count))
    stream = b"\xff\xd8" + segment(0xC3, struct.pack(">BHHB", precision, rows, columns, count) + components)
    stream += segment(0xC4, TABLE)
    if restart_rows:
        stream += segment(0xDD, struct.pack(">H", restart_rows * columns))
    scan = bytes([count]) + b"".join(bytes([k + 1, 0]) for k in range(count)) + bytes([predictor, 0, shift])
    return stream + segment(0xDA, scan) + data + stuffed(bits) + b"\xff\xd9"
