"""The speed of the image encoder and of PyTorch, in turns, and the device's upper bound."""

import statistics
import time

import numpy as np
import torch
from contestants import Ours
from encoder import fp16, fp32, image_size, load
from workspace import EXPORTS

WARM, COUNTED = 3, 8
# A slow contestant stops warming up, or being counted, after these seconds, but has at least LEAST counted runs.
WARM_SECONDS, COUNTED_SECONDS, LEAST = 1.5, 3, 3
# Operations for one full-size image: 518 x 518 pixels, twelve blocks and two of the align transformer.
FLOPS = 353e9
# The most important batch sizes come first, in case time runs out; the one that needs the most memory comes last.
BATCHES, FEW, FP32_PEER, MOST_FP32 = (1, 8, 32, 16, 4, 2, 64), (1, 8, 32), (1, 8), 32
HOST, DEVICE = "host to host", "device only"
# Images through a queue, and how often; the first time does not count.
QUEUED, TIMES = 2000, 4


def ceiling(run):
    """A large matrix product, whose speed no encoder can exceed."""
    side, kind = (8192, torch.float16) if run.cuda and not run.small else (512, torch.float16 if run.cuda else torch.float32)
    left, right = (torch.randn(side, side, device=run.device, dtype=kind) for _ in range(2))
    times = []
    for _ in range(WARM + 8):
        synchronize(run)
        begun = time.perf_counter()
        left @ right
        synchronize(run)
        times.append(time.perf_counter() - begun)
    rate = 2 * side**3 / statistics.median(times[WARM:])
    measured = {"side": side, "precision": str(kind).removeprefix("torch."), "tflops": rate / 1e12, "flops_an_image": FLOPS}
    run.results.put("ceiling", measured)


def synchronize(run):
    if run.cuda:
        torch.cuda.synchronize()


