"""The WordPiece tokenizer: the words of the phantoms' sentences, and pieces that spell any other word."""

import string

WORDS = """
there is are no not without a an the of in on at and with or to from by seen evidence finding findings image shows chest
lung lungs heart rib ribs right left bilateral side upper middle lower zone zones lobe small large mild severe normal
pleural effusion cardiomegaly pneumothorax pacemaker mass consolidation atelectasis nodule fracture
""".split()

PIECES = """
##s ##es ##ed ##ing ##er ##al ##ar ##ary ##ic ##ous ##ion ##ation ##itis ##osis ##oma ##um ##us ##ia ##ity ##ly ##le
##th ##en ##in ##an ##on ##or ##at ##it ##is ##ur ##ul ##st ##nd ##nt ##tr ##pl ##ch ##gy ##ph
""".split()

ROOTS = """
pneumo pneu pleur cardio cardi pulmon thora medi hil cons opac edem infil tub lin cath aort bron em fib hern calc gran
dev clav spin diaph abnorm acute chron
""".split()

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "[UNK]"]


def vocabulary():
    """The entries in the order of their ids. MPNet's special tokens come first, <mask> last."""
    letters = [*string.digits, *string.ascii_lowercase]
    entries = [*SPECIAL, *string.punctuation, *letters, *("##" + c for c in letters), *WORDS, *ROOTS, *PIECES, "<mask>"]
    return list(dict.fromkeys(entries))


def tokenizer_json():
    """The content of `tokenizer.json`, in the form of the published text encoder's."""
    entries = vocabulary()
    special = [
        {
            "id": entries.index(content),
            "content": content,
            "single_word": False,
            "lstrip": content == "<mask>",
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for content in [*SPECIAL, "<mask>"]
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
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
            "vocab": {entry: index for index, entry in enumerate(entries)},
        },
    }
