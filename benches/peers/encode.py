"""The image encoder and the maps beside PyTorch, OpenVINO and ONNX Runtime on a torch export, in turns, on the same
threads; writes docs/benchmarks.md.

    cargo xtask parity                     # makes the full-size checkpoint and its export in target/parity
    pip install -r requirements.txt
    cargo build --release -p radzero-benches --bin encode
    python encode.py --model fp32=../../target/parity/model [--model int8=DIR] [--openvino DIR --openvino-library DIR]

Each round runs every contestant once, one after the other, so that whatever else the machine does strikes all of them;
what is compared are medians over the rounds.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "xtask/parity"))
from reference import RadZero  # noqa: E402

PROMPTS, HEIGHT, WIDTH = 14, 2500, 2000


class Encoder(torch.nn.Module):
    """Pixels [1, 3, S, S] to tokens: what the image graph computes."""

    def __init__(self, model):
        super().__init__()
        self.vision, self.align, self.norm = model.vision, model.align, model.norm
        shape = (1, 3, 1, 1)
        self.register_buffer("mean", torch.tensor(model.processor["image_mean"]).view(shape))
        self.register_buffer("std", torch.tensor(model.processor["image_std"]).view(shape))
        self.scale = model.processor["rescale_factor"]

    def forward(self, pixels):
        values = (pixels.float() * self.scale - self.mean) / self.std
        tokens = self.align(self.vision(values).last_hidden_state).last_hidden_state
        return F.normalize(self.norm(tokens), dim=-1)


class Ours:
    """A process that times stages on request."""

    def __init__(self, program, directory, device, threads, library):
        environment = os.environ | ({"ORT_DYLIB_PATH": str(library)} if library else {})
        command = [program, str(directory), device, str(threads)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)

    def __call__(self, stage):
        self.process.stdin.write(f"{stage}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args} ended")
        return float(line)

    def tokens(self, pixels, folder):
        (folder / "pixels").write_bytes(pixels.numpy().tobytes())
        self(f"tokens {folder}")
        return np.fromfile(folder / "tokens", dtype="<f4").reshape(1, -1)


def timed(run):
    def once():
        started = time.perf_counter()
        run()
        return (time.perf_counter() - started) * 1e3

    return once


def peers(encoder, pixels, arguments):
    """Name -> (a function that runs once and returns milliseconds, the tokens it computes)."""
    found = {}

    def add(name, run):
        found[name] = (timed(run), np.asarray(run()).reshape(1, -1))

    add("PyTorch eager, fp32", lambda: encoder(pixels).numpy())
    if arguments.compile:
        compiled = torch.compile(encoder)
        add("PyTorch compile, fp32", lambda: compiled(pixels).numpy())

    def bf16():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return encoder(pixels).float().numpy()

    add("PyTorch eager, bf16", bf16)
    import openvino

    core = openvino.Core()
    converted = openvino.convert_model(encoder, example_input=pixels)
    for precision in ("f32", "bf16"):
        options = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": str(arguments.threads)}
        request = core.compile_model(converted, "CPU", options).create_infer_request()
        add(f"OpenVINO, {precision}", lambda request=request: request.infer([pixels.numpy()])[0].copy())
    if arguments.torch_export:
        import onnxruntime

        path = ROOT / "target/parity/torch_export.onnx"
        torch.onnx.export(encoder, (pixels,), str(path), dynamo=True, external_data=True)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = arguments.threads
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        add("ONNX Runtime on a torch export, fp32", lambda: session.run(None, {name: pixels.numpy()})[0])
    return found


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=ROOT / "target/parity/checkpoint")
    parser.add_argument("--model", action="append", default=[], metavar="NAME=DIR", help="an export, run on the CPU")
    parser.add_argument("--openvino", type=Path, help="an export with --target portable, run on openvino:bf16")
    parser.add_argument("--openvino-library", type=Path, help="folder of the onnxruntime-openvino wheel's libraries")
    parser.add_argument("--program", default=str(ROOT / "target/release/encode"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--compile", action="store_true", help="PyTorch compile, too")
    parser.add_argument("--torch-export", action="store_true", help="ONNX Runtime on a torch export, too")
    parser.add_argument("--report", type=Path, default=ROOT / "docs/benchmarks.md")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_grad_enabled(False)
    torch.manual_seed(1)

    model = RadZero(arguments.checkpoint)
    encoder = Encoder(model).eval()
    pixels = torch.randint(0, 256, (1, 3, model.side, model.side), dtype=torch.uint8)
    contestants = peers(encoder, pixels, arguments)
    ours = {}
    for named in arguments.model:
        name, directory = named.split("=", 1)
        ours[f"radzero {name}"] = Ours(arguments.program, directory, "cpu", arguments.threads, None)
    if arguments.openvino:
        ours["radzero openvino:bf16"] = Ours(
            arguments.program, arguments.openvino, "openvino:bf16", arguments.threads, arguments.openvino_library
        )

    scores = torch.randn(1, PROMPTS, model.side // 14, model.side // 14) * 5

    def torch_maps():
        return F.interpolate(scores, size=(HEIGHT, WIDTH), mode="bilinear", align_corners=False).sigmoid()

    first = next(iter(ours.values()))
    stages = {"PyTorch maps": timed(torch_maps)} | {
        stage: (lambda stage=stage: first(stage)) for stage in ("maps", "points-of-maps", "points", "prompt", "cached")
    }
    times = {name: [] for name in [*contestants, *ours, *stages]}
    for index in range(arguments.rounds + 1):
        counted = {name: run() for name, (run, _) in contestants.items()}
        counted |= {name: run("image") for name, run in ours.items()}
        counted |= {name: run() for name, run in stages.items()}
        # The first round allocates and compiles; it does not count.
        for name, value in counted.items() if index else ():
            times[name].append(value)
        print(f"round {index}: " + ", ".join(f"{name} {value:.0f}" for name, value in counted.items()), flush=True)

    medians = {name: statistics.median(values) for name, values in times.items()}
    with tempfile.TemporaryDirectory() as folder:
        computed = {name: run.tokens(pixels, Path(folder)) for name, run in ours.items()}
    report(arguments, contestants, computed, medians)


def shown(argument):
    """An argument without the folders of this machine."""
    name, equals, path = argument.rpartition("=")
    return name + equals + (path if not os.path.isabs(path) else os.path.basename(path))


def report(arguments, contestants, computed, medians):
    exact = next(iter(contestants.values()))[1]
    base = medians["radzero fp32"] if "radzero fp32" in medians else medians[next(iter(computed))]
    lines = [
        "# Benchmarks",
        "",
        f"Image encoder at full size (seeded vision weights), batch 1, {arguments.threads} threads, medians of "
        f"{arguments.rounds} rounds in which every contestant ran once. Machine: {processor()}. Ratios are what to look "
        "at: times depend on the machine and on what else it does.",
        "",
        "| image encoder | ms | time / radzero fp32 | relative error (L2) against PyTorch fp32 |",
        "| --- | --- | --- | --- |",
    ]
    for name, (_, tokens) in contestants.items():
        error = np.linalg.norm(tokens - exact) / np.linalg.norm(exact)
        lines.append(f"| {name} | {medians[name]:.0f} | {medians[name] / base:.2f} | {error:.1e} |")
    for name, tokens in computed.items():
        error = np.linalg.norm(tokens - exact) / np.linalg.norm(exact)
        lines.append(f"| {name} | {medians[name]:.0f} | {medians[name] / base:.2f} | {error:.1e} |")
    lines += [
        "",
        f"One radiograph of {WIDTH} x {HEIGHT} with {PROMPTS} prompts, beside it:",
        "",
        "| stage | ms |",
        "| --- | --- |",
        f"| PyTorch: bilinear upsampling and sigmoid, all prompts | {medians['PyTorch maps']:.1f} |",
        f"| radzero: the same | {medians['maps']:.1f} |",
        f"| radzero: maps, and their peaks | {medians['points-of-maps']:.1f} |",
        f"| radzero: peaks without maps | {medians['points']:.2f} |",
        f"| radzero: a new prompt | {medians['prompt']:.1f} |",
        f"| radzero: a cached prompt | {medians['cached']:.3f} |",
        "",
        "Command: `python " + " ".join(["benches/peers/encode.py", *map(shown, sys.argv[1:])]) + "`",
        "",
    ]
    arguments.report.write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
