"""Checks of the golden values: a second computation, rounding noise, and that a mistake in any step would show."""

import copy
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.numpy import load_file

import checkpoints
import reference


def second_computation(spec, tensors, tokens, embeddings, height, width):
    """VL-CABS in plain numpy (float64) for a model with cosine similarity: probabilities [n], maps [n, height, width]."""
    tokens, embeddings = tokens.astype(np.float64), embeddings.astype(np.float64)
    tau = np.exp(np.float64(tensors["loss_fns.RadZeroLoss.loss_temperature"][0]))
    probabilities, maps = [], []
    for sentence in embeddings:
        scores = np.array([np.dot(sentence, token) / tau for token in tokens])
        weights = np.exp(scores - scores.max())
        weights /= weights.sum()
        pooled = sum(w * token for w, token in zip(weights, tokens, strict=True))
        logit = np.dot(sentence, pooled / np.sqrt(np.dot(pooled, pooled))) / tau
        probabilities.append(1 / (1 + np.exp(-logit)))
        grid = scores[1:].reshape(spec.grid, spec.grid)

        def axis(length):
            source = np.maximum((np.arange(length) + 0.5) * spec.grid / length - 0.5, 0)
            low = np.minimum(source.astype(int), spec.grid - 1)
            return low, np.minimum(low + 1, spec.grid - 1), source - low

        (y0, y1, fy), (x0, x1, fx) = axis(height), axis(width)
        top = grid[y0][:, x0] * (1 - fx) + grid[y0][:, x1] * fx
        bottom = grid[y1][:, x0] * (1 - fx) + grid[y1][:, x1] * fx
        maps.append(1 / (1 + np.exp(-(top * (1 - fy[:, None]) + bottom * fy[:, None]))))
    return np.array(probabilities), np.array(maps)


def rounding(model, pixels, ids, convention, found):
    """Largest differences between float32 results and the same computation in float64: tokens, embeddings, scores, logits."""
    double = copy.deepcopy(model).double()
    tokens = reference.image_tokens(double, pixels, convention)
    embeddings = torch.cat([embed_one(double, i) for i in ids])
    scores, logits, _ = reference.similarity(double, tokens, embeddings)
    exact = (tokens, embeddings, scores, logits)
    return [float(np.abs(a - b.numpy()).max()) for a, b in zip(found, exact, strict=True)]


def embed_one(model, ids):
    ids = torch.tensor([ids])
    return reference.text_embeddings(model, ids, torch.ones_like(ids))


def sensitivity(spec, tensors, pixels, ids, tokens, embeddings):
    """How much the scores change if one step is done wrong in a plausible way."""
    tau = np.exp(tensors["loss_fns.RadZeroLoss.loss_temperature"][0])

    def moved(wrong_tokens, wrong_embeddings):
        return float(np.abs(wrong_embeddings @ wrong_tokens.T - embeddings @ tokens.T).max() / tau)

    def image(**changes):
        wrong = checkpoints.model(spec, tensors, **changes)
        return moved(reference.image_tokens(wrong, pixels, "offset").numpy(), embeddings)

    def text(**changes):
        wrong = checkpoints.model(spec, tensors, **changes)
        return moved(tokens, torch.cat([embed_one(wrong, i) for i in ids]).numpy())

    tanh = {"hidden_act": "gelu_pytorch_tanh"}
    right = checkpoints.model(spec, tensors)
    by_size = reference.image_tokens(right, pixels, "size").numpy()
    unbiased = dict(tensors)
    bias = unbiased["text_model.encoder.relative_attention_bias.weight"]
    unbiased["text_model.encoder.relative_attention_bias.weight"] = bias.copy()
    unbiased["text_model.encoder.relative_attention_bias.weight"][[15, 31]] = 0
    far = torch.cat([embed_one(checkpoints.model(spec, unbiased), i) for i in ids]).numpy()
    longest = max(len(i) for i in ids)
    padded = torch.tensor([i + [1] * (longest - len(i)) for i in ids])
    unmasked = reference.text_embeddings(right, padded, torch.ones_like(padded)).numpy()
    return {
        "positions interpolated by size": moved(by_size, embeddings),
        "vision GELU by tanh": image(vision=tanh, align=tanh),
        "vision LayerNorm epsilon 1e-5": image(vision={"layer_norm_eps": 1e-5}),
        "align heads as the vision encoder's": image(align={"num_attention_heads": spec.vision_heads}),
        "text GELU by tanh": text(text=tanh),
        "text LayerNorm epsilon 1e-12": text(text={"layer_norm_eps": 1e-12}),
        "relative bias of the farthest buckets left out": moved(tokens, far),
        "padding attended and pooled": moved(tokens, unmasked),
    }


def names_of_transformers4(model, tensors):
    """Checks that the encoders' tensors have the names under which transformers itself saves them for its older versions."""
    transformers.utils.logging.disable_progress_bar()
    for prefix, part in {"vision_model.": model.vision_model, "text_model.": model.text_model}.items():
        with tempfile.TemporaryDirectory() as folder:
            part.save_pretrained(folder)
            saved = load_file(Path(folder) / "model.safetensors")
        ours = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        assert saved.keys() == ours.keys(), saved.keys() ^ ours.keys()
        assert all(np.array_equal(saved[name], ours[name]) for name in saved)
