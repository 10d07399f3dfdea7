"""Runs the measurements that run.sh names, one after the other, and stores them in results.json."""

import argparse
import platform
import re
import shutil
import sys
import time
from datetime import datetime, timezone
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from results import Results, first_line, plain
from workspace import EXPORTS, HERE, NO_FP16, NO_OUTLIERS, ROOT, Run, command


def machine(run):
    import benchmarks_page

    results = run.results
    packages = ("numpy", "pillow", "safetensors", "transformers")
    about = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cores": run.cores,
        "processor": benchmarks_page.machine(),
        "python": platform.python_version(),
        "radzero": first_line(command("radzero", "--version").out),
        **{package: version(package) for package in packages},
    }
    results.put("device", run.device)
    results.put("small", run.small)
    results.put("machine", about)
    fields = ("name", "driver_version", "memory.total", "power.limit")
    if shutil.which("nvidia-smi"):
        asked = command("nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader", limit=30)
        if asked.code == 0 and asked.out.strip():
            found = [value.strip() for value in asked.out.splitlines()[0].split(",")]
            results.put("machine", "gpu", dict(zip(fields, found)))
        else:
            results.fail(str(asked), "machine", "gpu")
    else:
        results.skip("no nvidia-smi", "machine", "gpu")
    import torch

    about["torch"], about["torch_cuda"], about["cudnn"] = torch.__version__, torch.version.cuda, torch.backends.cudnn.version()
    results.save()
    if run.cuda:
        # PyTorch's name of the card, since everything is compared with PyTorch.
        results.put("machine", "torch_device", torch.cuda.get_device_name())


def checkpoints(run):
    results, golden = run.results, ROOT / "tests/golden/checkpoints"
    if run.small:
        shutil.copytree(golden / "base", run.checkpoint("base"))
        shutil.copy(golden / "tokenizer.json", run.checkpoint("base"))
        results.put("checkpoints", "base", {"size": "tests/golden's base"})
        return results.skip(NO_OUTLIERS, "checkpoints", "outliers")

    def make(name):
        options = ["--outliers"] if name == "outliers" else []
        tokenizer = ROOT / "models/phantom/tokenizer.json"
        return command(sys.executable, ROOT / "dev/xtask/parity/checkpoint.py", *options, tokenizer, run.checkpoint(name), limit=100)

    for name, outcome in zip(("base", "outliers"), run.together(make, ("base", "outliers"), 2)):
        if outcome.code == 0:
            results.put("checkpoints", name, {"size": "full, seeded", "seconds": outcome.seconds})
        else:
            results.fail(str(outcome), "checkpoints", name)


def exports(run):
    """Runs all exports at once, and makes the files to read meanwhile."""
    results, wanted = run.results, []
    for checkpoint in ("base", "outliers"):
        for export, options in EXPORTS.items():
            if run.small and checkpoint == "outliers":
                results.skip(NO_OUTLIERS, "exports", checkpoint, export)
            elif "fp16" in export and not run.cuda:
                results.skip(NO_FP16, "exports", checkpoint, export)
            else:
                model = run.model(checkpoint, export)
                wanted.append((("exports", checkpoint, export), ["radzero", "export", *options, run.checkpoint(checkpoint), model]))
    wanted.append((("exports", "files"), [sys.executable, HERE / "make_files.py", run.work / "files", run.count]))
    outcomes = run.together(lambda words: command(*words, limit=100), [words for _, words in wanted], len(wanted))
    for (keys, _), outcome in zip(wanted, outcomes):
        if outcome.code == 0:
            results.put(*keys, {"seconds": outcome.seconds})
        else:
            results.fail(str(outcome), *keys)


def doctor(run):
    outcome = command("radzero", "doctor")
    lines = dict(line.split(maxsplit=1) for line in outcome.out.splitlines() if len(line.split(maxsplit=1)) == 2)
    lines.pop("library", None)
    run.results.put("doctor", {"code": outcome.code, **{name: plain(text) for name, text in lines.items()}})
    if outcome.code != 0:
        run.results.fail(str(outcome), "doctor")


def verify(run):
    results, models = run.results, run.models()
    for checkpoint in ("base", "outliers"):
        for export in EXPORTS:
            if (checkpoint, export) not in models:
                results.skip(run.why_not(checkpoint, export), "verify", checkpoint, export)
    outcomes = run.together(lambda of: command("radzero", "verify", "--model", run.model(*of), "--device", run.device), models, 3)
    for (checkpoint, export), outcome in zip(models, outcomes):
        keys, found = ("verify", checkpoint, export), {"code": outcome.code, "seconds": outcome.seconds}
        text = outcome.out + outcome.err
        if placement := re.search(r"^placement +(.+)$", text, re.MULTILINE):
            found["placement"] = placement[1]
        if test := re.search(r"greatest difference (\S+) in tokens, (\S+) in embeddings; (\S+) allowed", text):
            found |= dict(zip(("tokens", "embeddings", "allowed"), map(float, test.groups())))
        if runtime := re.search(r"ONNX Runtime (\d\S*)", text):
            found["onnxruntime"] = runtime[1]
            results.put("machine", "onnxruntime", runtime[1])
        results.put(*keys, found)
        if outcome.code != 0:
            results.fail(str(outcome), *keys)


IN_THIS_FILE = {"machine": machine, "checkpoints": checkpoints, "exports": exports, "doctor": doctor, "verify": verify}
MODULES = {
    "golden": "golden",
    "correctness": "correctness",
    "ceiling": "speed",
    "speed": "speed",
    "memory": "memory",
    "files": "classify",
    "faults": "faults",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measurements", nargs="+", choices=[*IN_THIS_FILE, *MODULES])
    parser.add_argument("--out", type=Path, required=True, help="folder of results.json")
    parser.add_argument("--work", type=Path, required=True, help="folder for checkpoints, exports and files")
    parser.add_argument("--device", choices=("cuda", "cpu"), required=True)
    parser.add_argument("--small", action="store_true", help="a tiny model, few files and small batches")
    arguments = parser.parse_args()
    run = Run(Results(arguments.out), arguments.work, arguments.device, arguments.small)
    for name in arguments.measurements:
        begun = time.perf_counter()
        with run.results.guarded(name):
            function = IN_THIS_FILE.get(name) or getattr(import_module(MODULES[name]), name)
            function(run)
        run.results.put("seconds", name, round(time.perf_counter() - begun, 1))
    sys.exit(run.results.failed)


if __name__ == "__main__":
    main()
