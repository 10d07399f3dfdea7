"""Errors of tokens, probabilities and maps of a full-size radiograph against PyTorch in fp32, by device and precision."""

import shutil

import numpy as np
import torch
from contestants import Ours
from encoder import fp16, fp32, load
from PIL import Image
from precision import PROMPTS
from workspace import EXPORTS


def correctness(run):
    results, radiograph = run.results, run.files(".png")[0]
    with Image.open(radiograph) as image:
        levels = np.asarray(image)
    results.put("correctness", {"prompts": len(PROMPTS), "width": levels.shape[1], "height": levels.shape[0]})
    for checkpoint in ("base", "outliers"):
        if not run.checkpoint(checkpoint).is_dir():
            results.skip(results.get("checkpoints", checkpoint, "skipped") or "no checkpoint", "correctness", checkpoint)
            continue
        with results.guarded("correctness", checkpoint), torch.inference_mode():
            one(run, checkpoint, levels, radiograph)


def one(run, checkpoint, levels, radiograph):
    results, keys = run.results, ("correctness", checkpoint)
    model = load(run.checkpoint(checkpoint))
    pixels = model.pixels(levels)
    # Before the encoder moves to the device, taking the shared norm with it.
    _, _, embeddings = model.text_embeddings(PROMPTS)

    def answer(tokens):
        tokens = tokens.float().cpu()[0]
        _, logits, maps = model.compare(tokens, embeddings, *levels.shape)
        return tokens, logits.sigmoid(), maps

    on_cpu = answer(model.image_tokens(pixels)[None]) if run.cuda else None
    encoder = fp32(model, run.device)
    batch = pixels[None].to(run.device)
    exact = answer(encoder(batch))
    results.put(*keys, "spread", float(exact[2].std()))
    if run.cuda:
        with results.guarded(*keys, "PyTorch fp32 on the CPU"):
            results.put(*keys, "PyTorch fp32 on the CPU", errors(on_cpu, exact))
        with results.guarded(*keys, "PyTorch fp16"):
            results.put(*keys, "PyTorch fp16", errors(answer(fp16(encoder)(batch)), exact))
    else:
        results.skip("a CPU computes 16 bits slowly", *keys, "PyTorch fp16")

    def ours(export):
        with results.guarded(*keys, f"radzero {export}"):
            return found(run, checkpoint, export, radiograph, exact)

    names = [export for of, export in run.models() if of == checkpoint]
    for export, measured in zip(names, run.together(ours, names, 4 if run.cuda else 1)):
        if measured:
            results.put(*keys, f"radzero {export}", measured)
    for export in EXPORTS:
        if export not in names:
            results.skip(run.why_not(checkpoint, export), *keys, f"radzero {export}")


def found(run, checkpoint, export, radiograph, exact):
    """Errors of an export's answer, computed from the file."""
    folder = run.work / f"answer-{checkpoint}-{export.replace(' ', '-')}"
    folder.mkdir()
    (folder / "prompts").write_text("\n".join(PROMPTS))
    ours = Ours("encode", None, run.model(checkpoint, export), run.device, run.cores)
    try:
        ours.ask(f"answer {folder} {radiograph}")
    finally:
        ours.close()
    values = [torch.from_numpy(np.fromfile(folder / name, dtype="<f4")) for name in ("tokens", "probabilities", "maps")]
    shutil.rmtree(folder)
    return errors([value.reshape(expected.shape) for value, expected in zip(values, exact)], exact) | {"runs_on": ours.kind}


def errors(found, exact):
    """Errors against the exact values; values that are not finite are a failure."""
    (tokens, probabilities, maps), (exact_tokens, exact_probabilities, exact_maps) = found, exact
    if not all(bool(value.isfinite().all()) for value in found):
        raise ValueError("values that are not finite")
    off = (maps - exact_maps).abs()
    return {
        "tokens_relative": float((tokens - exact_tokens).norm() / exact_tokens.norm()),
        "tokens_largest": float((tokens - exact_tokens).abs().max()),
        "maps_mean": float(off.mean()),
        "maps_largest": float(off.max()),
        "probabilities_largest": float((probabilities - exact_probabilities).abs().max()),
    }
