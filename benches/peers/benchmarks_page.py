"""Writes the sections of docs/benchmarks.md, and describes machine, calibration and command line for all of them."""

import json
import os
import platform
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def write_section(path, title, name, lines):
    """Replaces the section `name` of the page at `path`, or appends it."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    text = path.read_text() if path.is_file() else ""
    # A page without sections has another layout, and is replaced.
    if "<!-- end of " not in text:
        text = f"# {title}\n"
    section = "\n".join([begin, "", *lines, "", end])
    if begin in text and end in text:
        text = text[: text.index(begin)] + section + text[text.index(end) + len(end) :]
    else:
        text = f"{text.rstrip()}\n\n{section}\n"
    path.write_text(text)
    print("\n".join(lines))


def table(heading, rows):
    """A table in Markdown."""
    cells = [heading, ["---"] * len(heading), *rows]
    return ["| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in cells]


def machine():
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    names = {"avx2": "AVX2", "avx512f": "AVX-512", "avx512_vnni": "VNNI", "avx512_bf16": "BF16", "amx_bf16": "AMX"}
    vectors = [shown for flag, shown in names.items() if flag in flags]
    return ", ".join([models[0] if models else platform.processor() or platform.machine(), f"{os.cpu_count()} cores", *vectors])


def calibration(model):
    """The calibration images of an int8 export, from its manifest."""
    found = json.loads((Path(model) / "radzero.json").read_text())["quantization"]
    if found is None:
        raise SystemExit(f"{model} has no 8-bit layers: an export with --precision int8 expected")
    return f"{found['calibration_images']} images, whose pixels have the SHA-256 {found['calibration_sha256']}"


def command(script):
    """The command line as typed in the repository, without paths of this machine."""
    words = ["python", f"benches/peers/{script}", *map(shown, sys.argv[1:])]
    return f"Command, after the preparations in [benches/peers](../benches/peers/README.md): `{shlex.join(words)}`"


def shown(argument):
    """A path relative to the repository; of a path outside of it, only the name."""
    name, equals, path = argument.rpartition("=")
    if os.path.isabs(path) or os.path.exists(path):
        inside = os.path.relpath(path, ROOT)
        path = f"/path/to/{os.path.basename(os.path.abspath(path))}" if inside.startswith(os.pardir) else inside
    return name + equals + path
