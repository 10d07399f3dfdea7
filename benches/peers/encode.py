"""The image encoder and all that is beside it, against PyTorch, OpenVINO and ONNX Runtime on a torch export, in turns, on
the same threads; writes a section of docs/benchmarks.md.

README.md says how everything that it takes is made, and with which command it was run.

Each round runs every contestant once, one after the other, so that whatever else the machine does strikes all of them;
what is compared are medians over the rounds. The first round warms up and is not counted.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import contestants
import files
import numpy as np
import page
import torch
from PIL import Image
from torch.nn import functional as F

PROMPTS, HEIGHT, WIDTH, CALLERS = 14, 2500, 2000, 8
# Seconds that a short stage is repeated in a round.
SETTLED = 0.3
MEASURE, OURS = "PyTorch eager, fp32", "radzero fp32"


class Race:
    """Runs in turns, and remembers who failed and why."""

    def __init__(self):
        self.times, self.failed = {}, {}

    def attempt(self, name, function):
        """What the function gives; None if it failed, now or before."""
        if name in self.failed:
            return None
        try:
            return function()
        except Exception as error:  # Whatever goes wrong with a contestant is a line of the report.
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            self.failed[name] = f"{type(error).__name__}: {lines[-1] if lines else ''}"[:300]
            print(f"{name} failed: {error}", flush=True)
            return None

    def round(self, runs, counts):
        for name, run in runs.items():
            # Threads of the one before may still be spinning.
            time.sleep(0.1)
            values = self.attempt(name, run)
            if values is not None:
                values = values if isinstance(values, list) else [values]
                print(f"{name}: {', '.join(f'{value:.3f}' for value in values)}", flush=True)
                if counts:
                    self.times.setdefault(name, []).append(values)

    def medians(self, name):
        """A median for each number of a run; not a number where there is none."""
        return [statistics.median(column) for column in zip(*self.times.get(name, [[float("nan")] * 2]))]

    def median(self, name):
        return self.medians(name)[0]


def peer_stages(picture, model):
    """What surrounds the encoder, in Python."""
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
    """The median of the runs of some time: the first ones wake cores and caches up, which takes longer than some stages."""

    def repeated():
        values, end = [], time.perf_counter() + SETTLED
        while not values or time.perf_counter() < end:
            value = run()
            values.append(value[0] if isinstance(value, list) else value)
        return statistics.median(values)

    return repeated


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=page.ROOT / "target/parity/checkpoint")
    parser.add_argument("--fp32", type=Path, default=page.ROOT / "target/parity/model", help="its export")
    parser.add_argument("--int8", type=Path, help="its export with --precision int8")
    parser.add_argument("--portable", type=Path, help="its export with --target portable, run on openvino:bf16")
    parser.add_argument("--trained", type=Path, help="an export of models/phantom: masks and points of maps with structure")
    parser.add_argument("--openvino-library", type=Path, help="folder of the onnxruntime-openvino wheel's libraries")
    parser.add_argument("--program", default=str(page.ROOT / "target/release/encode"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-compile", action="store_true", help="without torch.compile")
    parser.add_argument("--no-torch-export", action="store_true", help="without ONNX Runtime on a torch export")
    parser.add_argument("--report", type=Path, default=page.ROOT / "docs/benchmarks.md")
    arguments = parser.parse_args()
    if arguments.int8:
        page.calibration(arguments.int8)  # Better now than after the measurement.
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
    for name, make in contestants.all_of(encoder, pixels, folder, arguments).items():
        print(f"making {name}", flush=True)
        entered[name] = race.attempt(name, make)
    stages = peer_stages(picture, model)
    if ours := entered[OURS]:
        # "callers 1" first: its answers are what the others are held against.
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
    page.write_section(arguments.report, "Benchmarks", "encode", report(arguments, race, entered, tokens))


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
    return page.table(heading, rows)


def peer_maps(race):
    """The faster of PyTorch's ways."""
    return min(race.median("PyTorch: maps, one call"), race.median("PyTorch: maps, prompt by prompt"))


