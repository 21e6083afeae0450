"""What a run keeps of its items, so that a reader sees which pairs agree: names, groups, texts, small pictures.

A file of JSON lines per set of items: a header, then a line per item in the order of the results. The files of the
data may be gone when the run is read.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from platoscope.checks import in_short
from platoscope.datasets import thumbnail
from platoscope.errors import InputError, StorageError
from platoscope.hashing import digest
from platoscope.studies.run.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from platoscope.datasets import Pairs, Side
    from platoscope.studies.design.comparison import Source, Surface
    from platoscope.studies.run.runs import StudyResult

__all__ = ["KeptItems", "items_file", "keep_items", "read_items"]

_FORMAT = 1
_LONGEST = 1000
"""Characters of a text that are kept."""


@dataclass(frozen=True, kw_only=True)
class KeptItems:
    """The items of one comparison, in the order of its result.

    Parameters
    ----------
    pairs : str
        How the data were asked for.
    license : str
        What the data say of their license; empty where they say nothing.
    shown : bool
        Whether texts and pictures were kept, which the license may forbid; `a` and `b` are empty otherwise.
    names, modalities : pair of str
        Of side A and side B of the comparison: a language or the like; "text" or "image".
    ids : tuple of str
        Names of the items.
    strata : tuple of (str or None)
        The group of each item.
    titles : tuple of str
        What a reader calls each item, empty for one without; none at all where the data have no titles.
    a, b : tuple of str
        Of each item what side A and side B read: a text, cut after 1,000 characters (with "…" at its end then), or a
        small picture as a ``data:image/webp`` URL.
    """

    pairs: str
    license: str
    shown: bool
    names: tuple[str, str]
    modalities: tuple[str, str]
    ids: tuple[str, ...]
    strata: tuple[str | None, ...]
    a: tuple[str, ...]
    b: tuple[str, ...]
    titles: tuple[str, ...] = ()


def items_file(pairs: Pairs, /) -> str:
    """Name the file of these items within a run's folder; equal content has one name."""
    return f"items/{pairs.fingerprint()[:16]}.jsonl"


def keep_items(folder: RunFolder, name: str, pairs: Pairs, /) -> None:
    """Write the file of items, unless it is there."""
    header = _header(pairs)
    if not folder.items_begin(name, header):
        folder.write_items(name, _lines(header, pairs))


def _header(pairs: Pairs) -> dict[str, Any]:
    sides = {side: getattr(pairs, side) for side in ("a", "b")}
    return {
        "format": _FORMAT,
        "pairs": pairs.name,
        "n": len(pairs),
        **{side: {"name": given.name, "modality": given.modality} for side, given in sides.items()},
        "license": str(pairs.provenance.get("license", "")),
        "shown": pairs.may_be_shown,
        "longest": _LONGEST,
        **({} if pairs.titles is None else {"titles": digest(list(pairs.titles))}),
    }


def _lines(header: Mapping[str, Any], pairs: Pairs) -> Iterator[Mapping[str, Any]]:
    yield header
    strata = pairs.strata or (None,) * len(pairs)
    for row, (name, stratum) in enumerate(zip(pairs.ids, strata, strict=True)):
        content = {"a": _content(pairs.a, row), "b": _content(pairs.b, row)} if header["shown"] else {}
        if header["shown"] and pairs.titles is not None:
            content["title"] = pairs.titles[row]
        yield {"id": name, "stratum": stratum, **content}


def _content(side: Side, row: int) -> str:
    item = side[row]
    if side.modality == "text":
        text = str(item)
        return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return f"data:image/webp;base64,{base64.b64encode(thumbnail(item)).decode('ascii')}"


def read_items(result: StudyResult, label: str, /) -> KeptItems | None:
    """Read what a run kept of the items of one comparison.

    Parameters
    ----------
    result : StudyResult
        From `execute` or `load_run`.
    label : str
        Of the comparison.

    Returns
    -------
    KeptItems or None
        None of a comparison whose result tells nothing of single items: of anything but profiles, sweeps and grids, of
        grids with more ranks than a run keeps, of pairs that were misaligned on purpose, with ``items=False``, and in runs
        from before there were any.

    Raises
    ------
    NotFoundError
        If the run has no such comparison.
    StorageError
        If the file is missing or damaged, or is about other items.
    """
    if not callable(getattr(getattr(result, "plan", None), "comparison", None)):
        msg = f"read_items takes what load_run returns; got {in_short(result)}."
        raise InputError(msg)
    comparison = result.plan.comparison(label)
    labelled = result.results[comparison.label]
    name = labelled.attrs.get("items_file")
    if not name:
        return None
    folder = RunFolder(result.folder)
    if not re.fullmatch(r"items/[0-9a-f]{16}\.jsonl", str(name)):
        msg = f"the result of {label!r} in {folder.path} names {str(name)!r} as the file of its items, which is none."
        raise StorageError(msg)
    header, *lines = folder.read_items(str(name)) or [{}]
    sides = tuple(cast("Source | Surface", side).side for side in comparison.sides)
    try:
        found = KeptItems(
            pairs=header["pairs"],
            license=header["license"],
            shown=header["shown"],
            names=(header[sides[0]]["name"], header[sides[1]]["name"]),
            modalities=(header[sides[0]]["modality"], header[sides[1]]["modality"]),
            ids=tuple(line["id"] for line in lines),
            strata=tuple(line["stratum"] for line in lines),
            a=tuple(line[sides[0]] for line in lines if header["shown"]),
            b=tuple(line[sides[1]] for line in lines if header["shown"]),
            titles=tuple(line["title"] for line in lines if "title" in line),
        )
    except (KeyError, TypeError) as error:
        msg = f"{folder.path / name} is not of this version of Platoscope: {error!r}. Run the study again."
        raise StorageError(msg) from error
    if list(found.ids) != labelled["item"].values.tolist():
        msg = (
            f"{folder.path / name} is about other items than the result of {label!r}; run the study again with "
            f"--out {folder.path}."
        )
        raise StorageError(msg)
    return found
