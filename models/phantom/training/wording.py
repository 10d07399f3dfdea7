"""Other wordings of the sentences, and token ids."""

import json

import torch
from tokenizers import Tokenizer

from data import KINDS, SIDES, WORDS, ZONED, ZONES, all_sentences
from vocabulary import tokenizer_json

PRESENT = ["{w}", "{w}.", "There is a {w}", "There is {w}.", "{w} is seen", "There is evidence of {w}"]
ABSENT = ["no {w}", "There is no {w}.", "no evidence of {w}", "There is no evidence of {w}"]
ON_SIDE = ["{s} {w}", "There is {s} {w}", "{w} on the {s} side", "There is a {w} on the {s}"]
IN_ZONE = ["{s} {z} zone {w}", "{w} in the {s} {z} zone", "There is a {w} in the {s} {z} lung zone"]


def other_wordings():
    """Other wordings for every sentence of `all_sentences`."""
    wordings = []
    for kind in KINDS:
        w = WORDS[kind]
        wordings += [[form.format(w=w) for form in PRESENT], [form.format(w=w) for form in ABSENT]]
        if kind != "cardiomegaly":
            wordings += [[form.format(w=w, s=side) for form in ON_SIDE] for side in SIDES]
        if kind in ZONED:
            wordings += [[form.format(w=w, s=side, z=zone) for form in IN_ZONE] for side in SIDES for zone in ZONES]
    return wordings


class Wording:
    def __init__(self):
        self.tokenizer = Tokenizer.from_str(json.dumps(tokenizer_json()))
        self.canonical, self.others = all_sentences(), other_wordings()

    def ids(self, sentences):
        """ids [n, L] and mask [n, L], padded to the longest."""
        encoded = [self.tokenizer.encode(sentence).ids for sentence in sentences]
        longest = max(map(len, encoded))
        ids = torch.tensor([e + [1] * (longest - len(e)) for e in encoded])
        mask = torch.tensor([[1.0] * len(e) + [0.0] * (longest - len(e)) for e in encoded])
        return ids, mask

    def varied(self, random):
        """Every sentence, 40 % of them in another wording."""
        return [
            random.choice(others) if random.random() < 0.4 else sentence
            for sentence, others in zip(self.canonical, self.others, strict=True)
        ]


def unrelated(random, count=6):
    """Sentences of made-up words, which are true of no image."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    starts = ["There is ", "", "There is a ", "There is no "]
    return [random.choice(starts) + "".join(random.choices(letters, k=random.randint(3, 9))) for _ in range(count)]
