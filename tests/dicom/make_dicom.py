"""Writes the synthetic DX files of this folder, with one difficulty each, and expected.json, which README.md describes.

    pip install -r requirements.txt
    apt-get install dcmtk
    python make_dicom.py

`display` comes from DCMTK's dcmj2pnm if it supports the function, `reference` from the published code's calls of OpenCV, the rest
from the rules in numpy. The tests need none of these.
"""

import copy
import io
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import cv2
import lossless
import numpy as np
import pydicom
import sequential
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian,
)  # fmt: skip

HERE = Path(__file__).resolve().parent
FILES = HERE / "files"
LIMIT = 700_000
ROWS, COLUMNS = 21, 26
DX = "1.2.840.10008.5.1.4.1.1.1.1"


def field(low, high, dtype, rows=ROWS, columns=COLUMNS, seed=1):
    """[rows, columns] values from low to high: a slope, a blob and a little noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:columns]
    value = x / columns + 0.5 * y / rows + np.exp(-((x - columns / 3) ** 2 + (y - rows / 2) ** 2) / 30)
    value = value + rng.uniform(0, 0.1, value.shape)
    value = (value - value.min()) / (value.max() - value.min())
    return np.rint(low + value * (high - low)).astype(dtype)


def base(stored, bits=12, high_bit=None, signed=False, photometric="MONOCHROME2"):
    data = Dataset()
    data.SOPClassUID = DX
    data.SOPInstanceUID = "2.25.1"
    data.Modality = "DX"
    data.PresentationIntentType = "FOR PRESENTATION"
    data.BodyPartExamined = "CHEST"
    data.ViewPosition = "PA"
    # Must never appear in a message.
    data.PatientName = "SECRET^NAME"
    data.PatientID = "SECRET-ID"
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = photometric
    data.Rows, data.Columns = stored.shape[-2:]
    data.BitsAllocated = stored.dtype.itemsize * 8
    data.BitsStored = bits
    data.HighBit = bits - 1 if high_bit is None else high_bit
    data.PixelRepresentation = int(signed)
    pixels(data, stored)
    return data


def pixels(data, stored):
    raw = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    data.PixelData = raw + b"\0" * (len(raw) % 2)
    data["PixelData"].VR = "OW" if stored.dtype.itemsize == 2 else "OB"


def compressed(name, data, syntax, frames, **options):
    """Writes a file with these codestreams, one per frame."""
    data = copy.deepcopy(data)
    data.PixelData = encapsulate(frames, **options)
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    return write(name, data, syntax)


def codestream(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95, **options)
    return buffer.getvalue()


def decompressed(path):
    """The pixels as decoded by DCMTK."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.dcm"
        subprocess.run(["dcmdjpeg", str(path), str(raw)], check=True, capture_output=True)
        return pydicom.dcmread(raw).pixel_array.astype(np.int64)


def lut(first, entries, bits, signed=False, as_bytes=False):
    item = Dataset()
    vr = "SS" if signed else "US"
    item.add_new(0x00283002, vr, [0 if len(entries) == 65536 else len(entries), first, bits])
    if as_bytes:
        item.add_new(0x00283006, "OW", np.asarray(entries, "u1").tobytes())
    else:
        item.add_new(0x00283006, "OW", np.asarray(entries, "<u2").tobytes())
    return pydicom.Sequence([item])


def curve(count, greatest):
    """A gentle S curve from 0 to greatest."""
    x = np.linspace(-3, 3, count)
    y = 1 / (1 + np.exp(-x))
    return np.rint((y - y[0]) / (y[-1] - y[0]) * greatest).astype(int)


def write(name, data, syntax=ExplicitVRLittleEndian):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = data.SOPClassUID
    meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    file = FileDataset(None, copy.deepcopy(data), file_meta=meta, preamble=b"\0" * 128)
    path = FILES / f"{name}.dcm"
    if syntax == ExplicitVRBigEndian:
        file.PixelData = np.frombuffer(data.PixelData, "<u2").astype(">u2").tobytes()
    with open(path, "wb") as out:
        pydicom.dcmwrite(out, file, enforce_file_format=True)
    return path


# The rules


def half_even(value):
    return np.rint(value)


def reference(values, photometric):
    """As the published code calls OpenCV: stored value x 255 / greatest, inverted for MONOCHROME1."""
    kind = np.uint16 if values.min() >= 0 else np.int16
    level = cv2.convertScaleAbs(values.astype(kind), alpha=255.0 / values.max())
    return cv2.bitwise_not(level) if photometric == "MONOCHROME1" else level


