"""`radzero classify` from files to a table, and which stage limits it."""

import resource
import statistics

from contestants import Ours
from sections import Found, best
from workspace import PROMPT, command


def classify(run, paths):
    """Wall-clock and CPU seconds of one process over these files."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Thousands of paths are less than the system's limit for a command line.
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
    # Half of the files are PNG, half DICOM.
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
    """Milliseconds per file for one reader."""
    ours = Ours("encode", None, run.best, run.device, 1)
    try:
        for name, suffix in (("PNG", ".png"), ("DICOM", ".dcm")):
            with run.results.guarded("files", "read", name):
                times = [ours.ask(f"read {path}")[0] for path in run.files(suffix)[:6]]
                run.results.put("files", "read", name, {"ms": statistics.median(times[1:] or times)})
    finally:
        ours.close()


def limit(run):
    """Finds the slower stage: reading on all cores, or the encoder at its best batch size."""
    results = run.results
    read = [results.get("files", "read", name, "ms") for name in ("PNG", "DICOM")]
    encoder = best(Found(results.content), f"radzero {results.get('files', 'precision')}")
    if None in read or encoder is None:
        return results.skip("the encoder's speed or the reader's is not known", "files", "limit")
    readers = run.cores / statistics.mean(read) * 1e3
    stage = "reading" if readers < encoder else "the image encoder"
    results.put("files", "limit", {"readers_images_per_second": readers, "encoder_images_per_second": encoder, "slower": stage})
