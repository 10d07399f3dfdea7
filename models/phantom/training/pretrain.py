"""Stage 1: the image encoder learns to predict the share of every patch that each finding covers.

This replaces the pretrained image encoder that RadZero starts from.

    torchrun --standalone --nproc-per-node 2 pretrain.py --data train0 train1 train2 --held-out val \\
        --minutes 30 --out encoder.pt
"""

import argparse
import itertools

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from data import KINDS, SIDES, Phantoms, augmented
from metrics import auroc
from model import Model, Spec
from steps import Average, Clock, Optimiser, average_gradients, start
from vocabulary import vocabulary

CLASSES = len(KINDS) * len(SIDES)


def losses(head, hidden, covered, weights):
    """Cross-entropy of the patches, and of the class token for the whole image."""
    patches = F.binary_cross_entropy_with_logits(head(hidden[:, 1:]).float(), covered.mT, reduction="none")
    image = F.binary_cross_entropy_with_logits(head(hidden[:, 0]).float(), covered.amax(2).gt(0).float())
    return (patches * weights).mean(), image


@torch.no_grad()
def report(model, head, held_out, clock, loss):
    """Per kind: AUROC of the image by its highest patch, and mean Dice of the patches at 0.5."""
    highest, dice = [], []
    for begin in range(0, len(held_out), 50):
        indices = np.arange(begin, begin + 50)
        share = head(model.vision_model(held_out.levels(indices))[:, 1:]).sigmoid().mT
        covered = held_out.covered(indices)
        highest.append(torch.stack([share.amax(2), covered.amax(2)]))
        found, there = (share > 0.5).float(), (covered > 0.5).float()
        dice.append(torch.stack([2 * (found * there).sum(2), found.sum(2) + there.sum(2)]))
    score, truth = torch.cat(highest, 1).view(2, -1, len(KINDS), 2).amax(3)
    overlap, total = torch.cat(dice, 1).sum(1).view(2, len(KINDS), 2).sum(2)
    figures = [
        f"{kind[:6]} {auroc(score[:, k], truth[:, k] > 0):.3f}/{overlap[k] / total[k]:.2f}"
        for k, kind in enumerate(KINDS)
    ]
    print(f"{clock.elapsed():.1f} min, step {clock.steps}, loss {loss:.4f}:", *figures, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", required=True)
    parser.add_argument("--held-out", required=True)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--batch", type=int, default=16, help="images of each process")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    rank, processes = start()
    torch.manual_seed(0)
    model = Model(Spec(vocabulary=len(vocabulary())))
    vision, head = model.vision_model, nn.Linear(model.spec.hidden, CLASSES)
    nn.init.constant_(head.bias, -4.0)
    data, held_out = Phantoms(arguments.data), Phantoms([arguments.held_out])
    # Without weights, findings that cover few patches would hardly count.
    mean = data.covered(np.arange(2000)).mean((0, 2))
    weights = mean.rsqrt() / mean.rsqrt().mean() * 4
    optimiser = Optimiser([vision, head], matrix_rate=3e-3, other_rate=2e-3)
    average = Average([vision, head])
    generator = torch.Generator().manual_seed(rank)
    clock, smooth, reported = Clock(arguments.minutes), None, 0
    for _ in itertools.count():
        rate = clock.tick()
        if rate is None:
            break
        indices = torch.randint(len(data), (arguments.batch,), generator=generator).numpy()
        levels = augmented(data.levels(indices), generator)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = vision(levels)
        patches, image = losses(head, hidden.float(), data.covered(indices), weights)
        (patches + 0.05 * image).backward()
        average_gradients(optimiser.parameters)
        optimiser.step(rate)
        average.update()
        smooth = patches.item() if smooth is None else 0.98 * smooth + 0.02 * patches.item()
        if rank == 0 and clock.elapsed() > reported + 3:
            reported = clock.elapsed()
            with average:
                report(model, head, held_out, clock, smooth)
                torch.save(model.state_dict(), arguments.out)
    if rank == 0:
        with average:
            report(model, head, held_out, clock, smooth)
            torch.save(model.state_dict(), arguments.out)


if __name__ == "__main__":
    main()
