"""Options that several commands share, and their notation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = [
    "DTYPES_METAVAR",
    "FEWEST_PAIRS",
    "AsJson",
    "ClusterOption",
    "Encoding",
    "FinalNorm",
    "Labels",
    "Layers",
    "MetricOption",
    "MismatchedSeeds",
    "ModelArgument",
    "NearDuplicates",
    "NeighborsOption",
    "OverlapNeighborsOption",
    "PairsArgument",
    "Seed",
    "ShuffleWords",
    "Store",
    "TransformOption",
    "Untrained",
    "UntrainedSeeds",
    "complete_from",
    "complete_models",
    "complete_pairs",
    "complete_studies",
    "in_options",
    "is_debug",
    "is_verbose",
    "parse_labels",
    "parse_layers",
    "parse_null_models",
]

FEWEST_PAIRS = 40
"""Of a study: fewer items make no comparison of ranks, as `studies` says, which no help has the time to load."""

DTYPES_METAVAR = "[auto|float32|bfloat16|float16]"
"""Of ``--dtype``, whose values are checked by the record that takes them: its sentence is the same everywhere."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.", show_default=False)]

Store = Annotated[
    str | None,
    typer.Option(
        envvar="PLATOSCOPE_STORE",
        help="Folder of the representations, or a URL as s3://BUCKET/FOLDER; the user cache by default.",
        show_default=False,
    ),
]

ClusterOption = Annotated[
    str | None,
    typer.Option(
        envvar="PLATOSCOPE_CLUSTER",
        help="Who works: local or local:N (processes on this machine), a Dask scheduler (tcp://HOST:8786, or the .json "
        "file in which it wrote that), or a TOML file of jobs.",
        show_default=False,
    ),
]

TransformOption = Annotated[
    str | None,
    typer.Option(
        help="Preparation of rows before distances: none, unit, clip, clamp, zscore, whiten, or several "
        "in order as zscore+unit.",
        show_default=False,
    ),
]

MetricOption = Annotated[
    str | None,
    typer.Option(
        metavar="[euclidean|cosine|hamming]", help="Distance of Δ; euclidean by default.", show_default=False
    ),
]

NeighborsOption = Annotated[
    int | None,
    typer.Option(min=1, help="Neighbors of the Information Imbalance; 1 by default.", show_default=False),
]

OverlapNeighborsOption = Annotated[
    int | None, typer.Option(min=1, help="Neighbors of the overlap; 10 by default.", show_default=False)
]

Untrained = Annotated[
    bool,
    typer.Option(
        "--untrained",
        help="Beside every profile, the same of untrained models, of the seeds of the study null-models.",
    ),
]
UntrainedSeeds = Annotated[
    int | None, typer.Option(min=1, help="--untrained with so many seeds, 100 at most.", show_default=False)
]
MismatchedSeeds = Annotated[
    bool,
    typer.Option(
        "--mismatched-seeds",
        help="With --untrained: also two seeds, one on each side of a model's profile.",
    ),
]
ShuffleWords = Annotated[
    bool, typer.Option("--shuffle-words", help="Beside every profile of texts, the same with words shuffled.")
]
NearDuplicates = Annotated[
    float | None,
    typer.Option(
        help="Drop pairs of which a text shares this much (above 0, at most 1) of its character 5-grams with an earlier "
        "one, as 0.8.",
        show_default=False,
    ),
]

Encoding = Annotated[
    str | None,
    typer.Option(
        help="Encoding of a text file of pairs that is not UTF-8, as latin-1 or cp1252.", show_default=False
    ),
]

Labels = Annotated[
    str | None,
    typer.Option(
        help="What figures and tables call models and sides, as gemma-3-270m=Gemma,it=Italian.",
        show_default=False,
    ),
]

Layers = Annotated[
    str | None,
    typer.Option(help="Layers to keep, as 0,4,8-12; all by default. 0 is the embedding output."),
]

FinalNorm = Annotated[
    bool | None,
    typer.Option(
        "--final-norm/--no-final-norm",
        help="Read the last layer after the model's final norm, or before it as the others are; as the library does "
        "by default.",
        show_default=False,
    ),
]

Seed = Annotated[int, typer.Option(min=0, help="Seed of every random choice.")]


def complete_from(
    known: Callable[[], Iterable[tuple[str, str]]], /
) -> Callable[[str], list[tuple[str, str]]]:
    """Make of a list of names and what they are a completion for the shell: those that begin as what was typed."""

    def complete(incomplete: str) -> list[tuple[str, str]]:
        return [(name, what) for name, what in known() if name.startswith(incomplete)]

    return complete


def _models() -> Iterable[tuple[str, str]]:
    from platoscope.models import catalog

    return {model.name: f"{model.modality}, {model.n_layers} layers" for model in catalog()}.items()


def _pairs() -> Iterable[tuple[str, str]]:
    from platoscope.datasets import list_datasets

    for info in list_datasets():
        choices = [each for each in info.variants if " " not in each] or (
            [info.default] if info.default else []
        )
        names = [f"{info.name}:{each}" for each in choices]
        yield from ((name, info.description) for name in names or [info.name])


