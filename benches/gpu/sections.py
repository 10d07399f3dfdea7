"""The parts of the section "On a GPU", made from results.json, where any measurement may be missing."""

import sys
from pathlib import Path

from results import at

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benches/peers"))
import benchmarks_page  # noqa: E402

HOST, DEVICE = "host to host", "device only"
OURS, COMPILE = "radzero fp16", "PyTorch compile fp16"
CONTESTANTS = [OURS, "radzero portable fp16", "PyTorch eager fp16", COMPILE, "radzero fp32", "radzero portable fp32", "PyTorch eager fp32"]
EXACT = ["radzero fp32", "radzero portable fp32", "PyTorch fp32 on the CPU"]
ROUNDED = [OURS, "radzero portable fp16", "PyTorch fp16"]
ACTIVATIONS = {"base": "as they are", "outliers": "with outliers"}
ERRORS = {
    "tokens_relative": "tokens, relative L2",
    "tokens_largest": "tokens, largest",
    "maps_mean": "maps, mean",
    "maps_largest": "maps, largest",
    "probabilities_largest": "probabilities, largest",
}
PUBLISHED = "Published for the original implementation on an H100 at 518 px: 70 ms at batch 1, 94.93 images/s at batch 256."


class Found:
    """The content of results.json, where any measurement may be missing."""

    def __init__(self, content):
        self.content = content

    def at(self, *keys):
        return at(self.content, *keys)

    def excuse(self, *keys):
        """Why a value is missing: its own reason, or that of the measurement it belongs to."""
        for depth in range(len(keys), 0, -1):
            node = self.at(*keys[:depth])
            for word in ("failed", "skipped"):
                if isinstance(node, dict) and word in node:
                    return f"{word}: {node[word]}"
        cut = [step for step in self.at("steps") or [] if step["status"] and keys[0] in step["step"].split()]
        return f"not measured: {cut[0].get('reason')}" if cut else "not measured"


def number(value, form):
    return "" if value is None else format(value, form)


def rate(value):
    """Images per second."""
    return "" if value is None else f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def best(found, contestant):
    """Images per second at the best batch size or through a queue; None if nothing was measured."""
    ways = found.at("speed", contestant, HOST) or {}
    rates = [cell["images_per_second"] for cell in ways.values() if isinstance(cell, dict) and "ms" in cell]
    queue = found.at("speed", "queue") or {}
    if contestant == f"radzero {queue.get('export')}" and "images_per_second" in queue:
        rates.append(queue["images_per_second"])
    return max(rates, default=None)


def correctness(found):
    rows = []
    for checkpoint, shown in ACTIVATIONS.items():
        for name in EXACT + ROUNDED:
            measured = found.at("correctness", checkpoint, name) or {}
            if "maps_largest" in measured:
                runs_on, spread = measured.get("runs_on", ""), found.at("correctness", checkpoint, "spread")
                rows.append([shown, name, runs_on, *(f"{measured[key]:.1e}" for key in ERRORS), number(spread, ".2f")])
            elif not name.startswith("PyTorch fp32") or found.at("device") == "cuda":
                rows.append([shown, name, found.excuse("correctness", checkpoint, name), *[""] * (len(ERRORS) + 1)])
    heading = ["activations", "contestant", "runs on", *ERRORS.values(), "spread of the maps"]
    about = found.at("correctness") or {}
    return [
        f"Errors against PyTorch in fp32 on the same device, without TF32, on a radiograph of {about.get('width')} x {about.get('height')}, "
        f"for {about.get('prompts')} sentences and every pixel:",
        "",
        *benchmarks_page.table(heading, rows),
        "",
        *golden(found),
    ]


def golden(found):
    cases, allowed = found.at("golden", "cases") or {}, found.at("golden", "allowed") or {}
    measured = [case for case in cases.values() if "tokens" in case]
    failed = [f"{name}: {case['failed']}" for name, case in cases.items() if "failed" in case]
    if not measured:
        return [f"The golden checkpoints: {'; '.join(failed) or found.excuse('golden')}."]
    worst = [f"{what} {max(case[what] for case in measured):.1e} of {most:.0e} allowed" for what, most in allowed.items()]
    jpeg = max((case[name] for case in measured for name in case if name.endswith(" tokens")), default=None)
    return [
        f"Golden checkpoints: {len(measured)} of {len(cases)} cases ran in fp32, "
        f"with {sum(case['images'] for case in measured)} images. Largest differences from PyTorch: {', '.join(worst)}. "
        "JPEG files have no bound, since decoders differ"
        + (f"; their tokens are {jpeg:.1e} off." if jpeg is not None else ".")
        + (f" Failed: {'; '.join(failed)}." if failed else "")
    ]


