"""Writes the image files of this folder, and expected.json with the levels that Pillow 10.2, or for 16 bits OpenCV, reads from
them, as 8-bit RGB in hexadecimal. tests/tests/images.rs compares them.

    pip install -r requirements.txt
    python make_images.py
"""

import io
import json
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

HERE = Path(__file__).resolve().parent
WIDTH, HEIGHT = 24, 17

# Levels by which JPEG decoders were measured to differ from libjpeg-turbo: in the inverse DCT (gray), and in the conversion of
# colours too. COLOUR has three values: without subsampling, with subsampling in one direction, and in both.
GRAY, CMYK, YCCK, COLOUR = 1, 1, 2, (3, 3, 4)


def smooth(channels):
    """[HEIGHT, WIDTH, channels] slopes, which JPEG preserves well."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    planes = [20 + 200 * ((x * (k + 1) + y * (3 - k)) % (WIDTH * 3)) / (WIDTH * 3) for k in range(channels)]
    planes = [np.abs(plane - 110) * 2 for plane in planes]
    return np.rint(np.stack(planes, axis=-1)).astype(np.uint8)


def rough(channels):
    """[37, 45, channels] waves and noise, which JPEG preserves less well."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:37, 0:45]
    planes = [128 + 90 * np.sin(x / (9 + 3 * k)) + 60 * np.cos(y / (5 + 2 * k)) + rng.normal(0, 8, x.shape) for k in range(channels)]
    return np.clip(np.rint(np.stack(planes, axis=-1)), 0, 255).astype(np.uint8)


def jpeg(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95, **options)
    return buffer.getvalue()


def png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def published(data):
    """A 16-bit image as read by the published code: OpenCV stretches it from the least to the greatest value."""
    stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    return Image.fromarray(cv2.normalize(stored, None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U))


def oriented(image, orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    image.save(buffer, kind, exif=exif)
    return buffer.getvalue()


def build():
    cmyk = jpeg(Image.fromarray(smooth(4), "CMYK"))
    # The same samples, marked as YCCK: only the transform in the Adobe segment differs.
    marker = cmyk.index(b"Adobe")
    assert cmyk[marker + 11] == 0
    ycck = cmyk[: marker + 11] + b"\x02" + cmyk[marker + 12 :]
    gray = Image.fromarray(smooth(1)[..., 0])
    yield "cmyk.jpg", cmyk, CMYK
    yield "ycck.jpg", ycck, YCCK
    yield "gray.jpg", jpeg(gray), GRAY
    yield "progressive.jpg", jpeg(Image.fromarray(smooth(3)), progressive=True, subsampling=0), COLOUR[0]
    yield "restarts.jpg", jpeg(Image.fromarray(smooth(3)), restart_marker_blocks=1, subsampling=0), COLOUR[0]
    yield "gray_rough.jpg", jpeg(Image.fromarray(rough(1)[..., 0])), GRAY
    yield "gray_restarts.jpg", jpeg(Image.fromarray(rough(1)[..., 0]), restart_marker_blocks=3), GRAY
    yield "gray_progressive_restarts.jpg", jpeg(Image.fromarray(rough(1)[..., 0]), progressive=True, restart_marker_rows=1), GRAY
    colour = Image.fromarray(rough(3))
    for subsampling, name in enumerate(["444", "422", "420"]):
        yield f"colour_{name}.jpg", jpeg(colour, subsampling=subsampling), COLOUR[subsampling]
        yield f"progressive_{name}.jpg", jpeg(colour, subsampling=subsampling, progressive=True), COLOUR[subsampling]
    yield "restarts_420.jpg", jpeg(colour, subsampling=2, restart_marker_blocks=2), COLOUR[2]
    # 16 bits, stretched as in the published code.
    yield "gray_16.png", png(Image.fromarray(rough(1)[..., 0].astype(np.uint16) * 201 + 777)), 0
    for orientation in range(1, 9):
        yield f"orientation{orientation}.png", oriented(Image.fromarray(smooth(3)), orientation, "PNG"), 0
    yield "orientation6.jpg", oriented(gray, 6, "JPEG"), GRAY


def main():
    entries = []
    for name, data, tolerance in build():
        (HERE / name).write_bytes(data)
        with Image.open(io.BytesIO(data)) as image:
            image = published(data) if image.mode.startswith("I") else image
            plain, turned = image.convert("RGB"), ImageOps.exif_transpose(image).convert("RGB")
        entries.append(
            {
                "file": name,
                "tolerance": tolerance,
                "width": plain.width,
                "height": plain.height,
                "levels": plain.tobytes().hex(),
                "turned": turned.tobytes().hex() if "orientation" in name else None,
            }
        )
    (HERE / "expected.json").write_text("[\n" + ",\n".join(json.dumps(e) for e in entries) + "\n]\n")


if __name__ == "__main__":
    main()