def _studies() -> Iterable[tuple[str, str]]:
    from platoscope.studies import list_studies

    yield from ((study.name, study.question) for study in list_studies())
    yield "all", "every study, what they share read once"


complete_models = complete_from(_models)
complete_pairs = complete_from(_pairs)
complete_studies = complete_from(_studies)

ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A model (`platoscope models`), hub id, folder or .gguf file.",
        autocompletion=complete_models,
    ),
]

PairsArgument = Annotated[
    str,
    typer.Argument(
        metavar="PAIRS", help="Pairs, such as bible:en-it or pairs.jsonl.", autocompletion=complete_pairs
    ),
]


def parse_labels(text: str | None, /) -> dict[str, str]:
    """Read the notation of labels: ``NAME=LABEL``, separated by commas.

    Raises
    ------
    InputError
        If it cannot be read.

    Examples
    --------
    >>> parse_labels("gemma-3-270m=Gemma, it=Italian")
    {'gemma-3-270m': 'Gemma', 'it': 'Italian'}
    """
    if text is None:
        return {}
    pairs = [[part.strip() for part in piece.rpartition("=")] for piece in text.split(",")]
    names = [name for name, _, _ in pairs]
    if not all(name and label for name, _, label in pairs) or len(set(names)) < len(names):
        message = f"--labels takes NAME=LABEL, each name once, as gemma-3-270m=Gemma,it=Italian; got {text!r}"
        raise InputError(message)
    return {name: label for name, _, label in pairs}


def parse_layers(text: str | None, /) -> tuple[int, ...] | None:
    """Read the notation of layers.

    Parameters
    ----------
    text : str or None
        Numbers and ranges (both ends included), separated by commas; None stands for all.

    Returns
    -------
    tuple of int or None
        Increasing, each once.

    Raises
    ------
    InputError
        If it cannot be read.

    Examples
    --------
    >>> parse_layers("0,8-11")
    (0, 8, 9, 10, 11)
    """
    if text is None:
        return None
    layers: set[int] = set()
    for piece in text.split(","):
        first, dash, last = piece.strip().partition("-")
        ends = (first, last if dash else first)
        if not all(end.strip().isdecimal() for end in ends) or int(ends[0]) > int(ends[1]):
            message = f"--layers takes numbers and ranges such as 0,4,8-12; got {text!r}"
            raise InputError(message)
        layers.update(range(int(ends[0]), int(ends[1]) + 1))
    return tuple(sorted(layers))


_IN_PYTHON = {
    "--measure": ("measures",),
    "--n": ("n", "n_samples"),
    "--neighbors": ("n_neighbors",),
    "--permutations": ("n_permutations",),
    "--resamples": ("n_resamples",),
    "--untrained-seeds": ("untrained",),
}
"""What options are called in Python where that is not their own name."""


def in_options(message: str, arguments: Sequence[str], known: Iterable[str], /) -> str:
    """Let a message of the library speak of options: it knows the names of Python.

    Parameters
    ----------
    message : str
        What went wrong, and what to do.
    arguments : sequence of str
        What the user typed. A name by itself may be that of something else (a line of a TOML file), and becomes an
        option only where that was typed.
    known : iterable of str
        The options of the command. Where the message gives one a value, it is advice, which must be typed.

    Examples
    --------
    >>> in_options("n_neighbors must be less. Use match='index'.", ["--neighbors", "9"], ["--neighbors", "--match"])
    '--neighbors must be less. Use --match index.'
    """
    typed = {argument.partition("=")[0] for argument in arguments}
    for option in known:
        for name in _IN_PYTHON.get(option, (option.removeprefix("--").replace("-", "_"),)):
            message = re.sub(rf"\b{name} ?= ?(?:'([^']+)'|(\d+))", rf"{option} \1\2", message)
            if option in typed:
                # A plain word is an argument's name only where the message is about it.
                message = re.sub(
                    rf"\b{name}\b" if "_" in name else rf"(?<![\w-]){name}(?= must )", option, message
                )
    return message


def is_verbose(context: typer.Context, /) -> bool:
    """Say whether the user asked for one line per stage on stderr."""
    return bool(context.obj and context.obj.get("verbose"))


def is_debug(context: typer.Context, /) -> bool:
    """Say whether the user asked for the tracebacks of errors."""
    return bool(context.obj and context.obj.get("debug"))


def parse_null_models(
    untrained: bool, seeds: int | None, mismatched_seeds: bool, shuffle_words: bool, /
) -> dict[str, int | bool]:
    """Give the arguments of `make_plan` that say which null models stand beside profiles."""
    from platoscope.studies.design.null_models import SEEDS

    return {
        "untrained": seeds or (SEEDS if untrained else 0),
        "mismatched_seeds": mismatched_seeds,
        "shuffle_words": shuffle_words,
    }
