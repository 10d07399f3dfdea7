"""Errors of each precision at full size, on a real radiograph, without and with activation outliers; writes a section of
docs/benchmarks.md.

README.md says how to make the inputs, and has the command line.

Errors are measured against PyTorch in fp32 on the same checkpoint, from the file to every pixel of the maps.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import benchmarks_page
import contestants
import numpy as np
import torch
from reference import read_dicom

FINDINGS = (
    "atelectasis", "cardiomegaly", "consolidation", "edema", "enlarged cardiomediastinum", "fracture", "lung lesion",
    "lung opacity", "pleural effusion", "pleural thickening", "pneumonia", "pneumothorax", "support devices", "no finding",
)  # fmt: skip
PROMPTS = [f"There is {finding}" for finding in FINDINGS]


def exact(checkpoint, radiograph):
    """PyTorch's tokens, probabilities and maps."""
    with torch.inference_mode():
        model = contestants.RadZero(checkpoint)
        levels = read_dicom(radiograph)
        tokens = model.image_tokens(model.pixels(levels))
        _, _, embeddings = model.text_embeddings(PROMPTS)
        _, logits, maps = model.compare(tokens, embeddings, *levels.shape)
        return [value.numpy().ravel() for value in (tokens, logits.sigmoid(), maps)]


def answer(arguments, model, device, library, folder):
    """Our tokens, probabilities and maps."""
    contestant = contestants.Ours(arguments.program, None, model, device, arguments.threads, None, library)
    (folder / "prompts").write_text("\n".join(PROMPTS))
    contestant.ask(f"answer {folder} {arguments.radiograph}")
    contestant.close()
    return contestant.kind, [np.fromfile(folder / name, dtype="<f4") for name in ("tokens", "probabilities", "maps")]


def row(kind, found, expected):
    """Errors of tokens, maps and probabilities."""
    (tokens, probabilities, maps), (exact_tokens, exact_probabilities, exact_maps) = found, expected
    relative = np.linalg.norm(tokens - exact_tokens) / np.linalg.norm(exact_tokens)
    off, off_probability = np.abs(maps - exact_maps), np.abs(probabilities - exact_probabilities)
    return [kind, f"{relative:.1e}", f"{off.mean():.1e}", f"{off.max():.1e}", f"{off_probability.max():.1e}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=benchmarks_page.ROOT / "target/parity/checkpoint")
    parser.add_argument("--outliers", type=Path, required=True, help="the checkpoint with activation outliers")
    parser.add_argument("--calibration", type=Path, required=True, help="folder of radiographs for the int8 calibration")
    parser.add_argument("--radiograph", type=Path, default=benchmarks_page.ROOT / "target/demo-data/RG1_UNCR.dcm")
    parser.add_argument("--openvino-library", type=Path, help="folder of the onnxruntime-openvino wheel's libraries")
    parser.add_argument("--radzero", default=str(benchmarks_page.ROOT / "target/release/radzero"))
    parser.add_argument("--program", default=str(benchmarks_page.ROOT / "target/release/encode"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--report", type=Path, default=benchmarks_page.ROOT / "docs/benchmarks.md")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    contenders = [("fp32", "cpu", []), ("int8", "cpu", ["--precision", "int8", "--calibration", arguments.calibration])]
    if arguments.openvino_library:
        contenders.append(("openvino:bf16", "openvino:bf16", ["--target", "portable"]))
    rows, calibrations = [], set()
    for what, checkpoint in (("as they are", arguments.checkpoint), ("with outliers", arguments.outliers)):
        expected = exact(checkpoint, arguments.radiograph)
        spread = expected[2].std()
        for name, device, options in contenders:
            library = arguments.openvino_library if device.startswith("openvino") else None
            # The weights are mapped from the folder, so it must outlive the process.
            with tempfile.TemporaryDirectory() as folder:
                model = Path(folder) / "model"
                subprocess.run([arguments.radzero, "export", *options, checkpoint, model], check=True, stderr=subprocess.DEVNULL)
                if name == "int8":
                    calibrations.add(benchmarks_page.calibration(model))
                kind, found = answer(arguments, model, device, library, Path(folder))
            rows.append([what, name, *row(kind, found, expected), f"{spread:.2f}"])
            print(rows[-1], flush=True)
    heading = [
        "activations", "radzero", "runs on", "tokens, relative L2", "maps, mean", "maps, largest", "probabilities, largest",
        "spread of the maps",
    ]  # fmt: skip
    benchmarks_page.write_section(arguments.report, "Benchmarks", "precision", [
        "## What precision costs",
        "",
        f"Errors against PyTorch in fp32 on a real radiograph, for {len(PROMPTS)} sentences and every pixel; maps and probabilities "
        "range from 0 to 1. Full-size model with seeded vision weights and the real text encoder. Outliers are channels whose "
        "activations are far above the rest: trained models have them, seeded ones do not unless they are added. The spread is the "
        f"standard deviation of the exact maps. int8 was calibrated on {' and '.join(sorted(calibrations))}. Machine: {benchmarks_page.machine()}.",
        "",
        *benchmarks_page.table(heading, rows),
        "",
        "How int8 changes the demo model's AUROC, pointing game and Dice is in [models/phantom](../models/phantom/README.md#in-8-bits). "
        "fp16 is for GPUs, see [below](#on-a-gpu).",
        "",
        benchmarks_page.command("precision.py"),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
