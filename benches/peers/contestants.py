"""The contestants that run the image encoder: `run()` returns milliseconds, `tokens()` the result; `kind` says what runs it."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from benchmarks_page import ROOT
from torch.nn import functional as F

sys.path.insert(0, str(ROOT / "dev/xtask/parity"))
from reference import RadZero  # noqa: E402, F401


class Encoder(torch.nn.Module):
    """From pixels [1, 3, S, S] to tokens, like the exported image graph."""

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


class Peer:
    """A function in this process."""

    def __init__(self, compute, kind):
        self.compute, self.kind = compute, kind
        self.run()

    def run(self):
        started = time.perf_counter()
        self.compute()
        return (time.perf_counter() - started) * 1e3

    def tokens(self):
        return np.asarray(self.compute()).reshape(-1)


class Ours:
    """A process of benches/src/bin/encode.rs; `pixels` are [3, S, S] bytes."""

    def __init__(self, program, pixels, directory, device, threads, kernels=None, library=None):
        # Resampling and maps use rayon's threads.
        environment = os.environ | {"RAYON_NUM_THREADS": str(threads)}
        if library:
            environment["ORT_DYLIB_PATH"] = str(library)
        command = [program, str(directory), device, str(threads), *([kernels] if kernels else [])]
        pipe = subprocess.PIPE
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self.errors, text=True, env=environment)
        self.pixels = pixels
        self.instructions, runtime = self.line().split(" | ")
        self.kind = f"ONNX Runtime {runtime}" + (f", own kernels {self.instructions}" if self.instructions != "-" else "")

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            raise RuntimeError(self.errors.read().strip() or f"ended with {self.process.returncode}")
        return line.strip()

    def ask(self, stage):
        """Runs a stage and returns its numbers."""
        self.process.stdin.write(f"{stage}\n")
        self.process.stdin.flush()
        return [float(number) for number in self.line().split()]

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def run(self):
        return self.ask("image")[0]

    def tokens(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "pixels").write_bytes(self.pixels)
            self.ask(f"tokens {folder}")
            return np.fromfile(Path(folder) / "tokens", dtype="<f4")


def bf16(encoder, pixels):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return encoder(pixels).float().numpy()


def on_openvino(encoder, pixels, precision, threads):
    import openvino

    converted = openvino.convert_model(encoder, example_input=pixels)
    options = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": str(threads)}
    request = openvino.Core().compile_model(converted, "CPU", options).create_infer_request()
    return Peer(lambda: request.infer([pixels.numpy()])[0].copy(), f"OpenVINO {openvino.__version__.split('-')[0]}")


def on_onnxruntime(encoder, pixels, folder, threads):
    import onnxruntime

    path = str(folder / "torch_export.onnx")
    torch.onnx.export(encoder, (pixels,), path, dynamo=True, external_data=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return Peer(lambda: session.run(None, {name: pixels.numpy()})[0], f"ONNX Runtime {onnxruntime.__version__}")


def makers(encoder, pixels, folder, arguments):
    """Name -> a function that makes the contestant, in the order of the table; errors are measured against PyTorch in fp32."""
    threads = arguments.threads
    capability = f"PyTorch {torch.__version__.split('+')[0]}, {torch.backends.cpu.get_cpu_capability()}"
    found = {"PyTorch eager, fp32": lambda: Peer(lambda: encoder(pixels).numpy(), capability)}
    found["PyTorch eager, bf16"] = lambda: Peer(lambda: bf16(encoder, pixels), capability)
    if not arguments.no_compile:
        compiled = torch.compile(encoder)
        found["PyTorch compile, fp32"] = lambda: Peer(lambda: compiled(pixels).numpy(), capability)
    for precision in ("f32", "bf16"):
        found[f"OpenVINO, {precision}"] = lambda precision=precision: on_openvino(encoder, pixels, precision, threads)
    if not arguments.no_torch_export:
        found["ONNX Runtime on a torch export, fp32"] = lambda: on_onnxruntime(encoder, pixels, folder, threads)

    def ours(*rest):
        return lambda: Ours(arguments.program, pixels.numpy().tobytes(), *rest)

    found["radzero fp32"] = ours(arguments.fp32, "cpu", threads)
    found["radzero fp32, ONNX Runtime's kernels"] = ours(arguments.fp32, "cpu", threads, "onnxruntime")
    if arguments.int8:
        found["radzero int8"] = ours(arguments.int8, "cpu", threads)
    if arguments.portable:
        found["radzero openvino:bf16"] = ours(
            arguments.portable, "openvino:bf16", threads, None, arguments.openvino_library
        )
    return found
