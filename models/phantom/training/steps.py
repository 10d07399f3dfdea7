"""What the stages of training share: processes, optimisers, learning rate schedule, averaged weights."""

import math
import time

import torch
import torch.distributed as dist


def start():
    """Joins the processes of torchrun; one thread each is faster than threads that wait for each other."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    return dist.get_rank(), dist.get_world_size()


def average_gradients(parameters):
    """Averages the gradients over all processes, in one message."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


class Optimiser:
    """Muon for the matrices of the blocks, AdamW for the rest; `rate` scales both."""

    def __init__(self, modules, matrix_rate, other_rate, decay=0.05):
        matrices, others = [], []
        for module in modules:
            for name, parameter in module.named_parameters():
                block = ".layer." in "." + name and parameter.ndim == 2
                (matrices if block else others).append(parameter)
        self.parameters = matrices + others
        muon = torch.optim.Muon(matrices, lr=matrix_rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
        adam = torch.optim.AdamW(others, lr=other_rate, weight_decay=0.0, betas=(0.9, 0.98))
        self.parts = [(muon, matrix_rate), (adam, other_rate)]

    def step(self, rate):
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for optimiser, base in self.parts:
            for group in optimiser.param_groups:
                group["lr"] = base * rate
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)


class Clock:
    """Progress by wall-clock time, so that a run ends on time; all processes use the clock of the first."""

    def __init__(self, minutes, warmup=60):
        self.begin, self.seconds, self.warmup, self.steps = time.time(), 60 * minutes, warmup, 0

    def tick(self):
        """The learning rate's factor: warm-up, constant, and a half cosine to 0 from 30 % of the time on. None at the end."""
        passed = torch.tensor([(time.time() - self.begin) / self.seconds])
        dist.broadcast(passed, 0)
        self.steps += 1
        if passed >= 1:
            return None
        rest = max(0.0, (passed.item() - 0.3) / 0.7)
        return min(1.0, self.steps / self.warmup) * 0.5 * (1 + math.cos(math.pi * rest))

    def elapsed(self):
        return (time.time() - self.begin) / 60


class Average:
    """Exponential moving average of the parameters; the averages are what is saved."""

    def __init__(self, modules, keep=0.997):
        self.keep = keep
        self.parameters = [p for module in modules for p in module.parameters()]
        self.mean = [p.detach().clone() for p in self.parameters]
        self.count = 0

    @torch.no_grad()
    def update(self):
        self.count += 1
        keep = min(self.keep, self.count / (self.count + 10))
        torch._foreach_lerp_(self.mean, self.parameters, 1 - keep)

    def __enter__(self):
        """Sets the parameters to the averages, until the block ends."""
        self.kept = [p.detach().clone() for p in self.parameters]
        self.assign(self.mean)

    def __exit__(self, *_):
        self.assign(self.kept)

    @torch.no_grad()
    def assign(self, values):
        for parameter, value in zip(self.parameters, values, strict=True):
            parameter.copy_(value)
