"""The tiny models with seeded weights, and their checkpoint directories, in the layout in which RadZero is published."""

import dataclasses
import json
import math
import re

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn
from transformers import Dinov2Config, Dinov2Model, MPNetConfig, MPNetModel
from transformers.models.dinov2.modeling_dinov2 import Dinov2Encoder


@dataclasses.dataclass(frozen=True)
class Spec:
    """The settings of a checkpoint, as stated by its config.json, preprocessor_config.json and tensor shapes."""

    seed: int
    image_size: int  # model side S (`img_size`)
    stored_grid: int  # side of the stored position grid
    patch: int = 14
    hidden: int = 24
    vision_layers: int = 2
    vision_heads: int = 3
    vision_mlp: int = 2
    align_layers: int = 1
    align_heads: int = 2
    align_mlp: int = 3
    align_norm: bool = False
    text_hidden: int = 24
    text_layers: int = 2
    text_heads: int = 2
    text_intermediate: int = 48
    positions: int = 162
    projection: bool = False
    cls_pooling: bool = False
    text_l2: bool = False
    sim_op: str = "cos"
    loss_norm: bool = True
    vision_cls: bool = True
    attention_temperature: float | None = None
    temperature: float = 0.0797
    mean: tuple = (0.48145466, 0.4578275, 0.40821073)
    std: tuple = (0.26862954, 0.26130258, 0.27577711)

    @property
    def grid(self):
        return self.image_size // self.patch

    @property
    def max_tokens(self):
        """Less 2, because position ids start at padding_idx + 1 = 2."""
        return self.positions - 2


BASE = Spec(seed=5, image_size=70, stored_grid=3)
SPECS = {
    "base": BASE,
    "dot": dataclasses.replace(BASE, sim_op="dot"),
    "downscale": dataclasses.replace(BASE, image_size=28),
    "native": dataclasses.replace(BASE, image_size=42),
    "switches_cos": Spec(
        seed=2, image_size=35, stored_grid=5, patch=7, hidden=20, vision_heads=2, align_layers=2, align_heads=5,
        align_norm=True, text_hidden=16, text_heads=2, text_intermediate=40, positions=34, projection=True,
        cls_pooling=True, text_l2=True, vision_cls=False, attention_temperature=0.31, temperature=0.113,
        mean=(0.5307, 0.5307, 0.5307), std=(0.2583, 0.2583, 0.2583),
    ),
    "switches_dot": Spec(
        seed=3, image_size=28, stored_grid=5, patch=7, hidden=16, vision_layers=1, vision_heads=4, align_heads=1,
        text_hidden=24, text_layers=1, text_heads=3, text_intermediate=32, positions=34, projection=True,
        text_l2=True, sim_op="dot", loss_norm=False, temperature=0.097,
    ),
}  # fmt: skip


def vision_config(spec, **changes):
    return Dinov2Config(
        hidden_size=spec.hidden,
        num_hidden_layers=spec.vision_layers,
        num_attention_heads=spec.vision_heads,
        mlp_ratio=spec.vision_mlp,
        image_size=spec.stored_grid * spec.patch,
        patch_size=spec.patch,
        attn_implementation="eager",
        **changes,
    )


def align_config(spec, **changes):
    return Dinov2Config(
        hidden_size=spec.hidden,
        num_hidden_layers=spec.align_layers,
        num_attention_heads=changes.pop("num_attention_heads", spec.align_heads),
        mlp_ratio=spec.align_mlp,
        attn_implementation="eager",
        **changes,
    )


def text_config(spec, **changes):
    from text import vocabulary

    return MPNetConfig(
        vocab_size=len(vocabulary()),
        hidden_size=spec.text_hidden,
        num_hidden_layers=spec.text_layers,
        num_attention_heads=spec.text_heads,
        intermediate_size=spec.text_intermediate,
        max_position_embeddings=spec.positions,
        layer_norm_eps=changes.pop("layer_norm_eps", 1e-5),
        attn_implementation="eager",
        **changes,
    )


class Align(nn.Module):
    def __init__(self, spec, **changes):
        super().__init__()
        self.transformer_layers = Dinov2Encoder(align_config(spec, **changes))
        self.layer_norm = nn.LayerNorm(spec.hidden) if spec.align_norm else None

    def forward(self, tokens):
        tokens = self.transformer_layers(tokens).last_hidden_state
        return tokens if self.layer_norm is None else self.layer_norm(tokens)


