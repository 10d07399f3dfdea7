"""Requests that must be refused, never answered from another device; and what must work: two processes at once, cancelled runs."""

import os
import shutil
from pathlib import Path

from contestants import Ours
from results import first_line
from workspace import PROMPT, command

REFUSED, ALIKE = "refused", "equal results"
TRUE_OR_REFUSED, ENDED = "the results without a limit, or errors", "ends early; equal tokens afterwards"
# Files whose batches need more memory than one image.
MANY = 200


def faults(run):
    image = run.files(".png")[0]

    def infer(model, *options, **changed):
        return command("radzero", "infer", "--json", "--model", model, "--prompt", PROMPT, *options, image, limit=60, **changed)

    cuda = ("--device", "cuda")
    refused(run, "device cuda:99", lambda: infer(run.best, "--device", "cuda:99"))
    refused(run, "a library without CUDA", lambda: infer(run.best, *cuda, ORT_DYLIB_PATH=str(bare_library(run))))
    portable = run.model("base", "portable fp16" if run.cuda else "portable fp32")
    tensorrt = ("--device", "tensorrt")
    # Where TensorRT is installed, this may work.
    refused(run, "TensorRT, without its libraries", lambda: infer(portable, *tensorrt, NVIDIA_TF32_OVERRIDE="0"), may_work=True)
    if run.cuda:
        refused(run, "a memory limit of 1 MiB", lambda: infer(run.best, *cuda, "--memory-limit", "1"))
        tight(run)
    else:
        run.results.skip("the limit is that of a GPU's memory", "faults", "a memory limit")
    cancelled(run)
    name = "two processes at once"
    with run.results.guarded("faults", name):
        both = run.together(lambda _: infer(run.best, "--device", run.device), range(2), 2)
        equal = bool(both[0].out) and both[0].out == both[1].out
        codes = [outcome.code for outcome in both]
        run.results.put("faults", name, {"wanted": ALIKE, "codes": codes, "equal": equal, "seconds": [outcome.seconds for outcome in both]})
        if codes != [0, 0] or not equal:
            run.results.fail(f"{both[0]}; {both[1]}; results {'equal' if equal else 'differ'}", "faults", name)


def refused(run, name, attempt, may_work=False):
    with run.results.guarded("faults", name):
        outcome = attempt()
        # A result on standard output would come from another device.
        answered = bool(outcome.out.strip())
        about = {"wanted": REFUSED, "code": outcome.code, "says": first_line(outcome.err), "answered": answered}
        run.results.put("faults", name, about)
        if may_work and outcome.code == 0:
            return run.results.put("faults", name, "works", True)
        if outcome.code is None or outcome.code < 0:
            # Neither a crash nor a hang is a refusal.
            run.results.fail(str(outcome), "faults", name)
        elif outcome.code == 0 or answered:
            run.results.fail("not refused", "faults", name)
        elif not about["says"]:
            run.results.fail("refused without a message", "faults", name)


def tight(run):
    """A limit with room for the weights, but hardly for anything else."""
    weights = max(path.stat().st_size for path in Path(run.best).glob("*.data"))
    options = ("--model", run.best, "--device", run.device, "--prompt", PROMPT)
    limit = ("--memory-limit", (weights >> 20) + 2)
    for name, paths in (("one image", run.files()[:1]), ("batches", run.files()[:MANY])):
        name = f"a memory limit just above the weights, {name}"
        with run.results.guarded("faults", name):
            free = command("radzero", "classify", *options, *paths)
            found = command("radzero", "classify", *options, *limit, *paths)
            rows, expected = found.out.splitlines(), free.out.splitlines()
            says = f"{len(rows) - len(expected) + len(paths)} of {len(paths)} images have results. {first_line(found.err.partition('error: ')[2])}"
            run.results.put("faults", name, {"wanted": TRUE_OR_REFUSED, "code": found.code, "says": says})
            wrong = [row for row in rows if row not in expected]
            if free.code != 0 or found.code not in (0, 1, 2) or wrong or (found.code == 0) != (rows == expected):
                run.results.fail(f"{free}; {found}; {len(wrong)} rows differ", "faults", name)


def cancelled(run):
    name = "a batch that is cancelled"
    with run.results.guarded("faults", name):
        ours = Ours("encode", None, run.best, run.device, run.cores)
        try:
            longest, tries, early = ours.ask(f"cancelled {32 if run.cuda else 2}")
        finally:
            ours.close()
        says = f"{early:.0f} of {tries:.0f} ended early; the longest took {longest:.1f} ms to end"
        run.results.put("faults", name, {"wanted": ENDED, "code": 0, "says": says})
        # A tiny model may be done before the cancellation comes.
        if early == 0 and not run.small:
            run.results.fail(says, "faults", name)


def bare_library(run):
    """ONNX Runtime without the libraries that it looks for in its own folder. A copy, since they would be found through a link."""
    given, folder = Path(os.environ["ORT_DYLIB_PATH"]), run.work / "bare"
    if given.is_dir():
        names = [given / name for name in ("libonnxruntime.so", "libonnxruntime.dylib", "onnxruntime.dll")]
        given = next((path for path in names if path.exists()), None) or next(given.glob("libonnxruntime.so.*"))
    folder.mkdir(exist_ok=True)
    shutil.copy(given, folder / "libonnxruntime.so")
    return folder