def speed(found):
    sizes = {size for name in CONTESTANTS for way in (HOST, DEVICE) for size in found.at("speed", name, way) or {} if size.isdecimal()}
    rows = []
    for size in sorted(sizes, key=int):
        compiled = found.at("speed", COMPILE, HOST, size, "images_per_second")
        for name in CONTESTANTS:
            host, device = (found.at("speed", name, way, size) or {} for way in (HOST, DEVICE))
            if "failed" in host | device:
                rows.append([size, name, found.excuse("speed", name, HOST if "failed" in host else DEVICE, size), *[""] * 4])
            elif host:
                ratio = host["images_per_second"] / compiled if compiled else None
                cells = [text for way in (host, device) for text in (number(way.get("ms"), ".2f"), rate(way.get("images_per_second")))]
                rows.append([size, name, *cells, number(ratio, ".2f")])
    for name in CONTESTANTS:
        if not any(row[1] == name for row in rows):
            rows.append(["", name, found.excuse("speed", name), *[""] * 4])
    heading = ["batch", "image encoder", f"{HOST}, ms", "images/s", f"{DEVICE}, ms", "images/s", f"images/s / {COMPILE}"]
    return [
        f"Speed of the image encoder: medians of {most_runs(found)} runs in turns, fewer for slow contestants, after up to 3 runs to warm "
        "up. Host to host means from 8-bit pixels to 32-bit tokens, both in host memory: PyTorch's in pinned memory, radzero's wherever "
        "the caller has them; it computes more than 8 images in runs of 8. radzero cannot be timed on the device only. PyTorch runs "
        "transformers' DINOv2 with fused attention; it is compiled for some batch sizes only.",
        "",
        *benchmarks_page.table(heading, rows),
        "",
        queue(found),
        "",
        *ceiling(found),
        "",
        PUBLISHED,
    ]


def queue(found):
    measured = found.at("speed", "queue") or {}
    if "images_per_second" not in measured:
        return f"Through a queue: {found.excuse('speed', 'queue')}."
    return (
        f"Through an `EncoderQueue` with default settings, radzero {measured['export']} encodes {measured['images']} images of the model's "
        f"size at {rate(measured['images_per_second'])} images/s ({rate(measured['least'])} to {rate(measured['most'])}): while the device "
        "computes a batch of 8, the cores prepare the next and deliver the one before."
    )


def ceiling(found):
    measured = found.at("ceiling") or {}
    if "tflops" not in measured:
        return [f"The device's ceiling: {found.excuse('ceiling')}."]
    rate = measured["tflops"] * 1e12
    side, precision = measured["side"], measured["precision"]
    text = f"A product of two matrices of {side} x {side} in {precision} reaches {measured['tflops']:.3g} TFLOP/s here."
    if found.at("small") or best(found, OURS) is None:
        return [f"{text} The encoder's share: {'not that of a tiny model' if found.at('small') else found.excuse('speed', OURS)}."]
    share = best(found, OURS) * measured["flops_an_image"] / rate
    return [f"{text} An image takes {measured['flops_an_image'] / 1e9:.0f} GFLOP; {OURS} at its best uses {share:.0%} of that."]


def memory(found):
    rows = []
    for name in ("fp16", "fp32"):
        sizes = sorted((key for key in found.at("memory", name) or {} if key.isdecimal()), key=int)
        for size in sizes:
            measured = found.at("memory", name, size)
            if "card_mib" in measured:
                rows.append([name, size, measured["card_mib"], measured["process_mib"] or "not told"])
            else:
                rows.append([name, size, found.excuse("memory", name, size), ""])
        if not sizes:
            rows.append([name, "", found.excuse("memory", name), ""])
    return [
        "Peak GPU memory of one process with both graphs, in MiB: the increase on the whole card, and what nvidia-smi reports for the "
        "process.",
        "",
        *benchmarks_page.table(["radzero", "batch up to", "card", "process"], rows),
    ]


