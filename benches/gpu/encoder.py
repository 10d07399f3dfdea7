"""PyTorch's image encoder on a device, in 32 and in 16 bits."""

import copy
import json
from functools import partial
from unittest.mock import patch

import contestants
import reference
import torch
from safetensors import safe_open
from torch.nn import functional as F

# TF32 rounds the factors of 32-bit products to 10 bits: no measure for errors.
torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False


def load(checkpoint):
    """Loads a checkpoint. reference.py assumes the dimensions of all-mpnet-base-v2, but the small checkpoint has others."""
    with safe_open(checkpoint / "model.safetensors", framework="pt") as file:
        shape = {
            name.removeprefix("text_model."): file.get_slice(name).get_shape() for name in file.keys() if name.startswith("text_model.")
        }
    sizes = {
        "hidden_size": shape["embeddings.word_embeddings.weight"][1],
        "num_hidden_layers": sum(name.endswith(".intermediate.dense.weight") for name in shape),
        "num_attention_heads": shape["encoder.relative_attention_bias.weight"][1],
        "intermediate_size": shape["encoder.layer.0.intermediate.dense.weight"][0],
    }
    with patch.object(reference, "MPNetConfig", partial(reference.MPNetConfig, **sizes)):
        model = reference.RadZero(checkpoint)
    for part in (model.vision, model.align):
        part.config._attn_implementation = "sdpa"
    return model


def fp32(model, device):
    """Pixels [n, 3, S, S] to tokens [n, 1 + N, D]. Moves the model's own modules to the device."""
    return contestants.Encoder(model).eval().to(device)


def fp16(encoder):
    """The same in 16 bits, except for the normalisation of pixels and tokens, which stays in 32 bits."""
    half = copy.deepcopy(encoder)
    for part in (half.vision, half.align, half.norm):
        part.half()

    def tokens(pixels):
        values = ((pixels.float() * half.scale - half.mean) / half.std).half()
        states = half.align(half.vision(values).last_hidden_state).last_hidden_state
        return F.normalize(half.norm(states).float(), dim=-1)

    return tokens


def image_size(checkpoint):
    return json.loads((checkpoint / "config.json").read_text())["vision_config"]["img_size"]