class Loss(nn.Module):
    """The parameters of the loss; temperatures are stored as logarithms."""

    def __init__(self, spec):
        super().__init__()
        self.layer_norm = nn.LayerNorm(spec.hidden) if spec.loss_norm else None
        self.loss_temperature = nn.Parameter(torch.zeros(1))
        self.attn_temperature = None if spec.attention_temperature is None else nn.Parameter(torch.zeros(1))


class Model(nn.Module):
    """The whole model; its parts have the names of the published checkpoint."""

    def __init__(self, spec, vision=None, align=None, text=None):
        super().__init__()
        self.spec = spec
        self.vision_model = Dinov2Model(vision_config(spec, **(vision or {})))
        self.align_transformer = Align(spec, **(align or {}))
        self.text_model = MPNetModel(text_config(spec, **(text or {})))
        self.text_projector = nn.Linear(spec.text_hidden, 2 * spec.hidden) if spec.projection else None
        self.loss_fns = nn.ModuleDict({"RadZeroLoss": Loss(spec)})
        self.eval()


def values(name, shape, rng, spec):
    """Seeded values of a tensor, on a scale at which every step of the computation changes the result.

    Activations before the first LayerNorm of each encoder are small, so that its epsilon matters as it does at full size.
    """
    z = rng.standard_normal(shape)
    last = name.rsplit(".", 1)[-1]
    # In the text encoder, what all prompts share (biases, positions) is small, or all embeddings would be nearly equal.
    text, loss = name.startswith("text_"), name.startswith("loss_fns")
    if last == "loss_temperature":
        return np.full(shape, math.log(spec.temperature))
    if last == "attn_temperature":
        return np.full(shape, math.log(spec.attention_temperature))
    if "norm" in name.lower():
        if not spec.loss_norm and name == "vision_model.layernorm.weight":
            z = 10 * z  # no later step scales the tokens to unit size
        return 1 + 0.3 * z if last == "weight" else (0.05 if text or loss else 0.2) * z
    if last == "lambda1":
        return (0.15 if name.startswith("vision_model") else 0.6) * (1 + 0.5 * z)
    if "patch_embeddings" in name:
        return patch_filters(z, rng) if last == "weight" else 0.01 * z
    if last in ("cls_token", "mask_token", "position_embeddings"):
        return 0.05 * z
    if "relative_attention_bias" in name:
        return z
    if "word_embeddings" in name or "position_embeddings" in name:
        return (0.03 if "word" in name else 0.01) * z
    if last == "bias":
        return (0.05 if text else 0.15) * z
    # Wide inputs of the GELU, so that its exact form differs visibly from the tanh approximation.
    wide = "fc1" in name or "intermediate" in name
    return (1.5 if wide else 0.9) / math.sqrt(shape[-1]) * z


def patch_filters(z, rng):
    """Slopes with some noise: filters of pure noise would average out nearly all of an image, and leave rounding errors."""
    filters, channels, side, _ = z.shape
    level, right, down = rng.standard_normal((3, filters, channels, 1, 1))
    ramp = np.linspace(-1, 1, side)
    return 0.06 / side**2 * (level + right * ramp + down * ramp[:, None] + 0.3 * z)


def seeded_tensors(spec):
    """{name in the installed transformers: float32 array}, in sorted order."""
    rng = np.random.default_rng(spec.seed)
    shapes = {name: tuple(t.shape) for name, t in Model(spec).state_dict().items()}
    return {name: values(name, shapes[name], rng, spec).astype(np.float32) for name in sorted(shapes)}


def model(spec, tensors, **changes):
    made = Model(spec, **changes)
    made.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()}, strict=True)
    return made


TO_TRANSFORMERS_4 = {
    "attention.q_proj.": "attention.attention.query.",
    "attention.k_proj.": "attention.attention.key.",
    "attention.v_proj.": "attention.attention.value.",
    "attention.o_proj.": "attention.output.dense.",
}


def transformers4_name(name):
    for new, old in TO_TRANSFORMERS_4.items():
        name = name.replace(new, old)
    return name


def write_tensors(path, tensors):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, path, metadata={"format": "pt"})