def files(found):
    rows = []
    for name in ("PNG and DICOM", "PNG and DICOM, fewer", "PNG", "DICOM"):
        run = found.at("files", "runs", name) or {}
        if "seconds" in run:
            busy = run["user_seconds"] + run["system_seconds"]
            rows.append(
                [
                    name,
                    run["files"],
                    f"{run['seconds']:.2f}",
                    rate(run["images_per_second"]),
                    f"{busy:.1f}",
                    f"{busy / run['seconds']:.1f}",
                ]
            )
        else:
            rows.append([name, found.excuse("files", "runs", name), "", "", "", ""])
    read = [
        f"{name} {cell['ms']:.1f}" for name, cell in (found.at("files", "read") or {}).items() if isinstance(cell, dict) and "ms" in cell
    ]
    steady, limit = found.at("files", "without_start_images_per_second"), found.at("files", "limit") or {}
    lines = [
        f"`radzero classify` with one sentence over files of 2000 x 2500, {found.at('files', 'precision') or 'precision not known'}, "
        f"{found.at('machine', 'cores')} cores, from the start of the process to its end:",
        "",
        *benchmarks_page.table(["files", "how many", "s", "images/s", "CPU seconds", "cores busy"], rows),
        "",
        f"Without the start of the process: {rate(steady) + ' images/s' if steady else 'not known'}. "
        f"One reader takes, in ms per file: {', '.join(read) or found.excuse('files', 'read')}.",
    ]
    if "slower" in limit:
        readers, encoder = limit["readers_images_per_second"], limit["encoder_images_per_second"]
        reached = f", and the program reaches {steady / min(readers, encoder):.0%} of its rate" if steady else ""
        lines[-1] += (
            f" Reading alone on all cores would reach {rate(readers)} images/s, the image encoder alone {rate(encoder)}; "
            f"the slower of the two is {limit['slower']}{reached}."
        )
    else:
        lines[-1] += f" Which stage limits: {found.excuse('files', 'limit')}."
    return lines


def faults(found):
    rows = []
    for name, fault in (found.at("faults") or {}).items():
        if not isinstance(fault, dict):
            continue
        if "skipped" in fault or "code" not in fault and "codes" not in fault:
            rows.append([name, fault.get("wanted", ""), "", found.excuse("faults", name), ""])
            continue
        code = fault["code"] if "code" in fault else ", ".join(map(str, fault["codes"]))
        says = "works here" if fault.get("works") else short(fault.get("says", ""))
        # The program's message says more than the failure, which the last column shows.
        rows.append([name, fault["wanted"], code, says or fault.get("failed", ""), "**no**" if "failed" in fault else "yes"])
    if not rows:
        rows.append([found.excuse("faults"), "", "", "", ""])
    return [
        "Faults: a request for a GPU must end on a GPU or with an error.",
        "",
        *benchmarks_page.table(["what", "wanted", "exit code", "first line of standard error", "as wanted"], rows),
    ]


def most_runs(found):
    ways = [way for about in (found.at("speed") or {}).values() if isinstance(about, dict) for way in about.values()]
    cells = [cell for way in ways if isinstance(way, dict) for cell in way.values() if isinstance(cell, dict)]
    return max((cell.get("runs", 0) for cell in cells), default=0)


def short(text, most=200):
    return text if len(text) <= most else f"{text[:most].rsplit(' ', 1)[0]} ..."


def verified(found):
    rows = []
    for checkpoint, shown in ACTIVATIONS.items():
        for export, measured in (found.at("verify", checkpoint) or {}).items():
            if isinstance(measured, dict) and "tokens" in measured:
                values = [f"{measured[key]:.1e}" for key in ("tokens", "embeddings", "allowed")]
                rows.append([shown, export, measured.get("placement", ""), *values])
            else:
                rows.append([shown, export, found.excuse("verify", checkpoint, export), "", "", ""])
    if not rows:
        rows.append([found.excuse("verify"), *[""] * 5])
    return [
        "`radzero verify`: where the graphs' nodes run, and the largest differences in the self-test:",
        "",
        *benchmarks_page.table(["activations", "export", "placement", "tokens", "embeddings", "allowed"], rows),
    ]
