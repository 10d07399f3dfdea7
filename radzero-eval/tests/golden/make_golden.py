"""Writes metrics.json: random and degenerate cases with the values of scikit-learn and NumPy, checked against torchmetrics if
it is installed.

    python make_golden.py

Needs numpy and scikit-learn. The file records their versions. null means that the metric is undefined.
"""

import json
import pathlib

import numpy as np
import sklearn
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

random = np.random.default_rng(20250416)
MASK64 = (1 << 64) - 1


def both(labels):
    return 0 < np.sum(labels) < np.size(labels)


def ranking(scores, labels):
    """All metrics of a binary ranking."""
    scores, labels = np.asarray(scores, float), np.asarray(labels, bool)
    values = {"auroc": None, "average_precision": None, "auprc": None, "roc": None, "precision_recall": None}
    if both(labels):
        values["auroc"] = roc_auc_score(labels, scores)
        rates = roc_curve(labels, scores, drop_intermediate=False)
        values["roc"] = [list(point) for point in zip(rates[0].tolist(), rates[1].tolist())]
    if labels.any():
        precision, recall, _ = precision_recall_curve(labels, scores)
        values["average_precision"] = average_precision_score(labels, scores)
        values["auprc"] = auc(recall, precision)
        values["precision_recall"] = [list(point) for point in zip(recall[::-1].tolist(), precision[::-1].tolist())]
    return values


def ranking_case(name, scores, labels):
    scores, labels = np.asarray(scores, float), np.asarray(labels, bool)
    return {"name": name, "scores": scores.tolist(), "labels": labels.tolist(), **ranking(scores, labels)}


def rankings():
    cases = []
    for samples in [2, 3, 10, 200]:
        labels = random.random(samples) < 0.3
        labels[:2] = [True, False]
        scores = random.normal(size=samples) + labels
        cases.append(ranking_case(f"{samples} random", scores, labels))
        cases.append(ranking_case(f"{samples} with ties", np.round(scores, 0 if samples < 100 else 1), labels))
    labels = random.random(500) < 0.02
    labels[0] = True
    cases.append(ranking_case("rare", random.normal(size=500) + labels, labels))
    cases.append(ranking_case("32-bit scores", np.float32(random.normal(size=50)), random.random(50) < 0.5))
    cases.append(ranking_case("all scores equal", np.zeros(9), [True] * 4 + [False] * 5))
    cases.append(ranking_case("perfect", [3, 2, 1, 0], [True, True, False, False]))
    cases.append(ranking_case("reversed", [0, 1, 2, 3], [True, True, False, False]))
    cases.append(ranking_case("infinite", [np.finfo(float).max, 1, 0, -np.finfo(float).max], [True, False, True, False]))
    cases.append(ranking_case("all positive", [1, 2, 2], [True] * 3))
    cases.append(ranking_case("all negative", [1, 2, 2], [False] * 3))
    cases.append(ranking_case("one positive sample", [0.5], [True]))
    cases.append(ranking_case("one negative sample", [0.5], [False]))
    return cases


def classes_case(name, scores, labels):
    """The macro mean covers the classes for which the metric is defined; if all are, it equals scikit-learn's."""
    per_class = [ranking(scores[:, column], labels[:, column]) for column in range(scores.shape[1])]
    case = {"name": name, "scores": scores.tolist(), "labels": labels.tolist()}
    flat = ranking(scores.ravel(), labels.ravel())
    for metric in ["auroc", "average_precision", "auprc"]:
        values = [one[metric] for one in per_class]
        defined = [value for value in values if value is not None]
        mean = float(np.mean(defined)) if defined else None
        if len(defined) == len(values) and metric == "auroc":
            assert abs(mean - roc_auc_score(labels, scores, average="macro")) < 1e-12
            assert abs(flat[metric] - roc_auc_score(labels, scores, average="micro")) < 1e-12
        if len(defined) == len(values) and metric == "average_precision":
            assert abs(mean - average_precision_score(labels, scores, average="macro")) < 1e-12
        case[metric] = {"per_class": values, "macro": mean, "micro": flat[metric]}
    return case


