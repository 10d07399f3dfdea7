"""Writes the section "On a GPU" of docs/benchmarks.md from the results.json of run.sh.

    python page.py RESULTS.json [--report docs/benchmarks.md] [--note TEXT]...

What was skipped or failed is shown with its reason.
"""

import argparse
import json
from pathlib import Path

from sections import (
    ACTIVATIONS, COMPILE, ERRORS, HOST, OURS, ROOT, Found, benchmarks_page, best, correctness, faults, files, memory, short, speed,
    verified,
)  # fmt: skip


def goals(found):
    first, fastest = found.at("speed", OURS, HOST, "1", "ms"), best(found, OURS)
    rows = [
        (f"{OURS}, batch 1, ms", ("speed", OURS), first, "at most", 10),
        (f"{OURS}, best images/s", ("speed", OURS), fastest, "at least", 475),
        (f"stretch: {OURS}, batch 1, ms", ("speed", OURS), first, "at most", 7),
        (f"stretch: {OURS}, best images/s", ("speed", OURS), fastest, "at least", 950),
    ]
    for size in ("1", "8", "32"):
        ours, theirs = (found.at("speed", name, HOST, size, "images_per_second") for name in (OURS, COMPILE))
        ratio = ours / theirs if ours and theirs else None
        rows.append((f"{OURS} / {COMPILE}, {HOST}, batch {size}", ("speed", OURS if not ours else COMPILE), ratio, "at least", 0.9))
    for checkpoint, shown in ACTIVATIONS.items():
        for name, key, most in (
            (OURS, "maps_largest", 5e-3),
            ("radzero fp32", "tokens_largest", 1e-4),
            ("radzero fp32", "maps_largest", 1e-5),
        ):
            keys = ("correctness", checkpoint, name)
            rows.append((f"{name}, activations {shown}: {ERRORS[key]}", keys, found.at(*keys, key), "below", most))
    return benchmarks_page.table(["goal", "measured", "wanted", "met"], [goal(found, *row) for row in rows])


def goal(found, what, keys, value, bound, wanted):
    if value is None:
        return [what, found.excuse(*keys), f"{bound} {wanted:g}", "**not known**"]
    met = {"at most": value <= wanted, "at least": value >= wanted, "below": value < wanted}[bound]
    return [what, f"{value:.3g}", f"{bound} {wanted:g}", "yes" if met else "**no**"]


def about(found):
    machine = found.at("machine") or {}
    gpu = machine.get("gpu") or {}
    card = f"{gpu['name']}, {gpu['memory.total']}, driver {gpu['driver_version']}" if "name" in gpu else found.excuse("machine", "gpu")
    cuda = f" with CUDA {machine['torch_cuda']} and cuDNN {machine['cudnn']}" if machine.get("torch_cuda") else ""
    if found.at("small"):
        weights = "The model is tiny: the figures show that everything runs, and nothing else."
    else:
        weights = "Full-size model, all weights seeded; outliers as in the section on precision."
    return (
        f"Card: {card}. Processor: {machine.get('processor')}. "
        f"ONNX Runtime {machine.get('onnxruntime', 'of no known version')}, {machine.get('radzero')}, "
        f"PyTorch {machine.get('torch')}{cuda}, transformers {machine.get('transformers')}, Python {machine.get('python')}. "
        f"Device: {found.at('device')}. Measured on {str(machine.get('date'))[:10]}. {weights}"
    )


def failures(found):
    lines = []
    for step in found.at("steps") or []:
        if step["status"]:
            lines.append(f"- {step['step']}: exit status {step['status']}, {short(step.get('reason', ''), 120)}")
    for name in ("machine", "checkpoints", "exports", "doctor"):
        lines += [f"- {', '.join(keys)}: {reason}" for keys, reason in failed_below((name,), found.at(name))]
    return ["", "Steps that failed:", "", *lines] if lines else []


def failed_below(keys, node):
    if isinstance(node, dict):
        if "failed" in node:
            yield keys, node["failed"]
        for key, child in node.items():
            yield from failed_below((*keys, key), child)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="results.json of run.sh")
    parser.add_argument("--report", type=Path, default=ROOT / "docs/benchmarks.md")
    parser.add_argument("--note", action="append", default=[], help="a note on the measurement; may be given several times")
    arguments = parser.parse_args()
    found = Found(json.loads(arguments.results.read_text()))
    parts = [goals, speed, correctness, verified, memory, files, faults]
    lines = ["## On a GPU", "", about(found)]
    if arguments.note:
        lines += ["", *(f"- {note}" for note in arguments.note)]
    for part in parts:
        lines += ["", *part(found)]
    lines += failures(found)
    options = " ".join([f"--device {found.at('device')}", *(["--small"] if found.at("small") else [])])
    lines += [
        "",
        f"Commands, see [benches/gpu](../benches/gpu/README.md): `benches/gpu/run.sh OUT {options}`, "
        f"`python benches/gpu/page.py {benchmarks_page.shown(str(arguments.results))}`",
    ]
    benchmarks_page.write_section(arguments.report, "Benchmarks", "gpu", lines)


if __name__ == "__main__":
    main()
