"""Reads and writes checkpoints in the layout of the published RadZero checkpoint (transformers 4.39)."""

import json

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from vocabulary import tokenizer_json


PROJECTION = "vision_model.embeddings.patch_embeddings.projection.weight"


def tensors(model):
    """{published name: array}; the patch projection gets three input channels."""
    arrays = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    arrays[PROJECTION] = np.repeat(arrays[PROJECTION] / 3, 3, axis=1)
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in arrays.items()}


def dinov2_fields(spec, layers, image_size):
    return {
        "hidden_size": spec.hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": spec.heads,
        "mlp_ratio": spec.mlp,
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
    settings = {
        "loss": {
            "apply": ["RadZeroLoss"],
            "ratio": [1.0],
            "RadZeroLoss": {
                "hidden_dim": spec.hidden,
                "mpnce_row_sum": False,
                "mpnce_col_sum": False,
                "attn_temperature": None,
                "loss_temperature": 0.07,
                "text_features_l2_norm": False,
                "sim_op": "cos",
            },
        },
        "compute_logits_type": "radzero",
        "module_to_update": ["align_transformer", "text_model", "loss_fns"],
        "pretrained_dir": "pretrained",
    }
    return {
        "architectures": ["CxrAlignModel"],
        "vision_config": {
            "model_type": "dinov2",
            "pretrained_name_or_path": "phantom",
            "img_size": spec.side,
            **dinov2_fields(spec, spec.vision_layers, spec.side),
            "torch_dtype": "float32",
        },
        "text_config": {
            "model_type": "mpnet",
            "pretrained_name_or_path": "phantom",
            "pretrained_tokenizer_name_or_path": "phantom",
            "use_cls_token": False,
            "use_text_projection": False,
        },
        "align_transformer_config": {
            "model_type": "align_transformer",
            **dinov2_fields(spec, spec.align_layers, spec.side),
            "projector_config": None,
            "use_layer_norm": False,
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
        "image_mean": [spec.mean] * 3,
        "image_processor_type": "BlipImageProcessor",
        "image_std": [spec.std] * 3,
        "resample": 3,
        "rescale_factor": 0.00392156862745098,
        "size": {"height": spec.side, "width": spec.side},
    }


def read_checkpoint(model, folder):
    """Loads the weights that `write_checkpoint` wrote; the three input channels become one again."""
    arrays = load_file(folder / "model.safetensors")
    arrays[PROJECTION] = arrays[PROJECTION].sum(1, keepdims=True)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})


def write_checkpoint(model, folder):
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors(model), folder / "model.safetensors", metadata={"format": "pt"})
    files = {
        "config.json": config_json(model.spec),
        "preprocessor_config.json": preprocessor_json(model.spec),
        "tokenizer.json": tokenizer_json(),
    }
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