def classes():
    labels = random.random((80, 5)) < [0.5, 0.2, 0.1, 0.05, 0.3]
    labels[0], labels[1] = True, False
    scores = random.normal(size=labels.shape) + labels
    missing = labels.copy()
    missing[:, 2], missing[:, 3] = False, True
    return [
        classes_case("random", scores, labels),
        classes_case("ties", np.round(scores, 1), labels),
        classes_case("one class without positives, one without negatives", scores, missing),
        classes_case("nothing positive", scores, np.zeros_like(labels)),
        classes_case("one image", scores[:1], labels[:1]),
    ]


def overlap_case(name, maps, masks):
    """The published rules, image by image; images may differ in size."""
    thresholds = [float(np.float32(0.01 * index)) for index in range(101)]
    dice, specificity, labels, pixels = [], None, [], []
    for one, mask in zip(maps, masks):
        labels.append(bool(mask.any()))
        pixels.append((mask.ravel(), one.ravel()))
        if mask.any():
            above = [one > np.float32(threshold) for threshold in thresholds]
            dice.append([2 * (over & mask).sum() / (over.sum() + mask.sum()) for over in above])
    best = curve = None
    if dice:
        curve = np.mean(dice, axis=0)
        best = int(np.argmax(curve))
        check_dice(maps, masks, thresholds, curve)
        negative = [one for one, label in zip(maps, labels) if not label]
        if negative:
            specificity = float(np.mean([not (one > np.float32(thresholds[best])).any() for one in negative]))
    truth = np.concatenate([mask for mask, _ in pixels])
    values = np.concatenate([one for _, one in pixels])
    return {
        "name": name,
        "maps": [{"shape": one.shape, "values": one.ravel().astype(float).tolist()} for one in maps],
        "masks": [mask.ravel().astype(int).tolist() for mask in masks],
        "dice": None if curve is None else curve.tolist(),
        "best": best,
        "specificity": specificity,
        "pixel_auroc": roc_auc_score(truth, values) if both(truth) else None,
    }


def check_dice(maps, masks, thresholds, curve):
    """Compares with torchmetrics, which the published code calls on a stack of images of the same size."""
    try:
        import torch
        from torchmetrics.segmentation import DiceScore
    except ImportError:
        return
    positive = [(one, mask) for one, mask in zip(maps, masks) if mask.any()]
    if len({one.shape for one, _ in positive}) != 1:
        return
    stacked = torch.tensor(np.stack([one for one, _ in positive]))[:, None]
    truth = torch.tensor(np.stack([mask for _, mask in positive])).long()[:, None]
    for index, threshold in enumerate(thresholds):
        score = DiceScore(num_classes=1, input_format="one-hot")((stacked > 0.01 * index).long(), truth)
        assert abs(float(score) - curve[index]) < 1e-6, (index, float(score), curve[index])
    global TORCHMETRICS
    TORCHMETRICS = __import__("torchmetrics").__version__


TORCHMETRICS = None


