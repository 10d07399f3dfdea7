"""How far each precision moves the similarity maps of a real radiograph, at full size, without and with outlying
activations; writes a section of docs/benchmarks.md.

README.md says how everything that it takes is made, and with which command it was run.

Everything is held against PyTorch in fp32 on the same checkpoint, from the file to the map of every pixel.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import contestants
import numpy as np
import page
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
    """Errors of tokens, maps and probabilities, and how far the maps themselves spread."""
    (tokens, probabilities, maps), (exact_tokens, exact_probabilities, exact_maps) = found, expected
    relative = np.linalg.norm(tokens - exact_tokens) / np.linalg.norm(exact_tokens)
    off, off_probability = np.abs(maps - exact_maps), np.abs(probabilities - exact_probabilities)
    return [kind, f"{relative:.1e}", f"{off.mean():.1e}", f"{off.max():.1e}", f"{off_probability.max():.1e}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=page.ROOT / "target/parity/checkpoint")
    parser.add_argument("--outliers", type=Path, required=True, help="the checkpoint with outlying activations")
    parser.add_argument("--calibration", type=Path, required=True, help="folder of radiographs that int8 is calibrated on")
    parser.add_argument("--radiograph", type=Path, default=page.ROOT / "target/demo-data/RG1_UNCR.dcm")
    parser.add_argument("--openvino-library", type=Path, help="folder of the onnxruntime-openvino wheel's libraries")
    parser.add_argument("--exporter", default=str(page.ROOT / "target/release/radzero-export"))
    parser.add_argument("--program", default=str(page.ROOT / "target/release/encode"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--report", type=Path, default=page.ROOT / "docs/benchmarks.md")
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
            # Weights are mapped where they lie, so the folder must outlive the process.
            with tempfile.TemporaryDirectory() as folder:
                model = Path(folder) / "model"
                subprocess.run([arguments.exporter, *options, checkpoint, model], check=True, stderr=subprocess.DEVNULL)
                if name == "int8":
                    calibrations.add(page.calibration(model))
                kind, found = answer(arguments, model, device, library, Path(folder))
            rows.append([what, name, *row(kind, found, expected), f"{spread:.2f}"])
            print(rows[-1], flush=True)
    heading = [
        "activations", "radzero", "runs on", "tokens, relative L2", "maps, mean", "maps, largest", "probabilities, largest",
        "spread of the maps",
    ]  # fmt: skip
    page.write_section(arguments.report, "Benchmarks", "precision", [
        "## What precision costs",
        "",
        f"Errors against PyTorch in fp32 on a real radiograph, over {len(PROMPTS)} sentences and every pixel; maps and probabilities are "
        "from 0 to 1. Full size, seeded vision weights, the text encoder's real ones; outliers are channels "
        "with activations far above the rest, which trained models have and seeded ones have not. The spread is the standard "
        f"deviation of the exact maps' values. int8 was calibrated on {' and '.join(sorted(calibrations))}. Machine: {page.machine()}.",
        "",
        *page.table(heading, rows),
        "",
        "What 8 bits change in the demo model's figures (AUROC, pointing, Dice) is in [models/phantom](../models/phantom/README.md#in-8-bits). "
        "fp16 is for GPUs: see below.",
        "",
        page.command("precision.py"),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