def write_sharded(directory, tensors, shards=3):
    """Splits by size in sorted order of the names, so that some blocks are spread over several files."""
    total = sum(value.nbytes for value in tensors.values())
    parts, size = [{} for _ in range(shards)], 0
    for name in sorted(tensors):
        parts[min(shards - 1, size * shards // total)][name] = tensors[name]
        size += tensors[name].nbytes
    weight_map = {}
    for index, part in enumerate(parts):
        file = f"model-{index + 1:05}-of-{shards:05}.safetensors"
        write_tensors(directory / file, part)
        weight_map |= dict.fromkeys(part, file)
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    write_json(directory / "model.safetensors.index.json", index)
    return sorted({*weight_map.values(), "model.safetensors.index.json"})


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = json.dumps(value, indent=1, ensure_ascii=False)
    # Lists of numbers on one line.
    lines = re.sub(r"\[\s+([-+.e\d]+(?:,\s+[-+.e\d]+)*)\s+\]", lambda m: f"[{' '.join(m[1].split())}]", lines)
    assert json.loads(lines) == json.loads(json.dumps(value))
    path.write_text(lines + "\n", encoding="utf-8")


def dinov2_fields(spec, layers, heads, mlp, image_size):
    return {
        "hidden_size": spec.hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "mlp_ratio": mlp,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "initializer_range": 0.02,
        "layer_norm_eps": 1e-06,
        "image_size": image_size,
        "patch_size": spec.patch,
        "num_channels": 3,
        "qkv_bias": True,
        "layerscale_value": 1.0,
        "drop_path_rate": 0.0,
        "use_swiglu_ffn": False,
        "apply_layernorm": True,
        "reshape_hidden_states": True,
        "stage_names": ["stem"] + [f"stage{i + 1}" for i in range(layers)],
        "out_features": [f"stage{layers}"],
        "out_indices": [layers],
    }


def config_json(spec):
    loss = {
        "hidden_dim": spec.hidden,
        "mpnce_row_sum": False,
        "mpnce_col_sum": False,
        "attn_temperature": spec.attention_temperature,
        "loss_temperature": 0.07,
        "text_features_l2_norm": spec.text_l2,
        "sim_op": spec.sim_op,
    }
    # The published settings omit these two, whose default is true.
    if not spec.vision_cls:
        loss["use_vision_cls_token"] = False
    if not spec.loss_norm:
        loss["use_layer_norm"] = False
    settings = {
        "loss": {"apply": ["RadZeroLoss"], "ratio": [1.0], "RadZeroLoss": loss},
        "compute_logits_type": "radzero",
        "module_to_update": ["align_transformer", "text_model", "loss_fns"],
        "pretrained_dir": "pretrained",
    }
    return {
        "architectures": ["CxrAlignModel"],
        "vision_config": {
            "model_type": "dinov2",
            "pretrained_name_or_path": "StanfordAIMI/dinov2-base-xray-224",
            "img_size": spec.image_size,
            **dinov2_fields(
                spec, spec.vision_layers, spec.vision_heads, spec.vision_mlp, spec.stored_grid * spec.patch
            ),
            "torch_dtype": "float32",
        },
        "text_config": {
            "model_type": "mpnet",
            "pretrained_name_or_path": "sentence-transformers/all-mpnet-base-v2",
            "pretrained_tokenizer_name_or_path": "sentence-transformers/all-mpnet-base-v2",
            "use_cls_token": spec.cls_pooling,
            "use_text_projection": spec.projection,
        },
        "align_transformer_config": {
            "model_type": "align_transformer",
            # Only the fields of the blocks matter here; image and patch size are the defaults of the configuration class.
            **(dinov2_fields(spec, spec.align_layers, spec.align_heads, spec.align_mlp, 224) | {"patch_size": 16}),
            "projector_config": None,
            "use_layer_norm": spec.align_norm,
        },
        **settings,
        "kwargs": settings,
        "torch_dtype": "float32",
        "transformers_version": "4.39.3",
    }


def preprocessor_json(spec):
    return {
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": list(spec.mean),
        "image_processor_type": "BlipImageProcessor",
        "image_std": list(spec.std),
        "resample": 3,
        "rescale_factor": 0.00392156862745098,
        "size": {"height": spec.image_size, "width": spec.image_size},
    }
