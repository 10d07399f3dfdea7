"""The golden checkpoints on the device: every option of the published code, against values that PyTorch computed beforehand."""

import json
import shutil

import numpy as np
from contestants import Ours
from safetensors.numpy import load_file
from workspace import ROOT, command

GOLDEN = ROOT / "tests/golden"
# The bounds of tests/tests/golden.rs.
VALUE, MAP = 1e-4, 1e-5
JPEG = "decoders differ by up to 4 levels, which moves the tokens: reported, and held to no bound"


def golden(run):
    index = json.loads((GOLDEN / "golden.json").read_text())
    cases = index["cases"]

    def one(case):
        with run.results.guarded("golden", "cases", case["name"]):
            return compare(run, index, case)

    run.results.put("golden", {"allowed": {"tokens": VALUE, "probabilities": VALUE, "maps": MAP}, "jpeg": JPEG})
    for case, found in zip(cases, run.together(one, cases, 8 if run.cuda else 2)):
        if found:
            keys = ("golden", "cases", case["name"])
            run.results.put(*keys, found)
            over = [f"{what} {found[what]:.1e}" for what, most in run.results.get("golden", "allowed").items() if found[what] > most]
            if over:
                run.results.fail(f"off by more than allowed: {', '.join(over)}", *keys)


def compare(run, index, case):
    """The largest differences in a case."""
    folder = run.work / "golden" / case["name"]
    checkpoint, model = folder / "checkpoint", folder / "model"
    checkpoint.mkdir(parents=True)
    for name, file in case["files"].items():
        shutil.copy(GOLDEN / file, checkpoint / name)
    exported = command("radzero", "export", "--position-embedding", case["position_convention"], checkpoint, model)
    if exported.code != 0:
        raise RuntimeError(f"export: {exported}")
    prompts = [prompt["text"] for prompt in index["prompts"][case["prompts"]]["prompts"]]
    # The program reads one prompt per line; the tokenizer treats all white space alike.
    (folder / "prompts").write_text("\n".join(prompt.replace("\n", " ") for prompt in prompts), encoding="utf-8")
    expected = load_file(GOLDEN / case["expected"])
    found = {"tokens": 0.0, "probabilities": 0.0, "maps": 0.0, "images": 0, "whole_maps": 0}
    ours = Ours("encode", None, model, run.device, 1)
    try:
        for image in case["images"]:
            file = index["images"][image["name"]]
            ours.ask(f"answer {folder} {GOLDEN / file['file']}")
            errors = differences(folder, expected, image, (len(prompts), file["height"], file["width"]))
            if file["pixel_tolerance"]:
                found[f"{image['name']} tokens"] = errors["tokens"]
                continue
            found |= {what: max(found[what], error) for what, error in errors.items()}
            found["images"] += 1
            found["whole_maps"] += len(image["map_prompts"])
    finally:
        ours.close()
    return found


def differences(folder, expected, image, shape):
    """The largest differences for one image. Where maps are not stored, their least and greatest values are compared."""
    tokens, probabilities, maps = (np.fromfile(folder / name, dtype="<f4") for name in ("tokens", "probabilities", "maps"))
    name, maps = image["name"], maps.reshape(shape)
    pairs = [(maps.min((1, 2)), expected[f"{name}/map_min"]), (maps.max((1, 2)), expected[f"{name}/map_max"])]
    if image["map_prompts"]:
        pairs.append((maps[image["map_prompts"]], expected[f"{name}/maps"]))
    return {
        "tokens": largest(tokens, expected[f"{name}/tokens"].ravel()),
        "probabilities": largest(probabilities, expected[f"{name}/probabilities"]),
        "maps": max(largest(*pair) for pair in pairs),
    }


def largest(found, expected):
    if found.shape != expected.shape:
        raise ValueError(f"shape {found.shape} for {expected.shape}")
    if not np.isfinite(found).all():
        raise ValueError("values that are not finite")
    return float(np.abs(found - expected).max())
