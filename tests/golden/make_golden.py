"""Writes golden.json, resample.json, images/, checkpoints/ and expected/ in this folder; README.md describes them.

    pip install -r requirements.txt
    python make_golden.py

PyTorch with transformers is the independent reference; the tests need neither.
"""

import shutil
import warnings
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

import checkpoints
import checks
import pictures
import reference
import resample
import text

HERE = Path(__file__).resolve().parent
LIMIT = 2_000_000

SOME = ["gray8", "rgba8", "gray16", "wide"]
# Full maps to store (image: indices of the prompts). Of all maps, extremes and peak are stored.
MAPS = {"gray8": [0, 2], "rgba8": [0, 3, 8], "wide": [1], "tall": [1], "one_pixel": [0, 4], "square70": [2]}
FEW_MAPS = {"rgba8": [0, 3]}

# name, model, checkpoint with its weights, position convention, case with its expected values (None: its own), images (None: all),
# full maps
CASES = [
    ("base", "base", "base", "offset", None, None, MAPS),
    ("names_transformers5", "base", "names_transformers5", "offset", "base", None, MAPS),
    ("sharded", "base", "sharded", "offset", "base", None, MAPS),
    ("base_size_convention", "base", "base", "size", None, SOME, FEW_MAPS),
    ("dot", "dot", "base", "offset", None, SOME, FEW_MAPS),
    ("downscale", "downscale", "base", "offset", None, SOME, FEW_MAPS),
    ("downscale_size_convention", "downscale", "base", "size", None, SOME, {}),
    ("native", "native", "base", "offset", None, SOME, {}),
    ("native_size_convention", "native", "base", "size", "native", SOME, {}),
    ("switches_cos", "switches_cos", "switches_cos", "offset", None, SOME, FEW_MAPS),
    ("switches_dot", "switches_dot", "switches_dot", "offset", None, SOME, FEW_MAPS),
]


def write_images():
    made, index = pictures.build(), {}
    (HERE / "images").mkdir()
    for name, (file, data, intensity, tolerance) in sorted(made.items()):
        path = HERE / "images" / file
        path.write_bytes(data)
        width, height = pictures.read(path, intensity).size
        index[name] = {
            "file": f"images/{file}",
            "width": width,
            "height": height,
            "intensity": intensity,
            "pixel_tolerance": tolerance,
        }
    return index


def write_checkpoints():
    """Writes the checkpoints; returns {specification: tensors} and {checkpoint directory: its weight files}."""
    tensors, files = {}, {}
    for name, spec in checkpoints.SPECS.items():
        own = HERE / "checkpoints" / name
        checkpoints.write_json(own / "config.json", checkpoints.config_json(spec))
        checkpoints.write_json(own / "preprocessor_config.json", checkpoints.preprocessor_json(spec))
        tensors[name] = checkpoints.seeded_tensors(spec)
        if spec.seed == checkpoints.BASE.seed and name != "base":
            assert all(np.array_equal(tensors["base"][k], v) for k, v in tensors[name].items())
            continue
        older = {checkpoints.transformers4_name(k): v for k, v in tensors[name].items()}
        checkpoints.write_tensors(own / "model.safetensors", older)
        files[name] = ["model.safetensors"]
        if name == "base":
            checks.names_of_transformers4(checkpoints.model(spec, tensors[name]), older)
            newer = HERE / "checkpoints" / "names_transformers5"
            checkpoints.write_tensors(newer / "model.safetensors", tensors[name])
            files["names_transformers5"] = ["model.safetensors"]
            files["sharded"] = checkpoints.write_sharded(HERE / "checkpoints" / "sharded", older)
    checkpoints.write_json(HERE / "checkpoints" / "tokenizer.json", text.tokenizer_json())
    return tensors, files


def write_prompts(tokenizer):
    """{greatest number of tokens: set of prompts}: all sets have the same prompts, and one that fills the position table."""
    sets = {}
    for limit in sorted({spec.max_tokens for spec in checkpoints.SPECS.values()}):
        prompts = [*text.PROMPTS, tokenizer.prompt_of(limit)]
        ids = [tokenizer.ids(prompt) for prompt in prompts]
        input_ids, mask = padded(ids)
        file = f"expected/prompts_{limit}.safetensors"
        save_file({"input_ids": input_ids, "attention_mask": mask}, HERE / file)
        sets[limit] = {
            "max_tokens": limit,
            "prompts": [{"text": p, "token_ids": i} for p, i in zip(prompts, ids, strict=True)],
            "batch": file,
            "over_long": {"text": tokenizer.prompt_of(limit + 1), "tokens": limit + 1},
        }
    return sets