def pictures(count, side):
    """Smooth images with detector noise, each different."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    smooth = (120 + 80 * np.sin(6 * x + index) * np.cos(5 * y - index) for index in range(count))
    noisy = [np.clip(part + rng.normal(0, 15, part.shape), 0, 255).astype(np.uint8) for part in smooth]
    return torch.from_numpy(np.stack([np.repeat(part[None], 3, 0) for part in noisy]))


class Program:
    """radzero: a process for each export, started when it is first needed, and again if it died."""

    def __init__(self, run, export):
        self.run_of, self.export, self.process = run, export, None

    def prepare(self, count):
        if self.process is None or self.process.process.poll() is not None:
            run = self.run_of
            self.process = Ours("encode", None, run.model("base", self.export), run.device, run.cores)
            run.results.put("speed", f"radzero {self.export}", "runs_on", self.process.kind)
        return {HOST: lambda: self.process.ask(f"images {count}")[0]}

    def close(self):
        if self.process and self.process.process.poll() is None:
            self.process.close()
        self.process = None


class Peer:
    """A function of PyTorch; its pixels and tokens lie in pinned memory, the fastest way that a program has."""

    def __init__(self, run, compute, pool, compiled=False):
        self.run_of, self.compute, self.pool, self.compiled, self.turn = run, compute, pool, compiled, 0

    def prepare(self, count):
        run = self.run_of
        batches = [self.pool.roll(index, 0)[:count].contiguous() for index in range(3)]
        if run.cuda:
            batches = [batch.pin_memory() for batch in batches]
        begun = time.perf_counter()
        tokens = self.compute(batches[0].to(run.device)).cpu()
        if self.compiled:
            run.results.put("speed", "PyTorch compile fp16", "compile_seconds", str(count), round(time.perf_counter() - begun, 1))
        back = torch.empty(tokens.shape, dtype=torch.float32, pin_memory=run.cuda)

        def host():
            back.copy_(self.compute(self.next(batches).to(run.device, non_blocking=True)), non_blocking=True)

        ways = {HOST: host}
        if run.cuda:
            there = [batch.to(run.device) for batch in batches]
            ways[DEVICE] = lambda: self.compute(self.next(there))
        return {way: self.timed(work) for way, work in ways.items()}

    def next(self, batches):
        self.turn += 1
        return batches[self.turn % len(batches)]

    def timed(self, work):
        def milliseconds():
            synchronize(self.run_of)
            begun = time.perf_counter()
            work()
            synchronize(self.run_of)
            return (time.perf_counter() - begun) * 1e3

        return milliseconds

    def close(self):
        pass


def programs(run, batches):
    """Name -> (contestant, its batch sizes), for radzero."""
    found = {}
    exported = [export for of, export in run.models() if of == "base"]
    for export in EXPORTS:
        name = f"radzero {export}"
        if export in exported:
            most = max(batches) if export == "fp16" else MOST_FP32
            # Portable graphs run at a few sizes, which is enough for a comparison.
            wanted = [count for count in batches if count in FEW or not run.cuda] if "portable" in export else batches
            found[name] = (Program(run, export), [count for count in wanted if count <= most])
        else:
            run.results.skip(run.why_not("base", export), "speed", name)
    return found


def peers(run, batches):
    """The same for PyTorch."""
    results, found = run.results, {}
    encoder = fp32(load(run.checkpoint("base")), run.device)
    pool = pictures(max(batches), image_size(run.checkpoint("base")))
    results.put("speed", "PyTorch eager fp32", "attention", encoder.vision.config._attn_implementation)
    found["PyTorch eager fp32"] = (Peer(run, encoder, pool), [count for count in batches if not run.cuda or count in FP32_PEER])
    if not run.cuda:
        for name in ("PyTorch eager fp16", "PyTorch compile fp16"):
            results.skip("a CPU computes 16 bits slowly", "speed", name)
        return found
    half = fp16(encoder)
    found["PyTorch eager fp16"] = (Peer(run, half, pool), batches)
    if run.small:
        results.skip("compiling takes longer than all the rest of the small form", "speed", "PyTorch compile fp16")
    else:
        compiled = torch.compile(half, dynamic=False)
        found["PyTorch compile fp16"] = (Peer(run, compiled, pool, True), [count for count in batches if count in FEW])
    return found


def speed(run):
    results = run.results
    batches = BATCHES if run.cuda and not run.small else (1, 2)
    with torch.inference_mode():
        contestants = programs(run, batches)
        # radzero is measured even if PyTorch fails.
        with results.guarded("speed", "PyTorch"):
            contestants |= peers(run, batches)
        for count in batches:
            for contestant, counts in contestants.values():
                if count not in counts:
                    # Free its memory for the others.
                    contestant.close()
            race(run, count, {name: contestant for name, (contestant, counts) in contestants.items() if count in counts})
    for contestant, _ in contestants.values():
        contestant.close()
    with results.guarded("speed", "queue"):
        queue(run)
    if run.device == "cpu":
        results.put("speed", "note", f"on a CPU there is no {DEVICE}")


def queue(run):
    """Images per second of a queue with default settings, which prepares images and delivers tokens while the device computes."""
    export, count = "fp16" if run.cuda else "fp32", QUEUED if run.cuda and not run.small else 8
    ours = Ours("encode", None, run.model("base", export), run.device, run.cores)
    try:
        times = [ours.ask(f"queue {count}")[0] for _ in range(TIMES)][1:]
    finally:
        ours.close()
    rates = [1e3 / time for time in times]
    measured = {"export": export, "images": count, "images_per_second": statistics.median(rates), "most": max(rates), "least": min(rates)}
    run.results.put("speed", "queue", measured)


class Timed:
    """The runs of one contestant, host to host or on the device only."""

    def __init__(self, work):
        self.work, self.warm, self.counted = work, [], []

    def once(self):
        warming = len(self.warm) < WARM and sum(self.warm) < WARM_SECONDS * 1e3
        (self.warm if warming else self.counted).append(self.work())

    def enough(self):
        return len(self.counted) >= COUNTED or len(self.counted) >= LEAST and sum(self.counted) > COUNTED_SECONDS * 1e3


def race(run, count, contestants):
    """Runs each contestant once in every round, so that other load on the machine affects all of them."""
    results, runs = run.results, {}
    for name, contestant in contestants.items():
        with results.guarded("speed", name, HOST, str(count)):
            for way, work in contestant.prepare(count).items():
                runs[name, way] = Timed(work)
    going = dict(runs)
    while going:
        for key, timed in list(going.items()):
            try:
                timed.once()
                if timed.enough():
                    going.pop(key)
            except Exception as error:
                results.fail(f"{type(error).__name__}: {error}", "speed", *key, str(count))
                going.pop(key), runs.pop(key)
    for (name, way), timed in runs.items():
        middle = statistics.median(timed.counted)
        measured = {"ms": middle, "fastest_ms": min(timed.counted), "images_per_second": count / middle * 1e3, "runs": len(timed.counted)}
        results.put("speed", name, way, str(count), measured)
        print(f"{name}, {way}, {count}: {middle:.2f} ms", flush=True)
