"""Compares the image encoder, and everything around it, with PyTorch, OpenVINO and ONNX Runtime on a torch export, on the same
number of threads; writes a section of docs/benchmarks.md.

README.md says how to make the inputs, and has the command line.

Each round runs every contestant once, so that other load on the machine affects all of them; medians over the rounds are compared.
The first round warms up and is not counted.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import benchmarks_page
import contestants
import files
import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

PROMPTS, HEIGHT, WIDTH, CALLERS = 14, 2500, 2000, 8
# Seconds for which a short stage is repeated in each round.
SETTLED = 0.3
MEASURE, OURS = "PyTorch eager, fp32", "radzero fp32"


class Race:
    """Runs contestants in turns, and records which failed and why."""

    def __init__(self):
        self.times, self.failed = {}, {}

    def attempt(self, name, function):
        """The function's result; None if it failed, now or before."""
        if name in self.failed:
            return None
        try:
            return function()
        except Exception as error:  # A contestant's failure is a line of the report.
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            self.failed[name] = f"{type(error).__name__}: {lines[-1] if lines else ''}"[:300]
            print(f"{name} failed: {error}", flush=True)
            return None

    def round(self, runs, counts):
        for name, run in runs.items():
            # The previous contestant's threads may still be spinning.
            time.sleep(0.1)
            values = self.attempt(name, run)
            if values is not None:
                values = values if isinstance(values, list) else [values]
                print(f"{name}: {', '.join(f'{value:.3f}' for value in values)}", flush=True)
                if counts:
                    self.times.setdefault(name, []).append(values)

    def medians(self, name):
        """The median of each number of a run; NaN if there are no runs."""
        return [statistics.median(column) for column in zip(*self.times.get(name, [[float("nan")] * 2]))]

    def median(self, name):
        return self.medians(name)[0]


