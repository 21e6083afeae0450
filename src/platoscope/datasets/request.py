"""What a user asks for, and what a source of pairs is: the notation of data sets, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from platoscope.errors import InputError, NotFoundError
from platoscope.filenames import is_there, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from platoscope.datasets.pairs import Pairs

__all__ = [
    "DatasetInfo",
    "DatasetOptions",
    "DatasetSource",
    "FileFormat",
    "OwnFiles",
    "Request",
    "language_pair",
    "no_variant",
    "one_of",
    "own_files",
    "split_spec",
]


@dataclass(frozen=True)
class DatasetInfo:
    """A source of pairs as a listing shows it.

    Parameters
    ----------
    name : str
        What stands first in a specification ("bible").
    variants : tuple of str
        What may follow the colon: a form ("A-B") or the choices; empty when nothing may.
    default : str or None
        The variant that the bare name means; `None` when one must be given (or there are none).
    sides : str
        What the pairs are pairs of ("text-text", "image-text", "image-image").
    description, license, how_to_get : str
        For a reader who chooses; `how_to_get` holds exact commands.
    available : bool
        Whether its files were found on this machine just now. Data on a hub counts as available where its
        library is installed, since whether a download would succeed is known only by trying.
    on_hub : bool
        Whether it is downloaded from the hub, or read from a local folder that the specification names.
    strata : str or None
        What its strata are, in the plural ("books"), where each holds many pairs, so that shuffling within them
        misaligns; `None` where pairs name no stratum, or each has one of its own.
    one_text : bool
        Whether all its languages give one and the same text, so that equal ids mean the same sentence.
    """

    name: str
    variants: tuple[str, ...]
    default: str | None
    sides: str
    description: str
    license: str
    how_to_get: str
    available: bool
    on_hub: bool = False
    strata: str | None = None
    one_text: bool = False


@dataclass(frozen=True)
class DatasetOptions:
    """The options of `load_pairs` that only some sources understand (`None`: not given), and whether it is `same:`."""

    columns: tuple[str, str] | None = None
    header: bool | None = None
    id_column: str | None = None
    stratum_column: str | None = None
    image_columns: tuple[str, ...] | None = None
    pairs_per_class: int | None = None
    seed: int | None = None
    split: str | None = None
    revision: str | None = None
    encoding: str | None = None
    same: bool = False
    """Whether one side is enough, since it is to stand on both."""

    def given(self) -> frozenset[str]:
        """Return the names of the options that were given."""
        return frozenset(name for name, value in vars(self).items() if value is not None and name != "same")


@dataclass(frozen=True)
class Request:
    """A specification taken apart: `NAME[:VARIANT][@ROOT]`, with its options."""

    spec: str
    name: str
    variant: str | None
    root: Path | None
    options: DatasetOptions


@dataclass(frozen=True)
class DatasetSource:
    """A named source of pairs: how to load from it, what it understands, what to tell about it."""

    name: str
    load: Callable[[Request], Pairs]
    info: Callable[[], DatasetInfo]
    options: frozenset[str] = frozenset()
    variant_info: Callable[[str], DatasetInfo] | None = None
    """Describes one variant, where each comes in files of its own; the part after the colon is given."""


@dataclass(frozen=True)
class FileFormat:
    """A kind of file that users bring: how to load it, and the options that it understands."""

    load: Callable[[Path, DatasetOptions], Pairs]
    options: frozenset[str] = frozenset()


def split_spec(spec: str, /) -> tuple[str, str | None, Path | None]:
    """Take `NAME[:VARIANT][@ROOT]` apart.

    Examples
    --------
    >>> split_spec("bible:en-it")
    ('bible', 'en-it', None)
    >>> split_spec("flickr30k@/data/flickr")[0], split_spec("flickr30k@/data/flickr")[2].name
    ('flickr30k', 'flickr')
    """
    head, at, root = spec.partition("@")
    name, colon, variant = head.partition(":")
    if (at and not root) or (colon and not variant):
        message = f"a data set is written NAME[:VARIANT][@FOLDER], got {spec!r} with nothing after the mark."
        raise InputError(message)
    return name, variant or None, path_of(root) if root else None


@dataclass(frozen=True)
class OwnFiles:
    """What a specification names of the user's own.

    Parameters
    ----------
    paths : tuple of Path
        A file or folder, or two files that are aligned line by line.
    after_colon : str or None
        What stands behind it (``FILE:A,B``).
    """

    paths: tuple[Path, ...]
    after_colon: str | None = None


def own_files(spec: str, /) -> OwnFiles | None:
    """Find the files or the folder that ``FILE``, ``FILE:A,B``, ``FILE,FILE`` or ``FOLDER`` names, None if there are none.

    A name with a colon or a comma in it is a file first of all, where there is such a file.
    """
    path = path_of(spec)
    head, colon, tail = spec.rpartition(":")
    first, comma, second = spec.partition(",")
    if is_there(path):
        return OwnFiles((path,))
    if colon and is_there(path_of(head)):
        return OwnFiles((path_of(head),), tail)
    if comma and is_there(path_of(first)) and path_of(first).is_file():
        return OwnFiles((path_of(first), path_of(second)))
    return None


def language_pair(request: Request, known: Sequence[str], default: str, /) -> tuple[str, str]:
    """Return the two languages of a variant such as "en-it".

    Raises
    ------
    InputError
        If the variant is not two different languages.
    NotFoundError
        If the source lacks one of them.
    """
    variant = request.variant or default
    if request.options.same and variant in known:
        return variant, variant
    first, dash, second = variant.partition("-")
    if not dash or not second or "-" in second or first == second:
        message = (
            f"{request.name} needs two different languages, as in {request.name}:{default}; got {variant!r}. "
            f"It has {', '.join(known)}."
        )
        raise InputError(message)
    for language in (first, second):
        if language not in known:
            message = f"{request.name} has no language {language!r}; it has {', '.join(known)}."
            raise NotFoundError(message)
    return first, second


def one_of(request: Request, known: Sequence[str], default: str, /) -> str:
    """Return the variant, which must be one of those known.

    Raises
    ------
    NotFoundError
        If it is not.
    """
    variant = request.variant or default
    if variant not in known:
        message = f"{request.name} has no variant {variant!r}; it has {', '.join(known)}."
        raise NotFoundError(message)
    return variant


def no_variant(request: Request, /) -> None:
    """Refuse a variant where there are none.

    Raises
    ------
    InputError
        If the specification has one.
    """
    if request.variant is not None:
        message = (
            f"{request.name} has no variants, got {request.variant!r}. "
            f"A local copy is written {request.name}@FOLDER."
        )
        raise InputError(message)
