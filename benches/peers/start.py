"""Time and memory of a process from its start to the result, `radzero infer` and PyTorch in turns, and of the export; writes a
section of docs/benchmarks.md.

README.md says how to make the inputs, and has the command line.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import benchmarks_page

PROMPT = "There is fibrosis"


def timed(command):
    """Seconds and peak resident MiB of a process, which must succeed."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    # In kilobytes, except on macOS, which counts bytes.
    return seconds, usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def mib(paths):
    return sum(path.stat().st_size for path in paths) / (1 << 20)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=benchmarks_page.ROOT / "target/parity/checkpoint")
    parser.add_argument("--model", type=Path, default=benchmarks_page.ROOT / "target/parity/model", help="its export")
    parser.add_argument("--radiograph", type=Path, default=benchmarks_page.ROOT / "target/demo-data/RG1_UNCR.dcm")
    parser.add_argument("--programs", type=Path, default=benchmarks_page.ROOT / "target/release")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--report", type=Path, default=benchmarks_page.ROOT / "docs/benchmarks.md")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        reference = [sys.executable, benchmarks_page.ROOT / "dev/xtask/parity/reference.py", arguments.checkpoint, arguments.radiograph]
        infer = [arguments.programs / "radzero", "infer", "--model", arguments.model]
        commands = {
            "PyTorch": [*reference, f"{folder}/out.safetensors", "--prompt", PROMPT],
            "radzero infer": [*infer, "--prompt", PROMPT, arguments.radiograph],
        }
        found = {name: [] for name in [*commands, "radzero export"]}
        # The first round brings the files into the page cache and is not counted.
        for index in range(arguments.rounds + 1):
            export = [arguments.programs / "radzero", "export", arguments.checkpoint, f"{folder}/model{index}"]
            for name, command in (commands | {"radzero export": export}).items():
                measured = timed([str(word) for word in command])
                print(f"{name}: {measured[0]:.2f} s, {measured[1]:.0f} MiB", flush=True)
                if index > 0:
                    found[name].append(measured)
            for file in Path(folder, f"model{index}").iterdir():
                file.unlink()
    medians = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in found.items()}
    weights = mib(arguments.model.glob("*.data"))
    largest = max(mib([path]) for path in arguments.checkpoint.glob("*.safetensors"))
    (theirs, _), (ours, memory), (_, exporting) = medians.values()
    goals = [
        ["start to result: PyTorch / radzero infer", f"{theirs / ours:.1f}", "at least 5", theirs / ours >= 5],
        ["peak memory of radzero infer, MiB", f"{memory:.0f}", f"below {1.3 * weights + 400:.0f}", memory < 1.3 * weights + 400],
        ["peak memory of the export / largest weight file", f"{exporting / largest:.2f}", "below 1.5", exporting < 1.5 * largest],
    ]  # fmt: skip
    benchmarks_page.write_section(arguments.report, "Benchmarks", "start", [
        "## From the start to the result",
        "",
        f"One process that compares one sentence with one radiograph (DICOM, 1955 x 1841), with a full-size model and files in the page "
        f"cache; medians of {arguments.rounds} rounds in turns. The PyTorch program is `dev/xtask/parity/reference.py`: the same "
        f"computation, but it saves its result instead of printing it. The export writes {weights:.0f} MiB of weights from a file of "
        f"{largest:.0f} MiB. Memory is the peak resident set, including mapped weights; the bounds are 1.3 x the weights + 400 MiB, and "
        f"1.5 x the file. Machine: {benchmarks_page.machine()}.",
        "",
        *benchmarks_page.table(["process", "s", "peak MiB"], [[name, f"{a:.2f}", f"{b:.0f}"] for name, (a, b) in medians.items()]),
        "",
        *benchmarks_page.table(["goal", "measured", "wanted", "met"], [[*row, "yes" if met else "**no**"] for *row, met in goals]),
        "",
        benchmarks_page.command("start.py"),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
