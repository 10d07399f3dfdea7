"""Writes a full-size RadZero checkpoint in the published layout, without the published weights.

The text encoder is the real all-mpnet-base-v2, or seeded random numbers if only a tokenizer is given. The vision encoder, the
align transformer and the shared LayerNorm are seeded random numbers on a scale at which every part of the computation changes
the result: attention is neither flat nor one-hot, LayerScale, biases and norms are far from their initial values, and the
position embeddings are as large as the patch embeddings. Such a model is useless for radiographs and ideal for finding a
wrong term.

The position embeddings are stored for 16 x 16 patches (224 pixels) while the model runs at 518 pixels, as published, so
their interpolation is compared too.

Random weights lack what makes 8 bits hard on trained vision transformers: activations with a few channels and a few neurons
far above the rest. `--outliers` adds them to every block.
"""

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

HIDDEN, HEADS, LAYERS, ALIGN_LAYERS, PATCH, STORED_SIDE, SIDE = 768, 12, 12, 2, 14, 224, 518
# The vision encoder, the align transformer, the loss and the text encoder without its constant position_ids, as in the
# published checkpoint: checked below.
PUBLISHED_TENSORS = 461
OUTLIER_CHANNELS, MASSIVE_NEURONS = 8, 2
TEXT_POSITIONS, TEXT_BUCKETS = 514, 32


class Weights:
    """Named float32 tensors from one seeded generator; their values depend on the order of the calls."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.tensors = {}

    def normal(self, name, shape, std, mean=0.0):
        values = self.rng.standard_normal(shape, dtype=np.float32) * np.float32(std) + np.float32(mean)
        self.tensors[name] = values.astype(np.float32)

    def linear(self, name, outputs, inputs, gain=1.0):
        self.normal(f"{name}.weight", (outputs, inputs), gain / np.sqrt(inputs))
        self.normal(f"{name}.bias", (outputs,), 0.1)

    def norm(self, name):
        self.normal(f"{name}.weight", (HIDDEN,), 0.1, mean=1.0)
        self.normal(f"{name}.bias", (HIDDEN,), 0.1)

    def layer_scale(self, name, largest):
        values = self.rng.uniform(0.1 * largest, largest, HIDDEN) * self.rng.choice([1.0, -1.0], HIDDEN, p=[0.9, 0.1])
        self.tensors[name] = values.astype(np.float32)

    def block(self, name):
        """A DINOv2 block under the names that transformers 4.39 writes."""
        self.norm(f"{name}.norm1")
        for part in ("query", "key", "value"):
            # Scores with a standard deviation of 1.5^2 before the softmax: peaked, not one-hot.
            gain = 1.0 if part == "value" else 1.5
            self.linear(f"{name}.attention.attention.{part}", HIDDEN, HIDDEN, gain)
        self.linear(f"{name}.attention.output.dense", HIDDEN, HIDDEN)
        # Attention with random weights adds nearly the same vector to every token. It is kept small, or all patches look alike.
        self.layer_scale(f"{name}.layer_scale1.lambda1", 0.3)
        self.norm(f"{name}.norm2")
        self.linear(f"{name}.mlp.fc1", 4 * HIDDEN, HIDDEN)
        self.linear(f"{name}.mlp.fc2", HIDDEN, 4 * HIDDEN)
        self.layer_scale(f"{name}.layer_scale2.lambda1", 1.0)


def vision_and_loss(seed):
    weights = Weights(seed)
    embeddings = "vision_model.embeddings"
    weights.normal(f"{embeddings}.cls_token", (1, 1, HIDDEN), 0.5)
    weights.normal(f"{embeddings}.mask_token", (1, HIDDEN), 0.02)
    weights.normal(f"{embeddings}.position_embeddings", (1, 1 + (STORED_SIDE // PATCH) ** 2, HIDDEN), 0.5)
    projection = f"{embeddings}.patch_embeddings.projection"
    weights.normal(f"{projection}.weight", (HIDDEN, 3, PATCH, PATCH), 1.0 / np.sqrt(3 * PATCH * PATCH))
    weights.normal(f"{projection}.bias", (HIDDEN,), 0.1)
    for layer in range(LAYERS):
        weights.block(f"vision_model.encoder.layer.{layer}")
    weights.norm("vision_model.layernorm")
    for layer in range(ALIGN_LAYERS):
        weights.block(f"align_transformer.transformer_layers.layer.{layer}")
    weights.norm("loss_fns.RadZeroLoss.layer_norm")
    weights.tensors["loss_fns.RadZeroLoss.loss_temperature"] = np.log(np.array([0.07])).astype(np.float32)
    return weights.tensors


def add_outliers(tensors, seed):
    """Spreads the norms' weights (lognormal), with a few channels 6 to 16 times the rest, and makes the outputs of a few MLP
    neurons 60 times the rest.

    The layer that reads them is scaled down, as training would do: by the root of a channel's factor, then as a whole, so that
    its output keeps its size. Outlier channels still weigh more than the rest, but do not drown it.
    """
    rng = np.random.default_rng([seed, 1])
    # The same channels in all blocks, as they are channels of the residual stream.
    channels = rng.choice(HIDDEN, OUTLIER_CHANNELS, replace=False)
    for name in [name.removesuffix(".norm1.weight") for name in tensors if name.endswith(".norm1.weight")]:
        attention = [f"attention.attention.{part}" for part in ("query", "key", "value")]
        for norm, layers in (("norm1", attention), ("norm2", ["mlp.fc1"])):
            factor = np.ones(HIDDEN)
            factor[channels] = rng.uniform(6, 16, OUTLIER_CHANNELS)
            scale = rng.lognormal(0, 0.5, HIDDEN) * factor
            tensors[f"{name}.{norm}.weight"] *= scale.astype(np.float32)
            reading = 1 / np.sqrt(factor)
            reading /= np.sqrt(np.mean((scale * reading) ** 2))
            for layer in layers:
                tensors[f"{name}.{layer}.weight"] *= reading.astype(np.float32)
        neurons = rng.choice(4 * HIDDEN, MASSIVE_NEURONS, replace=False)
        tensors[f"{name}.mlp.fc1.weight"][neurons] *= np.float32(60)
        tensors[f"{name}.mlp.fc2.weight"][:, neurons] /= np.float32(20)


def seeded_text(tokenizer, seed):
    """An MPNet with the dimensions of all-mpnet-base-v2 and the tokenizer's vocabulary."""
    weights = Weights([seed, 2])
    model = json.loads(tokenizer.read_text(encoding="utf-8"))
    words = 1 + max(*model["model"]["vocab"].values(), *(token["id"] for token in model["added_tokens"]))
    weights.normal("embeddings.word_embeddings.weight", (words, HIDDEN), 1.0)
    weights.normal("embeddings.position_embeddings.weight", (TEXT_POSITIONS, HIDDEN), 0.5)
    weights.norm("embeddings.LayerNorm")
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        for part in ("q", "k", "v", "o"):
            weights.linear(f"{name}.attention.attn.{part}", HIDDEN, HIDDEN)
        weights.norm(f"{name}.attention.LayerNorm")
        weights.linear(f"{name}.intermediate.dense", 4 * HIDDEN, HIDDEN)
        weights.linear(f"{name}.output.dense", HIDDEN, 4 * HIDDEN)
        weights.norm(f"{name}.output.LayerNorm")
    weights.normal("encoder.relative_attention_bias.weight", (TEXT_BUCKETS, HEADS), 0.5)
    weights.linear("pooler.dense", HIDDEN, HIDDEN)
    return {f"text_model.{name}": value for name, value in weights.tensors.items()}


