"""RadZero in PyTorch, for one radiograph: writes every intermediate that the Rust runtime is compared with.

The encoders are transformers' Dinov2 and MPNet. What RadZero adds (offset position interpolation, align transformer,
shared LayerNorm, VL-CABS, map) follows arXiv 2504.07416, section 3, in the published code's order of operations. Only
what the parity checkpoint uses is implemented: cosine similarity, no text projection, mean pooling.
"""

import time

STARTED = time.perf_counter()

import argparse
import json
import platform
import re
import resource
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import PIL
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional as F
from transformers import Dinov2Config, Dinov2Model, MPNetConfig, MPNetModel, PreTrainedTokenizerFast
from transformers.models.dinov2.modeling_dinov2 import Dinov2Encoder

RENAMED = (
    (r"attention\.attention\.query", "attention.q_proj"),
    (r"attention\.attention\.key", "attention.k_proj"),
    (r"attention\.attention\.value", "attention.v_proj"),
    (r"attention\.output\.dense", "attention.o_proj"),
)


def part(tensors, prefix):
    """The tensors under `prefix`, without it."""
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}


def load_blocks(module, tensors):
    """Loads DINOv2 blocks stored under transformers 4.39 names, whichever names the installed version uses."""
    wanted = set(module.state_dict())
    if not set(tensors) <= wanted:
        for old, new in RENAMED:
            tensors = {re.sub(old, new, name): value for name, value in tensors.items()}
    module.load_state_dict(tensors, strict=True)
    return module.eval()


def dinov2_config(fields, **changes):
    known = Dinov2Config().to_dict()
    return Dinov2Config(**{key: value for key, value in fields.items() if key in known} | changes)


