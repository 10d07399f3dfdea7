"""What all measurements share: running programs, and the paths of a run."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from results import Results, first_line

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "benches/peers"), str(ROOT / "dev/xtask/parity")]

EXPORTS = {
    "fp32": [],
    "fp16": ["--precision", "fp16"],
    "portable fp32": ["--target", "portable"],
    "portable fp16": ["--target", "portable", "--precision", "fp16"],
}
PROMPT = "There is fibrosis"
NO_FP16 = "fp16 is for GPUs; the cpu device refuses it"
NO_OUTLIERS = "the small checkpoint has no form with outliers"


@dataclass
class Outcome:
    """The result of running a program."""

    code: int | None
    seconds: float
    out: str
    err: str

    def __str__(self):
        return f"exit code {self.code}: {first_line(self.err) or first_line(self.out)}"


def command(*words, limit=60, **changed):
    """Runs a program, with `changed` added to its environment."""
    begun = time.perf_counter()
    try:
        done = subprocess.run(
            [str(word) for word in words], capture_output=True, text=True, timeout=limit, env=os.environ | changed, stdin=subprocess.DEVNULL
        )
        code, out, err = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        code, out, err = None, "", f"stopped after {limit} s"
    except OSError as error:
        code, out, err = None, "", str(error)
    outcome = Outcome(code, round(time.perf_counter() - begun, 2), out, err)
    said = "".join(f"\n    {line}" for line in outcome.err.splitlines()[-5:]) if code != 0 else ""
    print(f"{' '.join(str(word) for word in words[:8])}: {outcome.seconds} s, {outcome}{said}", flush=True)
    return outcome


@dataclass
class Run:
    """The paths of a run, and how much is measured."""

    results: Results
    work: Path
    device: str
    small: bool

    @property
    def cuda(self):
        return self.device == "cuda"

    @property
    def cores(self):
        return len(os.sched_getaffinity(0))

    @property
    def best(self):
        """The export of choice for this device."""
        return self.model("base", "fp16" if self.cuda else "fp32")

    @property
    def count(self):
        """The number of files to read; with a full-size model, a CPU needs a second for each."""
        return 2000 if self.cuda and not self.small else 8

    def checkpoint(self, name):
        return self.work / name

    def model(self, checkpoint, export):
        return self.work / f"{checkpoint}-{export.replace(' ', '-')}"

    def files(self, *suffixes):
        """All files, or those with one of the suffixes."""
        return [path for path in sorted((self.work / "files/files").iterdir()) if not suffixes or path.suffix in suffixes]

    def models(self):
        """(checkpoint, export) of every export that succeeded."""
        return [
            (checkpoint, export)
            for checkpoint in ("base", "outliers")
            for export in EXPORTS
            if "seconds" in (self.results.get("exports", checkpoint, export) or {})
        ]

    def why_not(self, checkpoint, export):
        """Why there is no such export."""
        about = self.results.get("exports", checkpoint, export) or {}
        return about.get("skipped") or f"the export failed: {about.get('failed')}"

    def together(self, work, items, most):
        """The results of `work` for each item, at most `most` at a time."""
        with ThreadPoolExecutor(most) as pool:
            return list(pool.map(work, items))