def stored_values(data, words):
    """The stored values, shifted, masked and with their sign; `words` are the samples as unsigned integers."""
    low = data.HighBit + 1 - data.BitsStored
    value = (words.astype(np.int64) >> low) & ((1 << data.BitsStored) - 1)
    if data.PixelRepresentation == 1:
        value = np.where(value >= 1 << (data.BitsStored - 1), value - (1 << data.BitsStored), value)
    return value


def min_max(values, keep=None, invert=False):
    values = values.astype(np.float64)
    kept = values if keep is None else values[keep]
    level = np.clip((values - kept.min()) / (kept.max() - kept.min()), 0, 1) * 255
    return half_even(255 - level if invert else level).astype(np.uint8)


def linear_exact(values, centre, width):
    return half_even(np.clip((values - centre) / width + 0.5, 0, 1) * 255).astype(np.uint8)


def dcmtk(path, *options):
    """8-bit gray levels by dcmj2pnm, [rows, columns]."""
    with tempfile.NamedTemporaryFile(suffix=".pgm") as out:
        run = ["dcmj2pnm", "--write-raw-pnm", *options, str(path), out.name]
        subprocess.run(run, check=True, capture_output=True)
        with Image.open(out.name) as image:
            return np.asarray(image.convert("L"))


WINDOW, LUT, RANGE = ("+Wi", "1"), ("+Wl", "1"), ("+Wm",)
CASES = []


def case(name, data, words=None, display=None, syntax=ExplicitVRLittleEndian, expect=None, **more):
    """Adds a case; `display` is a dcmj2pnm option that selects the VOI transform, or an array of levels."""
    path = write(name, data, syntax)
    words = np.frombuffer(data.PixelData, "<u2" if data.BitsAllocated == 16 else "u1")[: ROWS * COLUMNS] if words is None else words
    values = stored_values(data, words.reshape(data.Rows, data.Columns))
    add(name, path, values, data, display, expect, **more)


def add(name, path, values, data, display, expect=None, tolerance=0, **more):
    found = {"reference": reference(values, data.PhotometricInterpretation)} if values is not None else {}
    if display is not None:
        found["display"] = dcmtk(path, *display) if isinstance(display, tuple) else display
    found |= expect or {}
    entry = {"name": name, "file": f"files/{path.name}", "tolerance": tolerance}
    entry |= {key: value for key, value in more.items()}
    for policy, levels in found.items():
        assert levels.dtype == np.uint8 and levels.shape == (data.Rows, data.Columns), (name, policy)
        assert np.ptp(levels) > 60, (name, policy, np.ptp(levels))
        entry[policy] = levels.tobytes().hex()
    entry["rows"], entry["columns"] = int(data.Rows), int(data.Columns)
    CASES.append(entry)