def padded(ids):
    """i64 token ids and mask, [n, L], padded to the longest."""
    longest = max(len(i) for i in ids)
    input_ids = np.array([i + [1] * (longest - len(i)) for i in ids], dtype=np.int64)
    mask = np.array([[1] * len(i) + [0] * (longest - len(i)) for i in ids], dtype=np.int64)
    return input_ids, mask


def expected_text(model, ids):
    """Embeddings, computed one prompt at a time as in the published code; the padded batch must agree."""
    embeddings = torch.cat([checks.embed_one(model, i) for i in ids]).numpy()
    input_ids, mask = (torch.from_numpy(a) for a in padded(ids))
    batch = reference.text_embeddings(model, input_ids, mask).numpy()
    assert np.abs(batch - embeddings).max() < 5e-6
    return {"text_embeddings": embeddings}


def peak(values):
    """First maximum in row-major order as (x, y), and how far the second highest pixel lies below it."""
    order = np.sort(values, axis=None)
    y, x = np.unravel_index(np.argmax(values), values.shape)
    margin = order[-1] - order[-2] if order.size > 1 else np.float32(1)
    return (x, y), margin


def expected_image(model, pixels, embeddings, size, convention, map_prompts):
    tokens = reference.image_tokens(model, pixels, convention)
    scores, logits, patches = reference.similarity(model, tokens, torch.from_numpy(embeddings))
    maps = reference.maps(patches, *size).numpy()
    peaks = [peak(m) for m in maps]
    found = {
        "tokens": tokens.numpy(),
        "scores": scores.numpy(),
        "logits": logits.numpy(),
        "probabilities": logits.sigmoid().numpy(),
        "map_min": maps.min(axis=(1, 2)),
        "map_max": maps.max(axis=(1, 2)),
        "point": np.array([point for point, _ in peaks], dtype=np.int64),
        "point_margin": np.array([margin for _, margin in peaks], dtype=np.float32),
    }
    if map_prompts:
        found["maps"] = maps[map_prompts]
    return found, maps


def check_case(name, spec, tensors, model, convention, pixels, ids, data, images, all_maps):
    noise = np.max(
        [
            checks.rounding(
                model, pixels[i], ids, convention,
                (data[f"{i}/tokens"], data["text_embeddings"], data[f"{i}/scores"], data[f"{i}/logits"]),
            )
            for i in images[:4]
        ],
        axis=0,
    )  # fmt: skip
    logits = np.stack([data[f"{i}/logits"] for i in images])
    scores = np.concatenate([data[f"{i}/scores"].ravel() for i in images])
    print(
        f"{name}: float32 noise tokens {noise[0]:.1e} embeddings {noise[1]:.1e} scores {noise[2]:.1e}"
        f" logits {noise[3]:.1e}; logits {logits.min():.2f}..{logits.max():.2f}, scores sd {scores.std():.2f}"
    )
    assert noise.max() < 2e-5, noise
    # Not degenerate: results differ between prompts, images and places.
    assert logits.std(axis=1).min() > 0.3 and logits.std(axis=0).min() > 0.02, (logits.std(axis=1), logits.std(axis=0))
    assert scores.std() > 0.2
    assert all(np.ptp(m, axis=(1, 2)).max() > 0.1 for i, m in all_maps.items() if i != "one_pixel")
    if spec.sim_op == "cos" and spec.vision_cls:
        height, width = all_maps["gray8"].shape[1:]
        probabilities, maps = checks.second_computation(
            spec, tensors, data["gray8/tokens"], data["text_embeddings"], height, width
        )
        assert np.abs(probabilities - data["gray8/probabilities"]).max() < 1e-5
        assert np.abs(maps - all_maps["gray8"]).max() < 5e-6
        scaled = reference.position_table(model, "size")
        own = model.vision_model.embeddings.interpolate_pos_encoding(
            torch.zeros(1, 1 + spec.grid**2, spec.hidden), spec.image_size, spec.image_size
        )
        assert torch.equal(scaled, own[0].detach())
    if name == "base":
        # Most maps have a single highest pixel, and their peaks lie in different places.
        margins = np.concatenate([data[f"{i}/point_margin"] for i in images])
        points = {tuple(p) for i in images if i != "one_pixel" for p in data[f"{i}/point"].tolist()}
        assert (margins > 1e-5).mean() > 0.5 and len(points) > 40, (margins, points)
        moved = checks.sensitivity(spec, tensors, pixels["gray8"], ids, data["gray8/tokens"], data["text_embeddings"])
        for step, distance in moved.items():
            print(f"  {step}: {distance:.1e}")
            assert distance > 5e-4, step


