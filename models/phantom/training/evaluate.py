"""Figures of a model during training, on the patch grid.

The figures of the model card are measured per pixel with the exported model, by the program radzero-models.
"""

import numpy as np
import torch

from data import KINDS, SIDES, WORDS, all_sentences
from metrics import auroc

EXTENDED = ["effusion", "pneumothorax", "consolidation", "mass", "cardiomegaly"]
THRESHOLDS = np.append(np.arange(0.05, 0.96, 0.05), [0.97, 0.98, 0.99, 0.995])


@torch.no_grad()
def figures(model, tokens_of, held_out, wording):
    """The figures as text; `tokens_of(indices)` returns unit tokens [n, 1 + N, D]."""
    place = {sentence: index for index, sentence in enumerate(all_sentences())}
    sentences = model.sentences(*wording.ids(wording.canonical))
    logits, maps, covered = [], [], []
    yes = [place[f"There is {WORDS[kind]}"] for kind in KINDS]
    no = [place[f"There is no {WORDS[kind]}"] for kind in KINDS]
    for begin in range(0, len(held_out), 50):
        indices = np.arange(begin, min(begin + 50, len(held_out)))
        logit, scores = model.similarity(tokens_of(indices), sentences)
        logits.append(logit)
        maps.append(scores[:, yes, 1:].sigmoid())
        covered.append(held_out.covered(indices).unflatten(1, (len(KINDS), 2)).amax(2))
    logits, maps, covered = torch.cat(logits), torch.cat(maps), torch.cat(covered)
    truth = held_out.truth[: len(logits)]
    lines, dices = [], []
    for k, kind in enumerate(KINDS):
        positive = truth[:, yes[k]]
        area = auroc(logits[:, yes[k]], positive)
        said = logits[:, yes[k]] > logits[:, no[k]]
        peak = maps[positive, k].argmax(1)
        pointed = covered[positive, k].gather(1, peak[:, None]).gt(0).float().mean()
        found = maps[positive, k, None] > torch.tensor(THRESHOLDS, dtype=torch.float32)[None, :, None]
        there = (covered[positive, k] > 0.5)[:, None]
        dice = (2 * (found & there).sum(2) / (found.sum(2) + there.sum(2)).clamp(min=1)).mean(0)
        quiet = (maps[~positive, k, None] <= torch.tensor(THRESHOLDS, dtype=torch.float32)[None, :, None]).float()
        dices.append((kind, dice, quiet.mean((0, 2))))
        sides = ""
        if kind != "cardiomegaly":
            right, left = (place[f"There is {WORDS[kind]} on the {side}"] for side in SIDES)
            one = truth[:, right] ^ truth[:, left]
            sides = f"sides {auroc((logits[:, right] - logits[:, left])[one], truth[one, right]):.3f}"
        lines.append(
            f"  {kind:12} auroc {area:.3f} yes>no {said[positive].float().mean():.3f} "
            f"no>yes {(~said[~positive]).float().mean():.3f} pointing {pointed:.2f} {sides}"
        )
    mean = torch.stack([dice for kind, dice, _ in dices if kind in EXTENDED]).mean(0)
    best = mean.argmax()
    lines.append(
        "  mean dice by threshold: " + ", ".join(f"{t:.2f} {d:.2f}" for t, d in zip(THRESHOLDS, mean, strict=True))
    )
    lines.append(f"  threshold {THRESHOLDS[best]:.2f}: " + ", ".join(
        f"{kind[:6]} dice {dice[best]:.2f} quiet {quiet[best]:.3f}" for kind, dice, quiet in dices
    ))  # fmt: skip
    return "\n".join(lines)
