"""What the device's memory holds at most, and the whole way from files to a table."""

import resource
import shutil
import statistics
import subprocess
import threading
import time

from contestants import Ours
from work import PROMPT, command

# Seconds between two samples, and most seconds for an answer of nvidia-smi.
PAUSE, PATIENCE = 0.05, 10
MEMORY_BATCHES = {"fp16": (1, 8, 32), "fp32": (1, 8)}


class Sampler:
    """Asks nvidia-smi again and again how much of the card's memory is in use, by all and by each process."""

    def __init__(self):
        self.card, self.processes, self.rounds, self.stopped = [], {}, 0, False
        self.thread = threading.Thread(target=self.sample, daemon=True)
        self.thread.start()
        self.wait()
        self.before = max(self.card, default=0)

    def sample(self):
        while not self.stopped:
            self.card += [int(row[0]) for row in asked("--query-gpu=memory.used")[:1]]
            for pid, used in asked("--query-compute-apps=pid,used_memory"):
                self.processes[pid] = max(int(used), self.processes.get(pid, 0))
            self.rounds += 1
            time.sleep(PAUSE)

    def wait(self):
        """Until a whole round has begun and ended."""
        wanted, end = self.rounds + 2, time.perf_counter() + PATIENCE
        while self.rounds < wanted and time.perf_counter() < end:
            time.sleep(PAUSE)

    def stop(self):
        self.stopped = True
        self.thread.join(PATIENCE)


def asked(query):
    """Rows of numbers; none where a driver does not tell."""
    done = subprocess.run(["nvidia-smi", query, "--format=csv,noheader,nounits"], capture_output=True, text=True, timeout=PATIENCE)
    rows = [[value.strip() for value in line.split(",")] for line in done.stdout.splitlines()]
    return [row for row in rows if all(value.isdecimal() for value in row)]


def memory(run):
    results = run.results
    if not run.cuda:
        return results.skip("the device is the CPU", "memory")
    if not shutil.which("nvidia-smi"):
        return results.skip("no nvidia-smi", "memory")
    for export in ("fp16", "fp32"):
        with results.guarded("memory", export):
            sampler = Sampler()
            try:
                peaks(run, export, sampler)
            finally:
                sampler.stop()


def peaks(run, export, sampler):
    """The arena keeps what it has taken, so the peak so far is that of the largest batch so far."""
    results = run.results
    results.put("memory", export, "before_mib", sampler.before)
    ours = Ours("encode", None, run.model("base", export), run.device, run.cores)
    try:
        for count in (1, 2) if run.small else MEMORY_BATCHES[export]:
            with results.guarded("memory", export, str(count)):
                ours.ask(f"images {count}")
                sampler.wait()
                if not sampler.card:
                    raise RuntimeError("nvidia-smi says nothing about memory")
                # A container may know the process by another number: then the card's memory must do.
                found = {"card_mib": max(sampler.card) - sampler.before, "process_mib": sampler.processes.get(str(ours.process.pid))}
                results.put("memory", export, str(count), found)
    finally:
        ours.close()


def classify(run, paths):
    """Seconds, and seconds of all cores, of one process over these files."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # A path a file is much on a command line, and less than the system's limit.
    words = ["radzero", "classify", "--model", run.best, "--device", run.device, "--prompt", PROMPT, *paths]
    outcome = command(*words, limit=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if outcome.code != 0:
        raise RuntimeError(str(outcome))
    rows = sum(line.startswith(str(paths[0].parent)) for line in outcome.out.splitlines())
    if rows != len(paths):
        raise RuntimeError(f"{rows} rows for {len(paths)} files")
    return {
        "files": len(paths),
        "seconds": outcome.seconds,
        "images_per_second": len(paths) / outcome.seconds,
        "user_seconds": round(after.ru_utime - before.ru_utime, 2),
        "system_seconds": round(after.ru_stime - before.ru_stime, 2),
    }


def files(run):
    results, every = run.results, run.files()
    results.put("files", {"precision": "fp16" if run.cuda else "fp32", "cores": run.cores})
    # A kind has half of the files.
    kinds = {
        "PNG and DICOM": every,
        "PNG and DICOM, fewer": every[: len(every) // 5 + 1],
        "PNG": run.files(".png"),
        "DICOM": run.files(".dcm"),
    }
    for name, paths in kinds.items():
        with results.guarded("files", "runs", name):
            results.put("files", "runs", name, classify(run, paths if name == "PNG and DICOM" else paths[:800]))
    most, fewer = (results.get("files", "runs", name) or {} for name in ("PNG and DICOM", "PNG and DICOM, fewer"))
    if "seconds" in most and "seconds" in fewer and most["seconds"] > fewer["seconds"]:
        rate = (most["files"] - fewer["files"]) / (most["seconds"] - fewer["seconds"])
        results.put("files", "without_start_images_per_second", rate)
    reading(run)
    limit(run)


def reading(run):
    """Milliseconds a file for one reader."""
    ours = Ours("encode", None, run.best, run.device, 1)
    try:
        for name, suffix in (("PNG", ".png"), ("DICOM", ".dcm")):
            with run.results.guarded("files", "read", name):
                times = [ours.ask(f"read {path}")[0] for path in run.files(suffix)[:6]]
                run.results.put("files", "read", name, {"ms": statistics.median(times[1:] or times)})
    finally:
        ours.close()


def limit(run):
    """Which stage is the slower one: all cores reading, or the encoder at its best."""
    results = run.results
    read = [results.get("files", "read", name, "ms") for name in ("PNG", "DICOM")]
    ways = results.get("speed", f"radzero {results.get('files', 'precision')}", "host to host") or {}
    rates = [found["images_per_second"] for found in ways.values() if "images_per_second" in found]
    if None in read or not rates:
        return results.skip("the encoder's speed or the reader's is not known", "files", "limit")
    readers, encoder = run.cores / statistics.mean(read) * 1e3, max(rates)
    stage = "reading" if readers < encoder else "the image encoder"
    results.put("files", "limit", {"readers_images_per_second": readers, "encoder_images_per_second": encoder, "slower": stage})
