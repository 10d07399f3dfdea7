"""Runs an exported model in plain ONNX Runtime, without radzero: tokens, embeddings and probabilities.

    pip install -r requirements.txt
    python tokens.py MODEL_DIR IMAGE.png "There is nodule" "There is mass"

Research use only: the values are similarities between a sentence and an image, never a chance of disease.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image
from tokenizers import Tokenizer


def run(file, inputs):
    """The only output of a graph."""
    # The graphs hold definitions of radzero's own operators, so that any ONNX Runtime can run them.
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)[0]


def encode_image(folder, manifest, file):
    """Tokens [1 + N, D] of an 8-bit image: CLS, then the patches row by row."""
    geometry = manifest["preprocessing"]["geometry"]
    if geometry != "stretch":
        raise SystemExit(f"this example only stretches images; the model's geometry is {geometry}")
    image = Image.open(file)
    if image.mode.startswith("I"):
        raise SystemExit(f"this example only reads 8-bit images; the mode of {file} is {image.mode}")
    side = manifest["dimensions"]["image_size"]
    image = image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
    # The graph takes 8-bit levels [batch, 3, S, S]; it normalises them itself.
    pixels = np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1)[np.newaxis])
    return run(folder / manifest["image_encoder"]["file"], {"pixels": pixels})[0]


def encode_sentences(folder, manifest, sentences):
    """Embeddings [n, D]."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    # The file may state another length for both.
    tokenizer.no_truncation()
    tokenizer.enable_padding(pad_id=manifest["text"]["pad_token_id"])
    encodings = tokenizer.encode_batch(sentences)
    most = manifest["text"]["max_tokens"]
    if len(encodings[0].ids) > most:
        raise SystemExit(f"a sentence has more than {most} tokens")
    inputs = {
        "input_ids": np.array([encoding.ids for encoding in encodings], dtype=np.int64),
        "attention_mask": np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64),
    }
    return run(folder / manifest["text_encoder"]["file"], inputs)


def logits(tokens, embeddings, similarity):
    """VL-CABS (arXiv 2504.07416, section 3.2): logits [n] of n sentences."""
    if similarity["operator"] == "cos":
        divisor = similarity["score_temperature"] or similarity["temperature"]
    else:
        divisor = np.sqrt(np.float32(tokens.shape[1]))
    if not similarity["use_cls_token"]:
        tokens = tokens[1:]
    scores = embeddings @ tokens.T / divisor
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    pooled = weights @ tokens
    pooled /= np.linalg.norm(pooled, axis=1, keepdims=True)
    embeddings = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    return (embeddings * pooled).sum(axis=1) / similarity["temperature"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="exported model directory")
    parser.add_argument("image", type=Path, help="8-bit image")
    parser.add_argument("sentences", nargs="+", metavar="sentence")
    parser.add_argument("--save", type=Path, metavar="DIR", help="write tokens.npy, embeddings.npy and logits.npy here")
    arguments = parser.parse_args()

    manifest = json.loads((arguments.model / "radzero.json").read_text(encoding="utf-8"))
    tokens = encode_image(arguments.model, manifest, arguments.image)
    embeddings = encode_sentences(arguments.model, manifest, arguments.sentences)
    found = logits(tokens, embeddings, manifest["similarity"])
    for sentence, logit in zip(arguments.sentences, found, strict=True):
        print(f"{1 / (1 + np.exp(-logit)):.6f} {sentence}")
    if arguments.save:
        for name, values in {"tokens": tokens, "embeddings": embeddings, "logits": found}.items():
            np.save(arguments.save / f"{name}.npy", values)


if __name__ == "__main__":
    main()
