"""AUROC."""

import torch


def auroc(scores, positive):
    """Area under the ROC curve; ties count half."""
    positive = positive.bool()
    _, place, counts = torch.unique(scores, sorted=True, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum(0) - (counts - 1) / 2)[place]
    n, m = positive.sum().item(), (~positive).sum().item()
    return (ranks[positive].sum().item() - n * (n + 1) / 2) / (n * m)