def write_case(case, prompt_sets, images, tensors, pixels):
    name, spec_name, weights, convention, expected_of, names, map_prompts = case
    spec = checkpoints.SPECS[spec_name]
    names = sorted(images) if names is None else names
    ids = [prompt["token_ids"] for prompt in prompt_sets[spec.max_tokens]["prompts"]]
    if expected_of is None:
        model = checkpoints.model(spec, tensors[spec_name])
        data = expected_text(model, ids)
        data["position_embeddings"] = reference.position_table(model, convention).numpy()
        of_size, all_maps = pixels[spec.image_size], {}
        for image in names:
            size = images[image]["height"], images[image]["width"]
            found, all_maps[image] = expected_image(
                model, of_size[image], data["text_embeddings"], size, convention, map_prompts.get(image)
            )
            data |= {f"{image}/{key}": np.ascontiguousarray(value) for key, value in found.items()}
        check_case(name, spec, tensors[spec_name], model, convention, of_size, ids, data, names, all_maps)
        save_file(data, HERE / "expected" / f"{name}.safetensors")
    return {
        "name": name,
        "position_convention": convention,
        "image_size": spec.image_size,
        "patch_size": spec.patch,
        "stored_grid": spec.stored_grid,
        "grid": spec.grid,
        "hidden": spec.hidden,
        "tensor_names": "transformers5" if weights == "names_transformers5" else "transformers4",
        "similarity": {
            "operator": spec.sim_op,
            "temperature": temperature(tensors[spec_name], "loss_temperature"),
            "score_temperature": temperature(tensors[spec_name], "attn_temperature"),
            "use_cls_token": spec.vision_cls,
            "use_layer_norm": spec.loss_norm,
        },
        "prompts": str(spec.max_tokens),
        "expected": f"expected/{expected_of or name}.safetensors",
        "images": [{"name": image, "map_prompts": map_prompts.get(image, [])} for image in names],
    }


def temperature(tensors, name):
    stored = tensors.get(f"loss_fns.RadZeroLoss.{name}")
    return None if stored is None else float(np.exp(stored[0]))


def checkpoint_files(case, weight_files):
    """{name in the checkpoint directory: file in this folder}."""
    _, spec_name, weights, *_ = case
    own, shared = f"checkpoints/{spec_name}", f"checkpoints/{weights}"
    files = {name: f"{own}/{name}" for name in ("config.json", "preprocessor_config.json")}
    files["tokenizer.json"] = "checkpoints/tokenizer.json"
    return files | {name: f"{shared}/{name}" for name in weight_files[weights]}


def write_pixels(images):
    """Writes the pixels; returns {side: {image: pixels}} and {side: file}."""
    pixels, files = {}, {}
    for side in sorted({spec.image_size for spec in checkpoints.SPECS.values()}):
        names = sorted(images) if side == checkpoints.BASE.image_size else SOME
        pixels[side] = {
            name: pictures.pixels(pictures.read(HERE / images[name]["file"], images[name]["intensity"]), side)
            for name in names
        }
        files[str(side)] = f"expected/pixels_{side}.safetensors"
        save_file(pixels[side], HERE / files[str(side)])
    return pixels, files


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    warnings.filterwarnings("ignore", message="Palette images with Transparency")
    for folder in ("images", "checkpoints", "expected"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
    (HERE / "expected").mkdir()
    tokenizer = text.Tokenizer()
    images = write_images()
    tensors, weight_files = write_checkpoints()
    text.check_against_transformers(HERE / "checkpoints" / "tokenizer.json", tokenizer, text.PROMPTS)
    pixels, pixel_files = write_pixels(images)
    prompt_sets, cases = write_prompts(tokenizer), []
    for case in CASES:
        written = write_case(case, prompt_sets, images, tensors, pixels)
        cases.append({"name": written.pop("name"), "files": checkpoint_files(case, weight_files)} | written)
    checkpoints.write_json(HERE / "resample.json", resample.goldens())
    checkpoints.write_json(
        HERE / "golden.json",
        {
            "format": 1,
            "resample": "resample.json",
            "images": images,
            "pixels": pixel_files,
            "prompts": {str(limit): prompts for limit, prompts in prompt_sets.items()},
            "cases": cases,
        },
    )
    sizes = [f.stat().st_size for f in HERE.rglob("*") if f.is_file() and "__pycache__" not in f.parts]
    print(f"{len(sizes)} files, {sum(sizes):,} bytes")
    assert sum(sizes) < LIMIT


if __name__ == "__main__":
    main()
