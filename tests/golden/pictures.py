"""The image files, and how the reference reads each of them to 8-bit RGB."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6


def field(width, height, seed, low=0.0, high=1.0):
    """[height, width] float64: two blobs on a slope with a little noise, scaled to exactly low..high."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    u, v = (x + 0.5) / width, (y + 0.5) / height
    value = 0.4 * u + 0.3 * v
    for _ in range(2):
        cx, cy, r = rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8), rng.uniform(0.08, 0.2)
        value = value + rng.uniform(0.6, 1.2) * np.exp(-((u - cx) ** 2 + (v - cy) ** 2) / (2 * r * r))
    value = value + rng.uniform(-0.05, 0.05, value.shape)
    span = value.max() - value.min()
    unit = (value - value.min()) / span if span > 0 else np.full_like(value, 0.6)
    return low + unit * (high - low)


def levels(width, height, seed, low=0, high=255, dtype=np.uint8):
    return np.rint(field(width, height, seed, low, high)).astype(dtype)


def colour(width, height, seed, high=255, dtype=np.uint8):
    return np.stack([levels(width, height, seed + c, 0, high, dtype) for c in range(3)], axis=-1)


def png(samples, depth, kind, chunks=()):
    """A PNG file of [H, W] or [H, W, C] samples, unfiltered, with `chunks` before the image data."""
    height, width = samples.shape[:2]
    if depth == 16:
        rows = [row.astype(">u2").tobytes() for row in samples]
    elif depth == 8:
        rows = [row.astype("u1").tobytes() for row in samples]
    else:
        bits = ((samples[..., None] >> np.arange(depth - 1, -1, -1)) & 1).reshape(height, width * depth)
        rows = [np.packbits(row.astype("u1")).tobytes() for row in bits]

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    parts = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header)]
    parts += [chunk(name, data) for name, data in chunks]
    parts += [chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows), 9)), chunk(b"IEND", b"")]
    return b"".join(parts)


def palette(entries, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (entries, 3), dtype=np.uint8).tobytes()


def dicom(stored, photometric, bits):
    """An uncompressed single-frame radiograph (Explicit VR Little Endian)."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    meta.MediaStorageSOPInstanceUID = f"2.25.{1000 + bits}{len(photometric)}{photometric[-1]}"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID = meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.Modality = "DX"
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = photometric
    data.Rows, data.Columns = stored.shape
    data.BitsAllocated = 16
    data.BitsStored = bits
    data.HighBit = bits - 1
    data.PixelRepresentation = 0
    # Must not be applied: the published rule uses the stored values.
    data.WindowCenter, data.WindowWidth = "300", "200"
    data.RescaleSlope, data.RescaleIntercept = "2", "-100"
    data.PixelData = stored.astype("<u2").tobytes()
    buffer = io.BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def jpeg(samples):
    buffer = io.BytesIO()
    Image.fromarray(samples).save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


def with_alpha(samples, seed):
    height, width = samples.shape[:2]
    alpha = levels(width, height, seed)
    return np.concatenate([samples.reshape(height, width, -1), alpha[..., None]], axis=-1)


def build():
    """{name: (file name, bytes, intensity rule, tolerance of the pixels in levels)}."""
    # The ranges of these and of gray16 are odd, so that no value lies exactly halfway between two levels. There OpenCV, which the
    # published code calls, may round either way, because it multiplies by a rounded factor.
    mono2 = levels(40, 44, 130, 150, 3891, np.uint16)
    mono1 = levels(36, 28, 131, 0, 4095, np.uint16)
    transparent = bytes([0, 255, 128, 10, 200, 64])
    files = {
        "gray8": png(levels(83, 61, 100), 8, GRAY),
        "rgb8": png(colour(45, 97, 101), 8, RGB),
        "rgba8": png(with_alpha(colour(31, 23, 104), 107), 8, RGBA),
        "gray_alpha8": png(with_alpha(levels(29, 37, 108), 109), 8, GRAY_ALPHA),
        "gray8_transparent": png(levels(27, 22, 110), 8, GRAY, [(b"tRNS", struct.pack(">H", 120))]),
        "palette8": png(levels(40, 30, 111, 0, 199), 8, PALETTE, [(b"PLTE", palette(200, 112))]),
        "palette4_transparent": png(
            levels(33, 21, 113, 0, 15), 4, PALETTE, [(b"PLTE", palette(16, 114)), (b"tRNS", transparent)]
        ),
        "gray1": png(levels(50, 34, 115, 0, 1), 1, GRAY),
        "gray4": png(levels(26, 19, 116, 0, 15), 4, GRAY),
        "gray16": png(levels(47, 53, 117, 1203, 51918, np.uint16), 16, GRAY),
        "rgb16": png(colour(24, 35, 118, 65535, np.uint16), 16, RGB),
        "square70": png(colour(70, 70, 121), 8, RGB),
        "small": png(colour(13, 9, 124), 8, RGB),
        "wide": png(levels(200, 9, 127), 8, GRAY),
        "tall": png(levels(7, 150, 128), 8, GRAY),
        "one_pixel": png(np.array([[[201, 90, 17]]], dtype=np.uint8), 8, RGB),
    }
    pictures = {name: (f"{name}.png", data, "as-is", 0) for name, data in files.items()}
    pictures["gray16"] = ("gray16.png", files["gray16"], "min-max", 0)
    pictures["dicom_monochrome2"] = ("dicom_monochrome2.dcm", dicom(mono2, "MONOCHROME2", 12), "dicom-max", 0)
    pictures["dicom_monochrome1"] = ("dicom_monochrome1.dcm", dicom(mono1, "MONOCHROME1", 12), "dicom-max", 0)
    # Decoders differ by a level or two in the inverse DCT and the colour conversion.
    pictures["jpeg"] = ("jpeg.jpg", jpeg(colour(64, 48, 132)), "as-is", 4)
    return pictures


def min_max(raw):
    """Min-max to 0..255: the exact quotient, rounded once, half to even."""
    raw = raw.astype(np.float64)
    return np.rint((raw - raw.min()) * 255 / (raw.max() - raw.min())).astype(np.uint8)


def dicom_max(stored, photometric):
    """Stored values times 255 / max, rounded half to even, saturated; inverted for MONOCHROME1."""
    stored = stored.astype(np.float64)
    level = np.clip(np.rint(stored * 255 / stored.max()), 0, 255).astype(np.uint8)
    return 255 - level if photometric == "MONOCHROME1" else level


def read(path, intensity):
    """The file as an 8-bit RGB Pillow image."""
    if intensity == "dicom-max":
        import pydicom

        data = pydicom.dcmread(path)
        return Image.fromarray(dicom_max(data.pixel_array, data.PhotometricInterpretation)).convert("RGB")
    with Image.open(path) as image:
        if intensity == "min-max":
            assert image.mode in ("I", "I;16"), image.mode  # which of the two depends on Pillow's version
            return Image.fromarray(min_max(np.array(image))).convert("RGB")
        # For 16 bits per channel, Pillow keeps the high byte.
        return image.convert("RGB")


def pixels(image, side):
    """u8 [3, side, side]: both sides resized, bicubic, antialiased."""
    resized = image.resize((side, side), resample=Image.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(resized).transpose(2, 0, 1))
