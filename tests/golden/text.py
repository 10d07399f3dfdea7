"""The tiny tokenizer and the prompts."""

import json
import string

WORDS = """
there is no a an the of in and with at on or right left lower upper middle lobe lobes lung lungs pleural effusion
opacity opacities heart size normal acute cardio process mild small large chest tube line tip edema mass nodule rib
fracture consolidation collapse base apex hil hernia device wire aort evidence for to cm mm oedeme pulmon
""".split()

PIECES = """
##s ##ia ##ing ##ed ##ary ##al ##itis ##megaly ##pulmonary ##mon ##thorax ##aire ##tasis ##ation ##ar ##er ##le ##li
##um ##us ##eural ##lar
""".split()

ROOTS = ["pneu", "pneumo", "atelec", "infil", "cons", "x"]

# Published vocabularies lack some characters too. These letters occur only inside longer entries, so a word that needs one of
# them as a single letter becomes [UNK].
MISSING_LETTERS = {"q", "z"}


def vocabulary():
    """Entries in the order of their ids: MPNet's special tokens first, <mask> last."""
    entries = ["<s>", "<pad>", "</s>", "<unk>", "[UNK]"]
    entries += list(string.punctuation)
    letters = [c for c in string.ascii_lowercase if c not in MISSING_LETTERS]
    entries += [*string.digits, *letters]
    entries += ["##" + c for c in [*string.digits, *letters]]
    entries += WORDS + ROOTS + PIECES + ["<mask>"]
    unique = list(dict.fromkeys(entries))
    return unique


def tokenizer_json():
    """`tokenizer.json` as for the published text encoder, including padding to 128 and truncation at 128."""
    vocab = vocabulary()

    def added(content, lstrip=False):
        return {
            "id": vocab.index(content),
            "content": content,
            "single_word": False,
            "lstrip": lstrip,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }

    return {
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 128, "strategy": "LongestFirst", "stride": 0},
        "padding": {
            "strategy": {"Fixed": 128},
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": 1,
            "pad_type_id": 0,
            "pad_token": "<pad>",
        },
        "added_tokens": [
            added("<s>"),
            added("<pad>"),
            added("</s>"),
            added("<unk>"),
            added("[UNK]"),
            added("<mask>", lstrip=True),
        ],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "RobertaProcessing",
            "sep": ["</s>", 2],
            "cls": ["<s>", 0],
            "trim_offsets": True,
            "add_prefix_space": False,
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {entry: index for index, entry in enumerate(vocab)},
        },
    }


PROMPTS = [
    "There is pneumonia",
    "There is pleural effusion.",
    "There is no acute cardiopulmonary process; heart size is normal!",
    "RLL opacity, 2 cm (RIGHT lower LOBE)",
    "Cardiomegaly",
    "Œdème pulmonaire à droite — oedème",
    "quartz ☃ 肺炎 infiltration",
    "  There\tis \n pneumonia ",
    "x" * 101 + " pneumothorax",
    "a",
]


class Tokenizer:
    """The reference tokenizer: the file's own padding and truncation are turned off, as by transformers."""

    def __init__(self):
        import tokenizers

        self.inner = tokenizers.Tokenizer.from_str(json.dumps(tokenizer_json()))
        self.inner.no_padding()
        self.inner.no_truncation()

    def ids(self, prompt):
        return self.inner.encode(prompt).ids

    def prompt_of(self, tokens):
        """A varied prompt of exactly `tokens` tokens, including the two special tokens."""
        cycle = "the lungs with small left pleural opacity and a rib fracture , no mass in lower lobe".split()
        words = []
        while len(self.ids(" ".join(words))) < tokens:
            words.append(cycle[(len(words) * 7 + len(words) // 5) % len(cycle)])
            # A word of several tokens that would overshoot is replaced by one of a single token.
            if len(self.ids(" ".join(words))) > tokens:
                words[-1] = "heart"
        prompt = " ".join(words)
        assert len(self.ids(prompt)) == tokens
        return prompt


def check_against_transformers(path, tokenizer, prompts):
    """Checks that transformers gives the same ids for the file with `padding=True`."""
    from transformers import PreTrainedTokenizerFast

    fast = PreTrainedTokenizerFast(tokenizer_file=str(path), pad_token="<pad>", model_max_length=512)
    batch = fast(prompts, padding=True, truncation=True)
    for prompt, ids, mask in zip(prompts, batch["input_ids"], batch["attention_mask"], strict=True):
        assert [i for i, m in zip(ids, mask, strict=True) if m] == tokenizer.ids(prompt), prompt
        assert len(ids) == max(len(tokenizer.ids(p)) for p in prompts)