def overlap():
    def image(height, width, share, strength):
        mask = random.random((height, width)) < share
        logits = random.normal(size=(height, width)) * 2 - 1 + strength * mask
        return (1 / (1 + np.exp(-logits))).astype(np.float32), mask

    def split(pairs):
        return [one for one, _ in pairs], [mask for _, mask in pairs]

    mixed = [image(12, 9, share, 2.0) for share in [0.3, 0.0, 0.1, 0.0, 0.5]]
    sizes = [image(7, 5, 0.3, 2.0), image(3, 11, 0.0, 0.0), image(1, 1, 1.0, 0.0), image(6, 6, 0.2, 3.0)]
    saturated = [(np.float32([[0, 1, 0, 1], [1, 1, 0, 0]]), np.array([[0, 1, 0, 0], [1, 1, 0, 0]], bool))]
    saturated.append((np.float32([[0, 0, 0, 0], [0, 0, 0, 0]]), np.zeros((2, 4), bool)))
    # Positive images up to 0.95, negative ones up to 0.3 ... 0.8: some stay below the best threshold and some exceed it.
    apart = np.random.default_rng(20250418)
    weak = []
    for mask in [apart.random((9, 8)) < 0.3 for _ in range(3)]:
        weak.append((np.where(mask, apart.uniform(0.45, 0.95, mask.shape), apart.uniform(0.05, 0.5, mask.shape)), mask))
    for greatest in [0.3, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8]:
        weak.append((apart.uniform(0.05, 1.0, (6, 11)) * greatest, np.zeros((6, 11), bool)))
    weak = [(one.astype(np.float32), mask) for one, mask in weak]
    levels = np.float32(np.arange(101) * 0.01)
    at_thresholds = [(levels[None], random.random((1, 101)) < 0.5), (levels[None, ::-1], np.zeros((1, 101), bool))]
    return [
        overlap_case("random", *split(mixed)),
        overlap_case("sizes differ", *split(sizes)),
        overlap_case("zeros and ones", *split(saturated)),
        overlap_case("values on thresholds", *split(at_thresholds)),
        overlap_case("all masks empty", *split([image(4, 4, 0.0, 0.0)] * 2)),
        overlap_case("all masks full", *split([image(4, 4, 1.0, 0.0)] * 2)),
        overlap_case("one image", *split([image(5, 4, 0.4, 1.0)])),
        overlap_case("weak negatives", *split(weak)),
    ]


def pointing():
    """Classes without a try have no share and are left out of the mean."""
    classes = 4
    tries = [[int(random.integers(3)), bool(random.random() < 0.4), int(random.integers(4))] for _ in range(60)]
    shares = []
    for one in range(classes):
        hits = [hit for kind, hit, times in tries for _ in range(times) if kind == one]
        shares.append(float(np.mean(hits)) if hits else None)
    every = [hit for _, hit, times in tries for _ in range(times)]
    mean = float(np.mean([share for share in shares if share is not None]))
    return {"tries": tries, "per_class": shares, "mean": mean, "overall": float(np.mean(every))}


def mix(value):
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK64
    return value ^ (value >> 31)


def draws(seed, resample, images):
    """SplitMix64 from a mixed seed; an index is the high half of next * images."""
    state = mix((seed + resample) & MASK64)
    drawn = []
    for _ in range(images):
        state = (state + 0x9E3779B97F4A7C15) & MASK64
        drawn.append((mix(state) * images) >> 64)
    return drawn


def bootstrap():
    images, seed, resamples = 60, 12345, 200
    labels = random.random(images) < 0.3
    scores = random.normal(size=images) + labels
    found = {"auroc": [], "average_precision": []}
    for resample in range(resamples):
        drawn = draws(seed, resample, images)
        values = ranking(scores[drawn], labels[drawn])
        for metric, list_ in found.items():
            if values[metric] is not None:
                list_.append(values[metric])
    intervals = {metric: np.percentile(values, [2.5, 97.5]).tolist() for metric, values in found.items()}
    return {
        "scores": scores.tolist(),
        "labels": labels.tolist(),
        "seed": seed,
        "resamples": resamples,
        "first_draws": draws(seed, 0, images),
        **intervals,
    }


golden = {
    "rankings": rankings(),
    "classes": classes(),
    "overlap": overlap(),
    "pointing": pointing(),
    "bootstrap": bootstrap(),
}
golden["versions"] = {"numpy": np.__version__, "scikit-learn": sklearn.__version__, "torchmetrics": TORCHMETRICS}
path = pathlib.Path(__file__).with_name("metrics.json")
path.write_text(json.dumps(golden, separators=(",", ":")).replace('},{"name"', '},\n{"name"') + "\n")
print(path.name, path.stat().st_size, "bytes", golden["versions"])
