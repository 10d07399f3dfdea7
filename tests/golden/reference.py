"""The reference computation: the encoders are transformers' modules; VL-CABS follows the paper (arXiv 2504.07416, section 3.2) or,
where they differ, the published code."""

import math

import torch
import torch.nn.functional as F
from torch import nn


def position_table(model, convention):
    """[1 + g*g, D]: the stored position embeddings on the model's grid (bicubic, a = -0.75, no antialias)."""
    spec = model.spec
    stored = model.vision_model.embeddings.position_embeddings.detach()
    if spec.grid == spec.stored_grid:
        return stored[0]
    patches = stored[:, 1:].reshape(1, spec.stored_grid, spec.stored_grid, -1).permute(0, 3, 1, 2)
    if convention == "offset":
        # As in transformers up to 4.44: the interpolation uses this scale, not the ratio of the sizes.
        scale = (spec.grid + 0.1) / math.sqrt(stored.shape[1] - 1)
        patches = F.interpolate(patches, scale_factor=(scale, scale), mode="bicubic", align_corners=False)
    else:
        size = (spec.grid, spec.grid)
        patches = F.interpolate(patches, size=size, mode="bicubic", align_corners=False)
    assert patches.shape[-2:] == (spec.grid, spec.grid)
    patches = patches.permute(0, 2, 3, 1).reshape(1, spec.grid**2, -1)
    return torch.cat([stored[:, :1], patches], dim=1)[0]


class FixedPositions:
    """A context in which the vision model uses the given position table instead of interpolating its own."""

    def __init__(self, model, table):
        self.embeddings = model.vision_model.embeddings
        self.table = table

    def __enter__(self):
        self.stored = self.embeddings.position_embeddings
        self.embeddings.position_embeddings = nn.Parameter(self.table[None], requires_grad=False)

    def __exit__(self, *_):
        self.embeddings.position_embeddings = self.stored


def normalised(pixels, spec, dtype):
    mean = torch.tensor(spec.mean, dtype=dtype)[:, None, None]
    std = torch.tensor(spec.std, dtype=dtype)[:, None, None]
    return ((torch.from_numpy(pixels).to(dtype) * 0.00392156862745098) - mean) / std


def finished(features, model):
    """The last step of both encoders: the loss's LayerNorm, and for cosine similarity the L2 norm."""
    loss, spec = model.loss_fns["RadZeroLoss"], model.spec
    if loss.layer_norm is not None:
        features = loss.layer_norm(features)
    return F.normalize(features, p=2, dim=-1) if spec.sim_op == "cos" else features


@torch.no_grad()
def image_tokens(model, pixels, convention):
    """u8 [3, S, S] -> [1 + N, D], CLS first."""
    dtype = model.vision_model.dtype
    inputs = normalised(pixels, model.spec, dtype)[None]
    if convention == "size":
        # The installed transformers already interpolates by size.
        hidden = model.vision_model(inputs).last_hidden_state
    else:
        with FixedPositions(model, position_table(model, convention)):
            hidden = model.vision_model(inputs).last_hidden_state
    return finished(model.align_transformer(hidden), model)[0]


@torch.no_grad()
def text_embeddings(model, input_ids, attention_mask):
    """[n, L] -> [n, D]."""
    spec = model.spec
    states = model.text_model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
    if model.text_projector is not None:
        states = model.text_projector(states)
    if spec.cls_pooling:
        pooled = states[:, 0]
    else:
        mask = attention_mask[..., None].to(states.dtype)
        pooled = (states * mask).sum(1) / mask.sum(1)
    # The norm covers all 2 D features of the projection, whose second half is taken afterwards.
    if spec.text_l2:
        pooled = F.normalize(pooled, p=2, dim=-1)
    if spec.projection:
        pooled = pooled[:, spec.hidden :]
    return finished(pooled, model)


@torch.no_grad()
def similarity(model, tokens, embeddings):
    """Scores [n, 1 + N] (or [n, N] without CLS), logits [n] and scores of the patches [n, g, g]."""
    loss, spec = model.loss_fns["RadZeroLoss"], model.spec
    attended = tokens if spec.vision_cls else tokens[1:]
    temperature = loss.loss_temperature.exp()
    if spec.sim_op == "cos":
        denominator = temperature if loss.attn_temperature is None else loss.attn_temperature.exp()
    else:
        denominator = math.sqrt(spec.hidden)
    scores = embeddings @ attended.T / denominator
    pooled = F.normalize(scores.softmax(dim=-1) @ attended, p=2, dim=-1)
    logits = (F.normalize(embeddings, p=2, dim=-1) * pooled).sum(-1) / temperature
    patches = scores[:, 1:] if spec.vision_cls else scores
    return scores, logits, patches.reshape(-1, spec.grid, spec.grid)


@torch.no_grad()
def maps(patches, height, width):
    """[n, g, g] -> [n, height, width]: upsampled, then the sigmoid."""
    return F.interpolate(patches[None], size=(height, width), mode="bilinear", align_corners=False)[0].sigmoid()
