"""The greatest GPU memory of a process."""

import shutil
import subprocess
import threading
import time

from contestants import Ours

# Seconds between two samples, and the longest wait for an answer of nvidia-smi.
PAUSE, PATIENCE = 0.05, 10
MEMORY_BATCHES = {"fp16": (1, 8, 32), "fp32": (1, 8)}


class Sampler:
    """Asks nvidia-smi repeatedly how much of the card's memory is in use, in all and by each process."""

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
        """Waits until a whole round has begun and ended."""
        wanted, end = self.rounds + 2, time.perf_counter() + PATIENCE
        while self.rounds < wanted and time.perf_counter() < end:
            time.sleep(PAUSE)

    def stop(self):
        self.stopped = True
        self.thread.join(PATIENCE)


def asked(query):
    """The answer's rows of numbers; rows without numbers, which some drivers give, are left out."""
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
    """The arena keeps its memory, so the peak so far belongs to the largest batch so far."""
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
                # In a container the process may have another id; then only the card's memory is known.
                found = {"card_mib": max(sampler.card) - sampler.before, "process_mib": sampler.processes.get(str(ours.process.pid))}
                results.put("memory", export, str(count), found)
    finally:
        ours.close()
