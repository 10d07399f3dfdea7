"""Makes the image files of this folder and expected.json: what Pillow 10.2 reads in them, as 8-bit RGB in hexadecimal.

    pip install -r requirements.txt
    python make_images.py
"""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

HERE = Path(__file__).resolve().parent
WIDTH, HEIGHT = 24, 17


def smooth(channels):
    """[HEIGHT, WIDTH, channels]: slopes, which JPEG keeps well."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    planes = [20 + 200 * ((x * (k + 1) + y * (3 - k)) % (WIDTH * 3)) / (WIDTH * 3) for k in range(channels)]
    planes = [np.abs(plane - 110) * 2 for plane in planes]
    return np.rint(np.stack(planes, axis=-1)).astype(np.uint8)


def jpeg(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95, **options)
    return buffer.getvalue()


def oriented(image, orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    image.save(buffer, kind, exif=exif)
    return buffer.getvalue()


def build():
    cmyk = jpeg(Image.fromarray(smooth(4), "CMYK"))
    # The same samples taken for YCCK: only the Adobe segment's transform says so.
    marker = cmyk.index(b"Adobe")
    assert cmyk[marker + 11] == 0
    ycck = cmyk[: marker + 11] + b"\x02" + cmyk[marker + 12 :]
    gray = Image.fromarray(smooth(1)[..., 0])
    yield "cmyk.jpg", cmyk, 4
    yield "ycck.jpg", ycck, 4
    yield "gray.jpg", jpeg(gray), 4
    yield "progressive.jpg", jpeg(Image.fromarray(smooth(3)), progressive=True, subsampling=0), 4
    yield "restarts.jpg", jpeg(Image.fromarray(smooth(3)), restart_marker_blocks=1, subsampling=0), 4
    for orientation in range(1, 9):
        yield f"orientation{orientation}.png", oriented(Image.fromarray(smooth(3)), orientation, "PNG"), 0
    yield "orientation6.jpg", oriented(gray, 6, "JPEG"), 4


def main():
    entries = []
    for name, data, tolerance in build():
        (HERE / name).write_bytes(data)
        with Image.open(io.BytesIO(data)) as image:
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