def peer_stages(picture, model):
    """The stages around the encoder, in Python."""
    scores = torch.randn(1, PROMPTS, model.side // 14, model.side // 14) * 5

    def upsample(part):
        return F.interpolate(part, size=(HEIGHT, WIDTH), mode="bilinear", align_corners=False).sigmoid_()

    def read():
        with Image.open(picture) as image:
            return model.pixels(np.asarray(image))

    runs = {
        "PyTorch: maps, one call": lambda: upsample(scores),
        "PyTorch: maps, prompt by prompt": lambda: [upsample(part).shape for part in scores.split(1, dim=1)],
        "Pillow: read": read,
    }
    return {name: settled(contestants.Peer(run, "").run) for name, run in runs.items()}


def settled(run):
    """Repeats a stage for some time and takes the median, since waking up cores and caches takes longer than some stages."""

    def repeated():
        values, end = [], time.perf_counter() + SETTLED
        while not values or time.perf_counter() < end:
            value = run()
            values.append(value[0] if isinstance(value, list) else value)
        return statistics.median(values)

    return repeated


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=benchmarks_page.ROOT / "target/parity/checkpoint")
    parser.add_argument("--fp32", type=Path, default=benchmarks_page.ROOT / "target/parity/model", help="its export")
    parser.add_argument("--int8", type=Path, help="its export with --precision int8")
    parser.add_argument("--portable", type=Path, help="its export with --target portable, run on openvino:bf16")
    parser.add_argument("--trained", type=Path, help="an export of models/phantom: masks and points of maps with structure")
    parser.add_argument("--openvino-library", type=Path, help="folder of the onnxruntime-openvino wheel's libraries")
    parser.add_argument("--program", default=str(benchmarks_page.ROOT / "target/release/encode"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-compile", action="store_true", help="without torch.compile")
    parser.add_argument("--no-torch-export", action="store_true", help="without ONNX Runtime on a torch export")
    parser.add_argument("--report", type=Path, default=benchmarks_page.ROOT / "docs/benchmarks.md")
    arguments = parser.parse_args()
    if arguments.int8:
        benchmarks_page.calibration(arguments.int8)  # Fails early, if at all.
    torch.set_num_threads(arguments.threads)
    torch.set_grad_enabled(False)
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as folder:
        run(arguments, Path(folder))


def run(arguments, folder):
    model = contestants.RadZero(arguments.checkpoint)
    picture = folder / "picture.png"
    levels = (files.picture()[:HEIGHT, :WIDTH] >> 4).astype(np.uint8)
    Image.fromarray(levels).save(picture)
    pixels = model.pixels(levels)[None]
    race, entered = Race(), {}
    encoder = contestants.Encoder(model).eval()
    for name, make in contestants.makers(encoder, pixels, folder, arguments).items():
        print(f"making {name}", flush=True)
        entered[name] = race.attempt(name, make)
    stages = peer_stages(picture, model)
    if ours := entered[OURS]:
        # "callers 1" comes first: the answers of the others are compared with its own.
        names = ["read", "compare", "prompt", "prompts", "cached", "maps", "maps-points", "points", "maps-masks", "masks"]
        lines = [name if name != "read" else f"read {picture}" for name in names]
        lines += [f"new {picture}", f"known {picture}", f"maps {picture}", "callers 1", f"callers {CALLERS}"]
        steady = len(names)
        names += ["whole, new", "whole, known", "whole, maps", "callers 1", f"callers {CALLERS}"]
        for index, (name, line) in enumerate(zip(names, lines)):
            ask = lambda line=line: ours.ask(line)  # noqa: E731
            stages[name] = settled(ask) if index < steady else ask
    if arguments.trained:
        trained = contestants.Ours(arguments.program, None, arguments.trained, "cpu", arguments.threads)
        for name in ("maps-points", "points", "maps-masks", "masks"):
            stages[f"trained {name}"] = settled(lambda name=name: trained.ask(name))
    runs = {name: contestant.run for name, contestant in entered.items() if contestant}
    for index in range(arguments.rounds + 1):
        print(f"-- round {index}", flush=True)
        race.round(runs | stages, index > 0)
    tokens = {name: race.attempt(name, entered[name].tokens) for name in runs}
    benchmarks_page.write_section(arguments.report, "Benchmarks", "encode", report(arguments, race, entered, tokens))


def encoders(race, entered, tokens):
    base, exact, rows = race.median(OURS), tokens.get(MEASURE), []
    for name, contestant in entered.items():
        computed = tokens.get(name)
        if name in race.failed or computed is None or exact is None:
            rows.append([name, f"failed: {race.failed.get(name, 'nothing to compare with')}", "", "", "", ""])
            continue
        off, median = computed - exact, race.median(name)
        relative, largest = np.linalg.norm(off) / np.linalg.norm(exact), np.abs(off).max()
        rows.append([name, contestant.kind, f"{median:.0f}", f"{median / base:.2f}", f"{relative:.1e}", f"{largest:.1e}"])
    heading = ["image encoder", "runs on", "ms", "time / radzero fp32", "error, relative L2", "largest absolute"]
    return benchmarks_page.table(heading, rows)


def peer_maps(race):
    """The faster of PyTorch's two ways."""
    return min(race.median("PyTorch: maps, one call"), race.median("PyTorch: maps, prompt by prompt"))


def surrounding_stages(race):
    """The stages around the encoder: the peer's time where there is a peer, ours, and the ratio."""
    rows = [
        ("PNG to the model's pixels", "Pillow", race.median("Pillow: read"), "read"),
        ("maps: upsampling and sigmoid", "PyTorch, the faster of one call and one call per prompt", peer_maps(race), "maps"),
        ("points", "radzero, through full maps", race.median("maps-points"), "points"),
        ("masks", "radzero, through full maps", race.median("maps-masks"), "masks"),
        ("points, demo model", "radzero, through full maps", race.median("trained maps-points"), "trained points"),
        ("masks, demo model", "radzero, through full maps", race.median("trained maps-masks"), "trained masks"),
        ("VL-CABS", "", None, "compare"),
        ("one new prompt", "", None, "prompt"),
        (f"{PROMPTS} new prompts", "", None, "prompts"),
        ("a cached prompt", "", None, "cached"),
    ]
    shown = []
    for what, other, theirs, stage in rows:
        own = race.median(stage)
        ratio = f"{theirs / own:.1f}" if theirs else ""
        shown.append([what, other, f"{theirs:.2f}" if theirs else "", f"{own:.3f}", ratio])
    return benchmarks_page.table(["stage", "against", "ms", "radzero, ms", "ratio"], shown)


def shares(race):
    rows = []
    for name, what in (
        ("whole, new", f"points of {PROMPTS} new prompts"),
        ("whole, known", f"points of {PROMPTS} cached prompts"),
        ("whole, maps", f"{PROMPTS} new prompts, with every full-size map and its peak"),
    ):
        whole, rest = race.medians(name)
        rows.append([what, f"{whole:.0f}", f"{rest:.1f}", f"{rest / whole:.1%}"])
    return benchmarks_page.table(["from the PNG to", "ms", "without the image encoder, ms", "share"], rows)


def goals(race, tokens):
    """The goals and whether they are met."""
    median, faster = race.median, lambda theirs, own: race.median(theirs) / race.median(own)
    rows = [
        (f"{OURS}: speed / PyTorch eager", faster(MEASURE, OURS), 1.2),
        (f"{OURS}: speed / OpenVINO f32", faster("OpenVINO, f32", OURS), 1.2),
        ("radzero int8: speed / OpenVINO bf16", faster("OpenVINO, bf16", "radzero int8"), 1.15),
        ("radzero openvino:bf16: speed / OpenVINO bf16", faster("OpenVINO, bf16", "radzero openvino:bf16"), 1.0),
        ("maps: speed / PyTorch", peer_maps(race) / median("maps"), 5),
        ("points: speed without maps / with maps", faster("maps-points", "points"), 5),
        ("masks: speed without maps / with maps", faster("maps-masks", "masks"), 5),
        ("points, demo model: speed without maps / with maps", faster("trained maps-points", "trained points"), 5),
        ("masks, demo model: speed without maps / with maps", faster("trained maps-masks", "trained masks"), 5),
        (f"{CALLERS} callers: throughput / one caller", faster("callers 1", f"callers {CALLERS}"), 0.9),
    ]
    wholes = {"new": "new prompts", "known": "cached prompts", "maps": "new prompts, every map and its peak"}
    bounds = [(f"share of the time without the image encoder, {what}", np.divide(*race.medians(f"whole, {kind}")[::-1]), 0.1) for kind, what in wholes.items()]
    bounds += [("a new prompt, ms", median("prompt") + median("compare"), 50), ("a cached prompt, ms", median("cached") + median("compare"), 2)]
    if tokens.get(MEASURE) is not None and tokens.get(OURS) is not None:
        error = np.linalg.norm(tokens[OURS] - tokens[MEASURE]) / np.linalg.norm(tokens[MEASURE])
        bounds.append((f"{OURS}: relative error", error, 1e-5))
    shown = [[what, f"{value:.3g}", f"at least {least}", "yes" if value >= least else "**no**"] for what, value, least in rows]
    shown += [[what, f"{value:.3g}", f"below {most}", "yes" if value < most else "**no**"] for what, value, most in bounds]
    return benchmarks_page.table(["goal", "measured", "wanted", "met"], shown)


def report(arguments, race, entered, tokens):
    identical = f"callers {CALLERS}" in race.times and f"callers {CALLERS}" not in race.failed
    failed = [f"- {name}: {reason}" for name, reason in race.failed.items() if name not in entered]
    int8 = f" int8 was calibrated on {benchmarks_page.calibration(arguments.int8)}." if arguments.int8 else ""
    return [
        "## Image encoder and the stages around it",
        "",
        f"Full-size model (seeded vision weights), batch 1, {arguments.threads} threads, medians of {arguments.rounds} rounds in which "
        f"every contestant ran once. Machine: {benchmarks_page.machine()}. Compare the ratios: times depend on the machine and its "
        f"load. Errors are those of the tokens against PyTorch in fp32.{int8}",
        "",
        *encoders(race, entered, tokens),
        "",
        f"The stages around the encoder, for one radiograph of {WIDTH} x {HEIGHT} with {PROMPTS} prompts ({OURS}). Maps, points and masks "
        f"are those of all prompts. Each round repeats a stage for {SETTLED} s, also for the peers. With seeded weights, maps are noise around "
        "the threshold, so nearly every pixel must be computed; the maps of a trained model (the demo model) have structure:",
        "",
        *surrounding_stages(race),
        "",
        *shares(race),
        "",
        f"{CALLERS} threads that call one model take {race.median(f'callers {CALLERS}'):.0f} ms per image, one thread "
        f"{race.median('callers 1'):.0f} ms. Tokens, logits and points were "
        + ("identical bit for bit." if identical else "**not identical**, or could not be measured."),
        "",
        *goals(race, tokens),
        "",
        *(["Failed:", "", *failed, ""] if failed else []),
        benchmarks_page.command("encode.py"),
    ]


if __name__ == "__main__":
    main()
