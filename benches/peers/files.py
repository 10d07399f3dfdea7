"""Makes the files of the `read` bench: a radiograph-like image of 3000 x 2500 in each format, in the given folder.

    pip install -r requirements.txt
    apt-get install dcmtk
    python files.py ../../target/bench-read
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

NAMES = ["gray8.png", "gray16.png", "gray.jpg", "uncompressed.dcm", "jpeg_lossless.dcm"]
WIDTH, HEIGHT = 3000, 2500


def picture():
    """12-bit levels: lungs, ribs and detector noise."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    u, v = x / WIDTH, y / HEIGHT
    value = 2600 - 1500 * np.exp(-((u - 0.3) ** 2 / 0.02 + (v - 0.5) ** 2 / 0.08))
    value -= 1500 * np.exp(-((u - 0.7) ** 2 / 0.02 + (v - 0.5) ** 2 / 0.08))
    value += 250 * np.sin(v * 60 + 3 * (u - 0.5) ** 2) + rng.normal(0, 12, value.shape)
    return np.clip(value, 0, 4095).astype(np.uint16)


def make(folder):
    folder.mkdir(parents=True, exist_ok=True)
    stored = picture()
    eight = (stored >> 4).astype(np.uint8)
    Image.fromarray(eight).save(folder / "gray8.png")
    Image.fromarray(stored << 4).save(folder / "gray16.png")
    Image.fromarray(eight).save(folder / "gray.jpg", quality=95)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    meta.MediaStorageSOPInstanceUID = "2.25.3"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.Modality, data.SamplesPerPixel, data.PhotometricInterpretation = "DX", 1, "MONOCHROME2"
    data.Rows, data.Columns = stored.shape
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.PixelData = stored.tobytes()
    pydicom.dcmwrite(folder / "uncompressed.dcm", data, enforce_file_format=True)
    subprocess.run(["dcmcjpeg", "+e1", folder / "uncompressed.dcm", folder / "jpeg_lossless.dcm"], check=True)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