def beside(race):
    """What surrounds the encoder: theirs where there is such a thing, ours, and the ratio."""
    rows = [
        ("PNG to the model's pixels", "Pillow", race.median("Pillow: read"), "read"),
        ("maps: upsampling and sigmoid", "PyTorch, the faster of one call and prompt by prompt", peer_maps(race), "maps"),
        ("points", "the same through the maps", race.median("maps-points"), "points"),
        ("masks", "the same through the maps", race.median("maps-masks"), "masks"),
        ("points, demo model", "the same through the maps", race.median("trained maps-points"), "trained points"),
        ("masks, demo model", "the same through the maps", race.median("trained maps-masks"), "trained masks"),
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
    return page.table(["stage", "against", "ms", "radzero, ms", "ratio"], shown)


def shares(race):
    rows = []
    for name, what in (
        ("whole, new", f"points of {PROMPTS} new prompts"),
        ("whole, known", f"points of {PROMPTS} cached prompts"),
        ("whole, maps", f"{PROMPTS} new prompts, every map of full size, and its peak"),
    ):
        whole, rest = race.medians(name)
        rows.append([what, f"{whole:.0f}", f"{rest:.1f}", f"{rest / whole:.1%}"])
    return page.table(["from the PNG to", "ms", "all but the image encoder, ms", "share"], rows)


def goals(race, tokens):
    """What was aimed for, as numbers."""
    median, faster = race.median, lambda theirs, own: race.median(theirs) / race.median(own)
    rows = [
        (f"{OURS}: speed / PyTorch eager", faster(MEASURE, OURS), 1.2),
        (f"{OURS}: speed / OpenVINO f32", faster("OpenVINO, f32", OURS), 1.2),
        ("radzero int8: speed / OpenVINO bf16", faster("OpenVINO, bf16", "radzero int8"), 1.15),
        ("radzero openvino:bf16: speed / OpenVINO bf16", faster("OpenVINO, bf16", "radzero openvino:bf16"), 1.0),
        ("maps: speed / PyTorch", peer_maps(race) / median("maps"), 5),
        ("points without maps: speed / with", faster("maps-points", "points"), 5),
        ("masks without maps: speed / with", faster("maps-masks", "masks"), 5),
        ("points without maps, demo model: speed / with", faster("trained maps-points", "trained points"), 5),
        ("masks without maps, demo model: speed / with", faster("trained maps-masks", "trained masks"), 5),
        (f"{CALLERS} callers: throughput / one caller", faster("callers 1", f"callers {CALLERS}"), 0.9),
    ]
    wholes = {"new": "new prompts", "known": "known prompts", "maps": "new prompts, every map and its peak"}
    bounds = [(f"all but the image encoder, {what}: share", np.divide(*race.medians(f"whole, {kind}")[::-1]), 0.1) for kind, what in wholes.items()]
    bounds += [("a new prompt, ms", median("prompt") + median("compare"), 50), ("a cached prompt, ms", median("cached") + median("compare"), 2)]
    if tokens.get(MEASURE) is not None and tokens.get(OURS) is not None:
        error = np.linalg.norm(tokens[OURS] - tokens[MEASURE]) / np.linalg.norm(tokens[MEASURE])
        bounds.append((f"{OURS}: relative error", error, 1e-5))
    shown = [[what, f"{value:.3g}", f"at least {least}", "yes" if value >= least else "**no**"] for what, value, least in rows]
    shown += [[what, f"{value:.3g}", f"below {most}", "yes" if value < most else "**no**"] for what, value, most in bounds]
    return page.table(["goal", "measured", "wanted", "met"], shown)


def report(arguments, race, entered, tokens):
    identical = f"callers {CALLERS}" in race.times and f"callers {CALLERS}" not in race.failed
    failed = [f"- {name}: {reason}" for name, reason in race.failed.items() if name not in entered]
    int8 = f" int8 was calibrated on {page.calibration(arguments.int8)}." if arguments.int8 else ""
    return [
        "## Image encoder, and what surrounds it",
        "",
        f"Full size (seeded vision weights), batch 1, {arguments.threads} threads, medians of {arguments.rounds} rounds in which "
        f"every contestant ran once. Machine: {page.machine()}. Ratios are what to look at: times depend on the machine and on "
        f"what else it does. Errors are those of the tokens against PyTorch in fp32.{int8}",
        "",
        *encoders(race, entered, tokens),
        "",
        f"One radiograph of {WIDTH} x {HEIGHT} with {PROMPTS} prompts ({OURS}; maps, points and masks are those of all prompts; a stage is "
        f"repeated for {SETTLED} s in each round, by the peers as by us). Maps of seeded weights are noise around the threshold, so nearly every pixel must be computed; "
        "those of a trained model (the demo model) have structure:",
        "",
        *beside(race),
        "",
        *shares(race),
        "",
        f"{CALLERS} threads that call one model: {race.median(f'callers {CALLERS}'):.0f} ms an image, one thread: "
        f"{race.median('callers 1'):.0f} ms. Tokens, logits and points were "
        + ("the same bit for bit." if identical else "**not the same**, or could not be measured."),
        "",
        *goals(race, tokens),
        "",
        *(["Failed:", "", *failed, ""] if failed else []),
        page.command("encode.py"),
    ]


if __name__ == "__main__":
    main()
