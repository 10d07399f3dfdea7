"""Stage 3: the whole model, including the image encoder, learns from images and sentences by the loss of stage 2.

    torchrun --standalone --nproc-per-node 2 whole.py --data train0 train1 --held-out val --checkpoint checkpoint \\
        --minutes 20 --out finished
"""

import argparse
import itertools
import random
from pathlib import Path

import torch

from checkpoint import read_checkpoint, write_checkpoint
from data import Phantoms, augmented
from evaluate import figures
from model import Model, Spec
from steps import Average, Clock, Optimiser, average_gradients, start
from train import objective
from vocabulary import vocabulary
from wording import Wording


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", required=True)
    parser.add_argument("--held-out", required=True)
    parser.add_argument("--checkpoint", type=Path, required=True, help="checkpoint of stage 2")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--batch", type=int, default=16, help="images of each process")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    rank, _ = start()
    model = Model(Spec(vocabulary=len(vocabulary())))
    read_checkpoint(model, arguments.checkpoint)
    data, held_out, wording = Phantoms(arguments.data), Phantoms([arguments.held_out]), Wording()
    generator, choice = torch.Generator().manual_seed(rank), random.Random(rank)
    # A third of the rates of stage 1, half of those of stage 2, since every part has been trained before.
    optimiser, average = Optimiser([model], matrix_rate=1e-3, other_rate=5e-4), Average([model], keep=0.995)
    clock, smooth, reported = Clock(arguments.minutes), None, 0

    def save():
        with average:
            print(f"{clock.elapsed():.1f} min, step {clock.steps}, loss {smooth:.4f}, ", end="")
            print(f"temperature {model.loss_fns.RadZeroLoss.loss_temperature.exp().item():.4f}")
            print(figures(model, lambda indices: model.tokens(held_out.levels(indices)), held_out, wording), flush=True)
            write_checkpoint(model, arguments.out)

    for _ in itertools.count():
        rate = clock.tick()
        if rate is None:
            break
        picked = torch.randint(len(data), (arguments.batch,), generator=generator).numpy()
        levels = augmented(data.levels(picked), generator)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            features = model.align_transformer.transformer_layers(model.vision_model(levels))
        loss = objective(model, features, data.truth[picked], wording, choice)
        loss.backward()
        average_gradients(optimiser.parameters)
        optimiser.step(rate)
        average.update()
        smooth = loss.item() if smooth is None else 0.98 * smooth + 0.02 * loss.item()
        if rank == 0 and clock.elapsed() > reported + 5:
            reported = clock.elapsed()
            save()
    if rank == 0:
        save()


if __name__ == "__main__":
    main()
