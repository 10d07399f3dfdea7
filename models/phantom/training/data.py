"""The training files of `radzero-phantom --raw`, and the sentences."""

import json
from pathlib import Path

import numpy as np
import torch

KINDS = [
    "cardiomegaly", "effusion", "pneumothorax", "pacemaker", "mass", "consolidation", "atelectasis", "nodule",
    "fracture",
]  # fmt: skip
WORDS = {kind: "pleural effusion" if kind == "effusion" else kind for kind in KINDS}
SIDES = ["right", "left"]
ZONES = ["upper", "middle", "lower"]
ZONED = ["mass", "consolidation", "atelectasis", "nodule", "fracture"]


def all_sentences():
    """Every sentence that can be true of a phantom, in the generator's wording."""
    sentences = []
    for kind in KINDS:
        words = WORDS[kind]
        sentences += [f"There is {words}", f"There is no {words}"]
        if kind != "cardiomegaly":
            sentences += [f"There is {words} on the {side}" for side in SIDES]
        if kind in ZONED:
            sentences += [f"There is {words} in the {side} {zone} zone" for side in SIDES for zone in ZONES]
    return sentences


class Phantoms:
    """The phantoms of several folders as one data set; files are mapped, not read."""

    def __init__(self, folders, side=224, patch=14):
        self.images, self.coverage, truths = [], [], []
        grid = side // patch
        places = {sentence: index for index, sentence in enumerate(all_sentences())}
        for folder in map(Path, folders):
            labels = [json.loads(line) for line in (folder / "labels.jsonl").open()]
            count = len(labels)
            self.images.append(np.memmap(folder / "images.u8", np.uint8, "r", shape=(count, side, side)))
            shape = (count, 2 * len(KINDS), grid * grid)
            self.coverage.append(np.memmap(folder / "coverage.u8", np.uint8, "r", shape=shape))
            truth = np.zeros((count, len(places)), bool)
            for row, label in enumerate(labels):
                truth[row, [places[sentence] for sentence in label["sentences"]]] = True
            truths.append(truth)
        self.truth = torch.from_numpy(np.concatenate(truths))
        self.starts = np.cumsum([0] + [len(part) for part in self.images])

    def __len__(self):
        return int(self.starts[-1])

    def rows(self, parts, indices):
        folders = np.searchsorted(self.starts, indices, side="right") - 1
        picked = [parts[f][i - self.starts[f]] for f, i in zip(folders, indices, strict=True)]
        return torch.from_numpy(np.stack(picked))

    def levels(self, indices):
        """u8 [n, side, side]"""
        return self.rows(self.images, indices)

    def covered(self, indices):
        """f32 [n, 18, N]: the share of each patch that findings of each kind and side cover."""
        return self.rows(self.coverage, indices).float() / 255


def augmented(levels, generator):
    """Augments brightness and contrast at random, so that the model learns nothing from them."""
    gain = 0.85 + 0.3 * torch.rand(len(levels), 1, 1, generator=generator)
    offset = 30 * torch.rand(len(levels), 1, 1, generator=generator) - 15
    return (levels * gain + offset).clamp(0, 255)