def text(mpnet):
    tensors = {}
    with safe_open(mpnet / "model.safetensors", framework="numpy") as file:
        for name in file.keys():
            if name != "embeddings.position_ids":
                tensors[f"text_model.{name}"] = file.get_tensor(name)
    return tensors


def dinov2_fields(layers):
    return {
        "hidden_size": HIDDEN,
        "num_hidden_layers": layers,
        "num_attention_heads": HEADS,
        "mlp_ratio": 4,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "initializer_range": 0.02,
        "layer_norm_eps": 1e-06,
        "image_size": STORED_SIDE,
        "patch_size": PATCH,
        "num_channels": 3,
        "qkv_bias": True,
        "layerscale_value": 1.0,
        "drop_path_rate": 0.0,
        "use_swiglu_ffn": False,
    }


def config():
    loss = {
        "apply": ["RadZeroLoss"],
        "ratio": [1.0],
        "RadZeroLoss": {
            "hidden_dim": HIDDEN,
            "mpnce_row_sum": False,
            "mpnce_col_sum": False,
            "attn_temperature": None,
            "loss_temperature": 0.07,
            "text_features_l2_norm": False,
            "sim_op": "cos",
        },
    }
    return {
        "architectures": ["CxrAlignModel"],
        "vision_config": {"model_type": "dinov2", **dinov2_fields(LAYERS), "img_size": SIDE},
        "text_config": {
            "model_type": "mpnet",
            "pretrained_name_or_path": "sentence-transformers/all-mpnet-base-v2",
            "pretrained_tokenizer_name_or_path": "sentence-transformers/all-mpnet-base-v2",
            "use_cls_token": False,
            "use_text_projection": False,
        },
        "align_transformer_config": {
            "model_type": "align_transformer",
            **dinov2_fields(ALIGN_LAYERS),
            "projector_config": None,
            "use_layer_norm": False,
        },
        "loss": loss,
        "compute_logits_type": "radzero",
        "kwargs": {"loss": loss, "compute_logits_type": "radzero"},
        "torch_dtype": "float32",
        "transformers_version": "4.39.3",
    }


def preprocessor():
    return {
        "image_processor_type": "BlipImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"height": SIDE, "width": SIDE},
        "resample": 3,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        # Three different values per list, so that swapped channels show.
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    }


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "text",
        type=Path,
        help="folder of all-mpnet-base-v2 (model.safetensors, tokenizer.json), or a tokenizer.json for a seeded text encoder",
    )
    parser.add_argument("output", type=Path, help="checkpoint folder to write")
    parser.add_argument("--seed", type=int, default=20250410)
    parser.add_argument("--outliers", action="store_true", help="add outliers to the activations, as trained models have them")
    args = parser.parse_args()

    tensors = vision_and_loss(args.seed)
    if args.outliers:
        add_outliers(tensors, args.seed)
    seeded = args.text.is_file()
    tensors |= seeded_text(args.text, args.seed) if seeded else text(args.text)
    if len(tensors) != PUBLISHED_TENSORS:
        raise SystemExit(f"{PUBLISHED_TENSORS} tensors expected, {len(tensors)} made")
    args.output.mkdir(parents=True, exist_ok=True)
    save_file(tensors, args.output / "model.safetensors", metadata={"format": "pt"})
    shutil.copyfile(args.text if seeded else args.text / "tokenizer.json", args.output / "tokenizer.json")
    write_json(args.output / "preprocessor_config.json", preprocessor())
    # Last, so that a folder with config.json is complete.
    write_json(args.output / "config.json", config())


if __name__ == "__main__":
    main()
