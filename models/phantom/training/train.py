"""Stage 2: trained like RadZero. The image encoder is frozen; align transformer, text encoder and the parameters of the loss
learn from images and sentences alone, by VL-CABS and the multi-positive contrastive loss, with one more term, `quiet`.

    torchrun --standalone --nproc-per-node 2 train.py --data train0 train1 --held-out val --encoder encoder.pt \\
        --minutes 25 --out checkpoint
"""

import argparse
import itertools
import random
from pathlib import Path

import numpy as np
import torch

from checkpoint import write_checkpoint
from data import Phantoms, augmented
from evaluate import figures
from model import Model, Spec
from steps import Average, Clock, Optimiser, average_gradients, start
from vocabulary import vocabulary
from wording import Wording, unrelated


def contrast(logits, positive):
    """Multi-positive contrastive loss: the mean over rows, and each row's positives, of -log of a positive's softmax against
    all negatives.

    Positives do not compete with each other, since all of them are true of the image.
    """
    negatives = logits.masked_fill(positive, -torch.inf).logsumexp(1, keepdim=True)
    each = torch.nn.functional.softplus(negatives - logits) * positive
    rows = positive.any(1) & ~positive.all(1)
    return (each.sum(1) / positive.sum(1).clamp(min=1))[rows].mean()


def quiet(scores):
    """Mean softplus of all scores.

    A contrastive loss determines neither the level of the scores nor how far around a finding they stay high. This term
    determines both: a score stays below 0 unless the contrast needs it.
    """
    return torch.nn.functional.softplus(scores).mean()


def objective(model, features, truth, wording, choice):
    """The loss of images, given their `features` from the align transformer and which sentences are true (`truth`)."""
    sentences = wording.varied(choice) + unrelated(choice)
    positive = torch.zeros(len(truth), len(sentences), dtype=torch.bool)
    positive[:, : truth.shape[1]] = truth
    logits, scores = model.similarity(model.normalised(features), model.sentences(*wording.ids(sentences)))
    return contrast(logits, positive) + contrast(logits.T, positive.T) + 0.03 * quiet(scores)


@torch.no_grad()
def encoded(vision, data, indices, generator):
    """bf16 [n, 1 + N, D]: the frozen encoder's output, computed once."""
    parts = []
    for part in np.array_split(indices, max(1, len(indices) // 50)):
        levels = data.levels(part)
        levels = levels if generator is None else augmented(levels, generator)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=generator is not None):
            parts.append(vision(levels).bfloat16() if generator else vision(levels))
    return torch.cat(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", required=True)
    parser.add_argument("--held-out", required=True)
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--batch", type=int, default=32, help="images of each process")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    rank, processes = start()
    torch.manual_seed(0)
    model = Model(Spec(vocabulary=len(vocabulary())))
    model.load_state_dict(torch.load(arguments.encoder))
    data, held_out, wording = Phantoms(arguments.data), Phantoms([arguments.held_out]), Wording()
    generator, choice = torch.Generator().manual_seed(rank), random.Random(rank)
    mine = np.arange(rank, len(data), processes)
    hidden, truth = encoded(model.vision_model, data, mine, generator), data.truth[mine]
    shown = encoded(model.vision_model, held_out, np.arange(len(held_out)), None) if rank == 0 else None
    trained = [model.align_transformer, model.text_model, model.loss_fns]
    optimiser, average = Optimiser(trained, matrix_rate=2e-3, other_rate=1e-3), Average(trained)
    clock, smooth, reported = Clock(arguments.minutes), None, 0

    def tokens(features):
        return model.normalised(model.align_transformer.transformer_layers(features))

    def save():
        with average:
            print(f"{clock.elapsed():.1f} min, step {clock.steps}, loss {smooth:.4f}, ", end="")
            print(f"temperature {model.loss_fns.RadZeroLoss.loss_temperature.exp().item():.4f}")
            print(figures(model, lambda indices: tokens(shown[indices]), held_out, wording), flush=True)
            write_checkpoint(model, arguments.out)

    for _ in itertools.count():
        rate = clock.tick()
        if rate is None:
            break
        picked = torch.randint(len(mine), (arguments.batch,), generator=generator)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            features = model.align_transformer.transformer_layers(hidden[picked].float())
        loss = objective(model, features, truth[picked], wording, choice)
        loss.backward()
        average_gradients(optimiser.parameters)
        optimiser.step(rate)
        average.update()
        smooth = loss.item() if smooth is None else 0.98 * smooth + 0.02 * loss.item()
        if rank == 0 and clock.elapsed() > reported + 3:
            reported = clock.elapsed()
            save()
    if rank == 0:
        save()


if __name__ == "__main__":
    main()