def grayscale_cases():
    twelve = field(3, 4090, np.uint16)
    plain = base(twelve)
    case("plain", plain, display=RANGE, expect={"min-max": min_max(twelve)}, voi="min-max")

    window = base(twelve)
    window.WindowCenter, window.WindowWidth = "1800", "2500"
    case("window", window, display=WINDOW, voi="window")
    for name, syntax in [("implicit", ImplicitVRLittleEndian), ("big_endian", ExplicitVRBigEndian), ("deflated", DeflatedExplicitVRLittleEndian)]:
        case(name, copy.deepcopy(window), display=WINDOW, syntax=syntax, voi="window")
    several = copy.deepcopy(window)
    several.WindowCenter, several.WindowWidth = ["1500", "500"], ["2000", "300"]
    case("several_windows", several, display=WINDOW, voi="window", warnings=["several-windows"])
    narrow = copy.deepcopy(window)
    narrow.WindowCenter, narrow.WindowWidth = "2000.5", "1"
    case("window_of_one", narrow, display=WINDOW, voi="window")
    sigmoid = copy.deepcopy(window)
    sigmoid.VOILUTFunction = "SIGMOID"
    case("sigmoid", sigmoid, display=WINDOW, voi="window")
    exact = copy.deepcopy(window)
    exact.VOILUTFunction = "LINEAR_EXACT"
    exact.WindowCenter, exact.WindowWidth = "1000", "600"
    case("linear_exact", exact, display=linear_exact(twelve.astype(float), 1000, 600), voi="window")
    half = copy.deepcopy(window)
    del half.WindowCenter
    case("window_no_centre", half, display=RANGE, voi="min-max", warnings=["window-invalid"])
    trailing = copy.deepcopy(window)
    for tag, value in [(0x00281050, b"1800\\ "), (0x00281051, b"2500\\ ")]:
        # Raw, because pydicom does not write an empty second value.
        trailing[tag] = pydicom.dataelem.RawDataElement(pydicom.tag.Tag(tag), "DS", len(value), value, 0, False, True)
    case("window_trailing", trailing, display=dcmtk(FILES / "window.dcm", *WINDOW), voi="window")
    broken = copy.deepcopy(window)
    broken.WindowWidth = "0"
    case("window_invalid", broken, display=RANGE, voi="min-max", warnings=["window-invalid"])

    # Stored bits.
    shifted = base((twelve << 4).astype(np.uint16), high_bit=15)
    shifted.WindowCenter, shifted.WindowWidth = "1800", "2500"
    case("high_bit_15", shifted, display=WINDOW, voi="window")
    dirty = base((twelve | (field(0, 15, np.uint16, seed=5) << 12)).astype(np.uint16))
    dirty.WindowCenter, dirty.WindowWidth = "1800", "2500"
    case("dirty_high_bits", dirty, display=WINDOW, voi="window", warnings=["unused-bits-set"])
    eight = base(field(2, 250, np.uint8), bits=8)
    eight.WindowCenter, eight.WindowWidth = "120", "150"
    case("eight_bits", eight, display=WINDOW, voi="window")
    odd = base(field(2, 250, np.uint8, columns=25), bits=8)
    assert odd.Rows * odd.Columns % 2 == 1
    odd.WindowCenter, odd.WindowWidth = "120", "150"
    count = odd.Rows * odd.Columns
    case("eight_bits_odd", odd, words=np.frombuffer(odd.PixelData, "u1")[:count], display=WINDOW, voi="window")
    words = copy.deepcopy(eight)
    words["PixelData"].VR = "OW"
    with tempfile.TemporaryDirectory() as folder:
        source = write("words", words).rename(Path(folder) / "words.dcm")
        path = FILES / "eight_bits_big_endian_words.dcm"
        subprocess.run(["dcmconv", "+tb", str(source), str(path)], check=True, capture_output=True)
    values = field(2, 250, np.uint8).astype(np.int64)
    add(path.stem, path, values, eight, dcmtk(FILES / "eight_bits.dcm", *WINDOW), voi="window")
    sixteen = base(field(7, 65111, np.uint16), bits=16)
    case("sixteen_bits", sixteen, display=RANGE, voi="min-max")
    signed = field(-1900, 2040, np.int16)
    twos = base((signed & 0xFFF).astype(np.uint16), signed=True)
    case("signed", twos, display=RANGE, voi="min-max", warnings=["negative-values"])
    carried = base(signed.astype(np.uint16), signed=True)
    carried.WindowCenter, carried.WindowWidth = "100", "3000"
    case("signed_carried", carried, display=WINDOW, voi="window", warnings=["negative-values"])

    # Modality.
    rescale = base(twelve)
    rescale.RescaleSlope, rescale.RescaleIntercept = "0.5", "-300"
    rescale.WindowCenter, rescale.WindowWidth = "600", "1500"
    case("rescale", rescale, display=WINDOW, voi="window", modality="rescale")
    negative = base(twelve)
    negative.RescaleSlope, negative.RescaleIntercept = "-1", "4095"
    case("negative_slope", negative, display=RANGE, expect={"min-max": min_max(-twelve.astype(float))}, voi="min-max", modality="rescale")
    table = base(twelve)
    table.ModalityLUTSequence = lut(0, curve(4096, 50000), 16)
    table.ModalityLUTSequence[0].ModalityLUTType = "US"
    case("modality_lut", table, display=RANGE, voi="min-max", modality="lut")
    both = copy.deepcopy(table)
    both.WindowCenter, both.WindowWidth = "26000", "40000"
    case("modality_lut_window", both, display=WINDOW, voi="window", modality="lut")
    mixed = copy.deepcopy(both)
    mixed.RescaleSlope, mixed.RescaleIntercept = "3", "100"
    # The standard does not allow both. DCMTK applies the rescale values; docs/reading.md says the LUT.
    values = curve(4096, 50000)[twelve]
    expected = half_even(np.clip((values - 25999.5) / 39999 + 0.5, 0, 1) * 255).astype(np.uint8)
    case("modality_lut_and_rescale", mixed, display=expected, voi="window", modality="lut", warnings=["rescale-not-used"])

    # VOI transform.
    voi = base(twelve)
    voi.VOILUTSequence = lut(0, curve(4096, 4095), 12)
    case("voi_lut", voi, display=LUT, voi="lut")
    late = base(twelve)
    late.VOILUTSequence = lut(700, curve(2500, 255), 8)
    case("voi_lut_first_mapped", late, display=LUT, voi="lut")
    bytes_ = base(twelve)
    bytes_.VOILUTSequence = lut(0, curve(4096, 255), 8, as_bytes=True)
    case("voi_lut_bytes", bytes_, display=LUT, voi="lut")
    whole = base(field(7, 65111, np.uint16), bits=16)
    whole.VOILUTSequence = lut(0, curve(65536, 65535), 16)
    case("voi_lut_65536", whole, display=LUT, voi="lut", syntax=DeflatedExplicitVRLittleEndian)
    below = base(signed.astype(np.uint16), signed=True)
    below.VOILUTSequence = lut(-2048, curve(4096, 1023), 10, signed=True)
    case("voi_lut_signed", below, display=LUT, voi="lut", warnings=["negative-values"])
    # The modality's output decides whether the first mapped value is signed, not its value representation.
    for name, representation in [("us", False), ("ss", True)]:
        shifted = base(twelve)
        shifted.RescaleSlope, shifted.RescaleIntercept = "1", "-1024"
        shifted.VOILUTSequence = lut(-1024 if representation else 65536 - 1024, curve(4096, 255), 8, signed=representation)
        case(f"voi_lut_rescale_{name}", shifted, display=LUT, voi="lut", modality="rescale")
    raised = base(signed.astype(np.uint16), signed=True)
    raised.ModalityLUTSequence = lut(-2048, 40000 + curve(4096, 4095), 16, signed=True)
    raised.ModalityLUTSequence[0].ModalityLUTType = "US"
    raised.VOILUTSequence = lut(40000, curve(4096, 255), 8)
    case("voi_lut_modality_us", raised, display=LUT, voi="lut", modality="lut", warnings=["negative-values"])
    agfa = base(twelve)
    agfa.VOILUTSequence = lut(0, curve(4096, 4095), 16)
    # DCMTK believes the stated number of bits, and shows a black image.
    shown = dcmtk(FILES / "voi_lut.dcm", *LUT)
    case("voi_lut_agfa_bits", agfa, display=shown, voi="lut", warnings=["lut-bits-corrected"])
    windows_too = copy.deepcopy(voi)
    windows_too.WindowCenter, windows_too.WindowWidth = "500", "100"
    case("voi_lut_and_window", windows_too, display=LUT, voi="lut", warnings=["windows-not-used"])

    # Padding.
    padded = field(600, 4000, np.uint16)
    padded[:, :4] = 0
    value = base(padded)
    value.PixelPaddingValue = 0
    case("padding_value", value, display=min_max(padded, padded != 0), voi="min-max", warnings=["padding-left-out"])
    limits = base(np.where(padded == 0, field(0, 40, np.uint16), padded).astype(np.uint16))
    limits.PixelPaddingValue, limits.PixelPaddingRangeLimit = 0, 50
    kept = np.frombuffer(limits.PixelData, "<u2").reshape(ROWS, COLUMNS)
    case("padding_range", limits, display=min_max(kept, kept > 50), voi="min-max", warnings=["padding-left-out"])

    # Presentation: MONOCHROME1 and INVERSE together invert once.
    one = base(twelve, photometric="MONOCHROME1")
    one.WindowCenter, one.WindowWidth = "1800", "2500"
    case("monochrome1", one, display=WINDOW, voi="window", inverted=True)
    inverse = base(twelve)
    inverse.WindowCenter, inverse.WindowWidth = "1800", "2500"
    inverse.PresentationLUTShape = "INVERSE"
    case("presentation_inverse", inverse, display=WINDOW, voi="window", inverted=True)
    twice = copy.deepcopy(one)
    twice.PresentationLUTShape = "INVERSE"
    case("monochrome1_inverse", twice, display=WINDOW, voi="window", inverted=True)
    identity = copy.deepcopy(window)
    identity.PresentationLUTShape = "IDENTITY"
    case("presentation_identity", identity, display=WINDOW, voi="window")

    # Missing attributes.
    for name, keyword, warning in [
        ("no_high_bit", "HighBit", "high-bit-assumed"),
        ("no_pixel_representation", "PixelRepresentation", "pixel-representation-assumed"),
        ("no_photometric", "PhotometricInterpretation", "photometric-assumed"),
    ]:
        lacking = copy.deepcopy(window)
        delattr(lacking, keyword)
        path = write(name, lacking)
        add(name, path, twelve.astype(np.int64), plain, dcmtk(FILES / "window.dcm", *WINDOW), voi="window", warnings=[warning])
    lacking = copy.deepcopy(sixteen)
    del lacking.BitsStored, lacking.HighBit
    path = write("no_bits_stored", lacking)
    wide = np.frombuffer(sixteen.PixelData, "<u2").reshape(ROWS, COLUMNS).astype(np.int64)
    add("no_bits_stored", path, wide, plain, dcmtk(FILES / "sixteen_bits.dcm", *RANGE), voi="min-max", warnings=["bits-stored-assumed", "high-bit-assumed"])
    containers(window, twelve)


