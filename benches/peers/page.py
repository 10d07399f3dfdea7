"""Pages that several scripts write, each its own section, and what all of them say about the machine."""

import os
import platform
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def write_section(path, title, name, lines):
    """Puts `lines` in the place of the section `name` of the page at `path`, else at its end."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    text = path.read_text() if path.is_file() else ""
    # A page without sections is one of another layout.
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
    """Markdown."""
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


def command(script):
    """The command line, without the folders of this machine."""
    arguments = []
    for argument in sys.argv[1:]:
        name, equals, path = argument.rpartition("=")
        arguments.append(name + equals + (os.path.basename(path.rstrip("/")) if os.path.isabs(path) else path))
    return f"Command: `python {' '.join([f'benches/peers/{script}', *arguments])}`"