def interpolated_positions(stored, grid):
    """Position embeddings for grid x grid patches, as in transformers up to 4.44: scale (grid + 0.1) / stored."""
    side = round((stored.shape[1] - 1) ** 0.5)
    patches = stored[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
    scale = (grid + 0.1) / side
    patches = F.interpolate(patches, scale_factor=(scale, scale), mode="bicubic", align_corners=False)
    if patches.shape[-2:] != (grid, grid):
        raise SystemExit(f"{grid} x {grid} positions expected, {tuple(patches.shape[-2:])} made")
    return torch.cat([stored[:, :1], patches.flatten(2).transpose(1, 2)], dim=1)


def read_dicom(path):
    """Stored values x 255 / max, rounded half to even, inverted for MONOCHROME1: the published code's rule."""
    # Imported here: only needed for DICOM.
    import pydicom

    file = pydicom.dcmread(path)
    raw = file.pixel_array
    levels = np.rint(raw.astype(np.float64) * 255.0 / raw.max()).clip(0, 255).astype(np.uint8)
    return 255 - levels if file.PhotometricInterpretation == "MONOCHROME1" else levels


class RadZero:
    def __init__(self, checkpoint):
        config = json.loads((checkpoint / "config.json").read_text())
        self.processor = json.loads((checkpoint / "preprocessor_config.json").read_text())
        self.side = config["vision_config"]["img_size"]
        tensors = load_file(checkpoint / "model.safetensors")

        vision = dinov2_config(config["vision_config"], image_size=self.side)
        vision_tensors = part(tensors, "vision_model.")
        positions = "embeddings.position_embeddings"
        vision_tensors[positions] = interpolated_positions(vision_tensors[positions], self.side // vision.patch_size)
        self.vision = load_blocks(Dinov2Model(vision), vision_tensors)
        align = dinov2_config(config["align_transformer_config"])
        self.align = load_blocks(Dinov2Encoder(align), part(tensors, "align_transformer.transformer_layers."))

        # config.json does not state MPNet's dimensions: they are those of all-mpnet-base-v2, or of the tensors.
        text_tensors = part(tensors, "text_model.")
        text = MPNetConfig(
            vocab_size=text_tensors["embeddings.word_embeddings.weight"].shape[0],
            max_position_embeddings=text_tensors["embeddings.position_embeddings.weight"].shape[0],
            layer_norm_eps=1e-5,
        )
        self.text = MPNetModel(text).eval()
        missing, surplus = self.text.load_state_dict(text_tensors, strict=False)
        if surplus or set(missing) - {"embeddings.position_ids"}:
            raise SystemExit(f"text encoder: missing {missing}, surplus {surplus}")
        # The file declares fixed padding and truncation at 128; the model's own tokenizer pads to the longest.
        self.tokenizer = PreTrainedTokenizerFast(
            tokenizer_file=str(checkpoint / "tokenizer.json"), pad_token="<pad>", model_max_length=512
        )

        loss = part(tensors, "loss_fns.RadZeroLoss.")
        self.norm = torch.nn.LayerNorm(loss["layer_norm.weight"].shape[0])
        self.norm.load_state_dict(part(loss, "layer_norm."), strict=True)
        self.temperature = loss["loss_temperature"].exp()

    def pixels(self, radiograph):
        """The radiograph as [3, S, S] 8-bit levels."""
        image = Image.fromarray(radiograph).convert("RGB")
        image = image.resize((self.side, self.side), resample=Image.Resampling(self.processor["resample"]))
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()

    def image_tokens(self, pixels):
        """[1 + N, D] tokens, CLS first, after the shared LayerNorm and L2 normalisation."""
        mean, std = (torch.tensor(self.processor[key]).view(3, 1, 1) for key in ("image_mean", "image_std"))
        values = (pixels.float() * self.processor["rescale_factor"] - mean) / std
        tokens = self.vision(values[None]).last_hidden_state
        tokens = self.align(tokens).last_hidden_state[0]
        return F.normalize(self.norm(tokens), dim=-1)

    def text_embeddings(self, prompts):
        """Token ids, attention mask and [n, D] embeddings after the shared LayerNorm and L2 normalisation."""
        encoded = self.tokenizer(prompts, padding="longest", return_tensors="pt")
        ids, mask = encoded["input_ids"], encoded["attention_mask"]
        states = self.text(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask[..., None].float()
        pooled = (states * weights).sum(1) / weights.sum(1)
        return ids, mask, F.normalize(self.norm(pooled), dim=-1)

    def compare(self, tokens, embeddings, height, width):
        """VL-CABS: scores of the patches [n, g, g], logits [n] and maps [n, height, width]."""
        scores = embeddings @ tokens.T / self.temperature
        pooled = F.normalize(scores.softmax(-1) @ tokens, dim=-1)
        logits = (embeddings * pooled).sum(-1) / self.temperature
        grid = round((tokens.shape[0] - 1) ** 0.5)
        patches = scores[:, 1:].reshape(-1, grid, grid)
        maps = F.interpolate(patches[None], size=(height, width), mode="bilinear", align_corners=False)[0]
        return patches, logits, maps.sigmoid()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("image", type=Path, help="DICOM file")
    parser.add_argument("output", type=Path, help="safetensors file to write")
    parser.add_argument("--prompt", action="append", required=True, dest="prompts")
    args = parser.parse_args()

    with torch.inference_mode():
        model = RadZero(args.checkpoint)
        radiograph = read_dicom(args.image)
        pixels = model.pixels(radiograph)
        tokens = model.image_tokens(pixels)
        ids, mask, embeddings = model.text_embeddings(args.prompts)
        scores, logits, maps = model.compare(tokens, embeddings, *radiograph.shape)
    seconds = time.perf_counter() - STARTED
    # In kilobytes, except on macOS, which counts bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)

    measured = {"seconds": round(seconds, 3), "peak_mib": round(peak, 1), "threads": torch.get_num_threads()}
    versions = {
        "Python": platform.python_version(),
        "PyTorch": torch.__version__,
        "transformers": transformers.__version__,
        "Pillow": PIL.__version__,
        "pydicom": version("pydicom"),
        "NumPy": np.__version__,
    }
    save_file(
        {
            "radiograph": torch.from_numpy(np.stack([radiograph] * 3, axis=-1)),
            "pixels": pixels,
            "input_ids": ids.contiguous(),
            "attention_mask": mask.contiguous(),
            "image_tokens": tokens.contiguous(),
            "text_embeddings": embeddings.contiguous(),
            "scores": scores.contiguous(),
            "logits": logits.contiguous(),
            "probabilities": logits.sigmoid().contiguous(),
            "maps": maps.contiguous(),
        },
        args.output,
        metadata={key: json.dumps(value) for key, value in
                  {"prompts": args.prompts, "versions": versions, "measured": measured}.items()},
    )
    print(f"PyTorch: start to result {seconds:.2f} s, peak memory {peak:.0f} MiB, {measured['threads']} threads")
    for prompt, logit, map_ in zip(args.prompts, logits.tolist(), maps):
        probability = torch.tensor(logit).sigmoid().item()
        print(f"  {prompt!r}: probability {probability:.4f}, map {map_.min():.4f} to {map_.max():.4f}")


if __name__ == "__main__":
    main()