def containers(window, twelve):
    """Files without preamble, DICM prefix or file meta information."""
    shown = dcmtk(FILES / "window.dcm", *WINDOW)
    explicit, implicit = (FILES / "window.dcm").read_bytes(), (FILES / "implicit.dcm").read_bytes()
    group = 12 + 132 + int.from_bytes(explicit[140:144], "little")
    for name, content, warnings in [
        ("no_preamble", explicit[128:], []),
        ("no_mark", explicit[132:], []),
        ("no_meta_explicit", explicit[group:], ["no-file-meta"]),
        ("no_meta_implicit", implicit[12 + 132 + int.from_bytes(implicit[140:144], "little"):], ["no-file-meta"]),
        ("wrong_syntax", explicit[:group].replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2\0\0\0") + explicit[group:], ["encoding-mismatch"]),
    ]:
        path = FILES / f"{name}.dcm"
        path.write_bytes(content)
        add(name, path, twelve.astype(np.int64), window, shown, voi="window", warnings=warnings)


def compressed_cases():
    """The same picture in every compressed transfer syntax, encoded by DCMTK, pydicom and OpenJPEG."""
    twelve = field(3, 4090, np.uint16)
    window = base(twelve)
    window.WindowCenter, window.WindowWidth = "1800", "2500"
    source = FILES / "window.dcm"
    shown = dcmtk(source, *WINDOW)
    for name, tool in [
        ("rle", ["dcmcrle"]),
        ("jpeg_lossless_sv1", ["dcmcjpeg", "+e1"]),
        *((f"jpeg_lossless_sv{n}", ["dcmcjpeg", "+el", "+sv", str(n)]) for n in range(2, 8)),
    ]:
        path = FILES / f"{name}.dcm"
        subprocess.run([*tool, str(source), str(path)], check=True, capture_output=True)
        add(name, path, twelve.astype(np.int64), window, shown, voi="window")
    # OpenJPEG's encoder needs sides of at least 32 pixels.
    twelve = field(3, 4090, np.uint16, 33, 38)
    window = base(twelve)
    window.WindowCenter, window.WindowWidth = "1800", "2500"
    with tempfile.TemporaryDirectory() as folder:
        path = write("large", window).rename(Path(folder) / "large.dcm")
        shown = dcmtk(path, *WINDOW)
    for name, syntax, options in [
        ("jpeg2000_lossless", pydicom.uid.JPEG2000Lossless, {}),
        ("jpeg2000", pydicom.uid.JPEG2000, {"j2k_cr": [4]}),
    ]:
        data = FileDataset(None, copy.deepcopy(window), file_meta=FileMetaDataset(), preamble=b"\0" * 128)
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.compress(syntax, twelve, encoding_plugin="pylibjpeg", generate_instance_uid=False, **options)
        path = write(name, data, syntax)
        values = pydicom.dcmread(path).pixel_array.astype(np.int64)
        lossless = name.endswith("lossless")
        assert not lossless or np.array_equal(values, twelve)
        display = shown if lossless else half_even(np.clip((values - 1799.5) / 2499 + 0.5, 0, 1) * 255).astype(np.uint8)
        add(name, path, values, window, display, voi="window", tolerance=0 if lossless else 1)
    signed = field(-1900, 2040, np.int16, 33, 38)
    data = FileDataset(None, base(signed.astype(np.uint16), bits=16, signed=True), file_meta=FileMetaDataset(), preamble=b"\0" * 128)
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.compress(pydicom.uid.JPEG2000Lossless, signed, encoding_plugin="pylibjpeg", generate_instance_uid=False)
    path = write("jpeg2000_signed", data, pydicom.uid.JPEG2000Lossless)
    add("jpeg2000_signed", path, signed.astype(np.int64), data, min_max(signed), voi="min-max", warnings=["negative-values"])
    lossy("jpeg_extended_12", source, ["dcmcjpeg", "+ee"])
    eight = FILES / "eight_bits.dcm"
    lossy("jpeg_baseline", eight, ["dcmcjpeg", "+eb"])
    lossy("jpeg_progressive", eight, ["dcmcjpeg", "+ep"], allowed=False)


def lossy(name, source, tool, allowed=True):
    path = FILES / f"{name}.dcm"
    subprocess.run([*tool, "+q", "95", "+un", str(source), str(path)], check=True, capture_output=True)
    if not allowed:
        CASES.append({"name": name, "file": f"files/{path.name}", "error": "is not supported"})
        return
    # DCMTK scales the window of the new file if it changes the number of bits, so both are taken from the new file.
    written = pydicom.dcmread(path)
    values = decompressed(path)
    # Decoders differ by one in the inverse DCT.
    add(name, path, values, written, dcmtk(path, *WINDOW), voi="window", tolerance=1)


def restarts_and_fragments():
    """Restarts, point transform, frames in several fragments, and a file that is not compressed although it says so."""
    twelve = field(3, 4090, np.uint16)
    window = base(twelve)
    window.WindowCenter, window.WindowWidth = "1800", "2500"
    for name, predictor, shift, rows in [("restarts", 1, 0, 4), ("restarts_sv6", 6, 0, 1), ("shifted", 4, 3, 0), ("shifted_restarts", 7, 2, 5)]:
        stream = lossless.encode([twelve], 12, predictor, shift, rows)
        path = compressed(f"jpeg_lossless_{name}", window, pydicom.uid.JPEGLossless, [stream])
        values = (twelve >> shift << shift).astype(np.int64)
        assert np.array_equal(decompressed(path), values), name
        add(path.stem, path, values, window, dcmtk(path, *WINDOW), voi="window")
    path = compressed("jpeg_extended_12_restarts", window, pydicom.uid.JPEGExtended12Bit, [sequential.encode(twelve, 5)])
    values = decompressed(path)
    # A block that starts from a wrong prediction would be off by far more.
    assert np.abs(values - twelve).max() < 30, np.abs(values - twelve).max()
    # Decoders differ by one in the inverse DCT.
    add(path.stem, path, values, window, dcmtk(path, *WINDOW), voi="window", tolerance=1)
    eight = base(field(2, 250, np.uint8), bits=8)
    eight.WindowCenter, eight.WindowWidth = "120", "150"
    stream = codestream(Image.fromarray(field(2, 250, np.uint8)), restart_marker_rows=1)
    path = compressed("jpeg_baseline_restarts", eight, pydicom.uid.JPEGBaseline8Bit, [stream])
    values = np.asarray(Image.open(io.BytesIO(stream))).astype(np.int64)
    add(path.stem, path, values, eight, dcmtk(path, *WINDOW), voi="window", tolerance=1)

    stack = np.stack([field(3, 4090, np.uint16, seed=s) for s in (1, 2, 3)])
    data = base(stack)
    data.NumberOfFrames = 3
    streams = [lossless.encode([frame], 12) for frame in stack]
    for name, table in [("with_table", True), ("without_table", False)]:
        path = compressed(f"fragments_{name}", data, pydicom.uid.JPEGLossless, streams, fragments_per_frame=3, has_bot=table)
        assert np.array_equal(pydicom.dcmread(path).pixel_array, stack)
        for frame in (0, 2):
            display = dcmtk(FILES / "frames.dcm", "--frame", str(frame + 1), *RANGE)
            add(f"{path.stem}_{frame}", path, stack[frame].astype(np.int64), data, display, voi="min-max", frame=frame)

    # Uncompressed, although the transfer syntax says otherwise.
    path = FILES / "not_compressed.dcm"
    whole = (FILES / "window.dcm").read_bytes()
    syntax = b"1.2.840.10008.1.2.1\0"
    other = b"1.2.840.10008.1.2.4.70"
    at = whole.index(syntax)
    length = int.from_bytes(whole[140:144], "little") + len(other) - len(syntax)
    path.write_bytes(whole[:140] + length.to_bytes(4, "little") + whole[144 : at - 2] + len(other).to_bytes(2, "little") + other + whole[at + len(syntax) :])
    shown = dcmtk(FILES / "window.dcm", *WINDOW)
    add("not_compressed", path, twelve.astype(np.int64), window, shown, voi="window", warnings=["not-compressed"])


def compressed_colour():
    """Luminance of colour codestreams: exact for lossless ones, otherwise as decoded by Pillow."""
    colour = np.stack([field(2, 250, np.uint8, 34, 40, seed=s) for s in (4, 5, 6)], axis=-1)
    image = Image.fromarray(colour)
    luminance = np.asarray(image.convert("L"))

    def data(photometric, planar=0):
        made = base(np.zeros(colour.shape[:2], np.uint8), bits=8, photometric=photometric)
        made.SamplesPerPixel, made.PlanarConfiguration = 3, planar
        return made

    def luma(stream):
        """The first component as decoded by libjpeg."""
        picture = Image.open(io.BytesIO(stream))
        picture.draft("L", picture.size)
        return np.asarray(picture)

    def made(path, expected, tolerance=0, warnings=()):
        warnings = ["colour-to-luminance", *warnings]
        add(path.stem, path, None, data("RGB"), expected, expect={"reference": expected}, tolerance=tolerance, warnings=warnings)

    plain = data("RGB")
    pixels(plain, colour)
    with tempfile.TemporaryDirectory() as folder:
        source = write("source", plain).rename(Path(folder) / "source.dcm")
        for name, tool in [("rle_rgb", ["dcmcrle"]), ("jpeg_lossless_rgb", ["dcmcjpeg", "+e1"])]:
            path = FILES / f"{name}.dcm"
            subprocess.run([*tool, str(source), str(path)], check=True, capture_output=True)
            assert np.array_equal(pydicom.dcmread(path).pixel_array, colour), name
            made(path, luminance)
    stream = lossless.encode(colour.transpose(2, 0, 1), 8, predictor=5, restart_rows=7)
    path = compressed("jpeg_lossless_rgb_restarts", plain, pydicom.uid.JPEGLossless, [stream])
    assert np.array_equal(decompressed(path), colour)
    made(path, luminance)
    file = FileDataset(None, copy.deepcopy(plain), file_meta=FileMetaDataset(), preamble=b"\0" * 128)
    file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file.PhotometricInterpretation = "YBR_RCT"
    file.compress(pydicom.uid.JPEG2000Lossless, colour, encoding_plugin="pylibjpeg", generate_instance_uid=False)
    path = write("jpeg2000_rgb", file, pydicom.uid.JPEG2000Lossless)
    assert np.array_equal(pydicom.dcmread(path).pixel_array, colour)
    made(path, luminance)

    for name, photometric, subsampling, warnings in [
        ("jpeg_ybr", "YBR_FULL", 0, ()),
        ("jpeg_ybr_422", "YBR_FULL_422", 1, ()),
        ("jpeg_ybr_420", "YBR_FULL_422", 2, ()),
        # The codestream has a JFIF segment, which means YCbCr: pydicom heeds it, DCMTK does not.
        ("jpeg_rgb_jfif", "RGB", 0, ("colours-of-codestream",)),
    ]:
        stream = codestream(image, subsampling=subsampling)
        assert b"JFIF" in stream[:20]
        path = compressed(name, data(photometric), pydicom.uid.JPEGBaseline8Bit, [stream])
        made(path, luma(stream), 1, warnings)
    rgb = codestream(image, keep_rgb=True)
    assert b"JFIF" not in rgb[:20]
    # The codestream's component identifiers say RGB, and win over the data set.
    for name, photometric, warnings in [("jpeg_rgb", "RGB", ()), ("jpeg_rgb_as_ybr", "YBR_FULL", ("colours-of-codestream",))]:
        path = compressed(name, data(photometric), pydicom.uid.JPEGBaseline8Bit, [rgb])
        made(path, np.asarray(Image.open(io.BytesIO(rgb)).convert("L")), 1, warnings)


def frames_and_colour():
    stack = np.stack([field(3, 4090, np.uint16, seed=s) for s in (1, 2, 3)])
    data = base(stack)
    data.NumberOfFrames = 3
    path = write("frames", data)
    CASES.append({"name": "frames_unchosen", "file": f"files/{path.name}", "error": "3 found: choose one"})
    add("frames", path, stack[1].astype(np.int64), data, dcmtk(path, "--frame", "2", *RANGE), voi="min-max", frame=1)
    rle = FILES / "frames_rle.dcm"
    subprocess.run(["dcmcrle", str(path), str(rle)], check=True, capture_output=True)
    add("frames_rle", rle, stack[2].astype(np.int64), data, dcmtk(path, "--frame", "3", *RANGE), voi="min-max", frame=2)

    colour = np.stack([field(2, 250, np.uint8, seed=s) for s in (4, 5, 6)], axis=-1)
    luminance = np.asarray(Image.fromarray(colour).convert("L"))
    for name, planar in [("rgb", 0), ("rgb_planar", 1)]:
        data = base(np.zeros((ROWS, COLUMNS), np.uint8), bits=8, photometric="RGB")
        data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
        data.SamplesPerPixel, data.PlanarConfiguration = 3, planar
        pixels(data, np.ascontiguousarray(colour.transpose(2, 0, 1)) if planar else colour)
        path = write(name, data)
        add(name, path, None, data, luminance, expect={"reference": luminance, "min-max": min_max(luminance)}, warnings=["colour-to-luminance"])
    ybr = np.asarray(Image.fromarray(colour).convert("YCbCr"))
    data = base(np.zeros((ROWS, COLUMNS), np.uint8), bits=8, photometric="YBR_FULL")
    data.SamplesPerPixel, data.PlanarConfiguration = 3, 0
    pixels(data, ybr)
    add("ybr_full", write("ybr_full", data), None, data, ybr[..., 0], expect={"reference": ybr[..., 0]}, warnings=["colour-to-luminance"])
    data = base(np.zeros((ROWS, COLUMNS), np.uint8), bits=8, photometric="YBR_FULL_422")
    data.SamplesPerPixel, data.PlanarConfiguration = 3, 0
    quads = np.stack([ybr[:, 0::2, 0], ybr[:, 1::2, 0], ybr[:, 0::2, 1], ybr[:, 0::2, 2]], axis=-1)
    pixels(data, np.ascontiguousarray(quads))
    add("ybr_full_422", write("ybr_full_422", data), None, data, ybr[..., 0], expect={"reference": ybr[..., 0]}, warnings=["colour-to-luminance"])

    index = field(0, 199, np.uint8)
    rng = np.random.default_rng(9)
    entries = rng.integers(0, 256, (200, 3), dtype=np.uint8)
    data = base(index, bits=8, photometric="PALETTE COLOR")
    for k, name in enumerate(["Red", "Green", "Blue"]):
        setattr(data, f"{name}PaletteColorLookupTableDescriptor", [200, 0, 16])
        setattr(data, f"{name}PaletteColorLookupTableData", (entries[:, k].astype("<u2") * 257).tobytes())
    luminance = np.asarray(Image.fromarray(entries[index]).convert("L"))
    add("palette", write("palette", data), None, data, luminance, expect={"reference": luminance}, warnings=["colour-to-luminance"])
    wide = field(1000, 1299, np.uint16)
    entries = rng.integers(0, 65536, (300, 3), dtype=np.uint16)
    data = base(wide, bits=16, photometric="PALETTE COLOR")
    for k, name in enumerate(["Red", "Green", "Blue"]):
        setattr(data, f"{name}PaletteColorLookupTableDescriptor", [300, 1000, 16])
        setattr(data, f"{name}PaletteColorLookupTableData", entries[:, k].astype("<u2").tobytes())
    luminance = np.asarray(Image.fromarray((entries >> 8).astype(np.uint8)[wide - 1000]).convert("L"))
    add("palette_16", write("palette_16", data), None, data, luminance, expect={"reference": luminance}, warnings=["colour-to-luminance"])


def refusals():
    twelve = field(3, 4090, np.uint16)
    raw = base(twelve)
    raw.PresentationIntentType = "FOR PROCESSING"
    path = write("for_processing", raw)
    CASES.append({"name": "for_processing", "file": f"files/{path.name}", "error": "FOR PROCESSING"})
    add("for_processing_allowed", path, twelve.astype(np.int64), raw, dcmtk(path, *RANGE), voi="min-max", allow_for_processing=True, warnings=["for-processing"])
    both = base(twelve)
    both.SOPClassUID = DX + ".1"
    path = write("for_processing_class", both)
    CASES.append({"name": "for_processing_class", "file": f"files/{path.name}", "error": "FOR PROCESSING"})
    for name, uid, modality, hint in [
        ("seg", "1.2.840.10008.5.1.4.1.1.66.4", "SEG", "SEG"),
        ("pr", "1.2.840.10008.5.1.4.1.1.11.1", "PR", "PR"),
        ("sr", "1.2.840.10008.5.1.4.1.1.88.11", "SR", "SR"),
        ("ko", "1.2.840.10008.5.1.4.1.1.88.59", "KO", "KO"),
    ]:
        data = base(twelve)
        data.SOPClassUID, data.Modality = uid, modality
        if name != "seg":
            del data.PixelData
        path = write(name, data)
        CASES.append({"name": name, "file": f"files/{path.name}", "error": hint})
    data = base(twelve)
    del data.PixelData
    CASES.append({"name": "no_pixel_data", "file": f"files/{write('no_pixel_data', data).name}", "error": "no pixel data"})
    ls = FileDataset(None, base(twelve), file_meta=FileMetaDataset(), preamble=b"\0" * 128)
    ls.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ls.compress(pydicom.uid.JPEGLSLossless, twelve, encoding_plugin="pyjpegls", generate_instance_uid=False)
    path = write("jpeg_ls", ls, pydicom.uid.JPEGLSLossless)
    CASES.append({"name": "jpeg_ls", "file": f"files/{path.name}", "error": "1.2.840.10008.1.2.4.80"})


def main():
    shutil.rmtree(FILES, ignore_errors=True)
    FILES.mkdir()
    grayscale_cases()
    compressed_cases()
    frames_and_colour()
    restarts_and_fragments()
    compressed_colour()
    refusals()
    with open(HERE / "expected.json", "w") as out:
        out.write("[\n" + ",\n".join(json.dumps(entry) for entry in CASES) + "\n]\n")
    size = sum(f.stat().st_size for f in HERE.rglob("*") if f.is_file() and "__pycache__" not in f.parts)
    print(f"{len(CASES)} cases, {size:,} bytes")
    assert size < LIMIT


if __name__ == "__main__":
    main()
