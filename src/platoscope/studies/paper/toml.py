"""Studies that users write as TOML files.

A file has the fields of `Study` that are words, and tables for the rest::

    name = "french"
    question = "Which layers share the meaning of English and French?"

    [settings]                      # fields of Settings; all have defaults
    n = 500

    [[comparison]]                  # fields of Comparison
    label = "en-fr"
    kind = "profile"
    a = { model = "gemma-3-270m", side = "a", pooling = "mean(10)" }
    b = { model = "gemma-3-270m", side = "b", pooling = "mean(10)" }
    items = { data = "bible:en-fr" }

    [[panel]]                       # fields of Panel
    kind = "profile"
    labels = ["en-fr"]
    title = "English and French"

    [[statement]]                   # a claim, and the words for it
    claim = "minimum-in-the-middle"
    labels = ["en-fr"]
    text = "The minimum lies in the middle layers."

The claims are those of `CLAIMS`. ``platoscope run french.toml`` runs it. Relative paths of models and data are those of
the file's folder.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from platoscope.checks import in_short, word
from platoscope.datasets.load import beside as data_beside
from platoscope.errors import InputError, NotFoundError, guarded
from platoscope.filenames import is_there
from platoscope.models.locations import beside as model_beside
from platoscope.studies.design.comparison import Source, Surface, Synthetic
from platoscope.studies.design.records import Choices, Design, Statement, Study
from platoscope.studies.design.relations import paired
from platoscope.studies.design.serial import comparison_from, panel_from, settings_from
from platoscope.studies.design.synthetic import COORDINATES
from platoscope.studies.judge import claims

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from platoscope.studies.design.comparison import Comparison

__all__ = ["CLAIMS", "read_study"]

_WORDS = ("name", "question", "figure", "needs", "shortfall", "notes")
_TABLES = ("settings", "comparison", "panel", "statement")

CLAIMS: dict[str, Callable[..., Statement]] = {
    "minimum-in-the-middle": claims.minimum_in_the_middle,
    "minimum-at-the-end": claims.minimum_at_the_end,
    "last-below-first": claims.last_below_first,
    "rising": claims.rising,
    "shares-more": claims.shares_more,
    "same-shape": claims.same_shape,
    "coincide": claims.coincide,
    "asymmetry-sign": claims.asymmetry_sign,
    "asymmetry-zero-at-minimum": claims.asymmetry_zero_at_minimum,
    "shuffled-at-one": lambda *labels, text: claims.shuffled_at_one(_shuffled(labels), text=text),
}
"""The claims that a file may make, by name; further keys of a statement are their keyword arguments."""

_OF_SEVERAL = ("rising", "shares-more", "same-shape", "coincide")


def _shuffled(labels: Sequence[str]) -> dict[str, str]:
    """Pair each shuffled comparison with the one that has the pairs as they were."""
    if not labels or len(labels) % 2:
        msg = f"claim 'shuffled-at-one' needs labels = [shuffled, aligned], or several such pairs; got {len(labels)}"
        raise InputError(msg)
    return dict(zip(labels[::2], labels[1::2], strict=True))


def read_study(path: Path, /) -> Study:
    """Read a study from a TOML file; the module's docstring shows one.

    Raises
    ------
    NotFoundError
        If there is no such file.
    InputError
        If it is no TOML, or a name in it is unknown; the message says where.
    """
    if not is_there(path) or not path.is_file():
        msg = f"there is no study file {str(path)!r}"
        raise NotFoundError(msg)
    with guarded(
        f"{path.name} is no valid TOML", "Mend the file; `platoscope.studies.paper.toml` shows one."
    ):
        content = tomllib.loads(path.read_bytes().decode("utf-8"))
    try:
        return _study(content, where=path.name, folder=path.parent)
    except InputError as error:
        if str(error).startswith(path.name):
            raise
        msg = f"{path.name}: {error}"
        raise InputError(msg) from error


def _study(content: Mapping[str, Any], *, where: str, folder: Path) -> Study:
    unknown = [name for name in content if name not in (*_WORDS, *_TABLES)]
    if unknown:
        known = ", ".join((*_WORDS, *(f"[{table}]" for table in _TABLES)))
        msg = f"{where}: unknown {', '.join(map(repr, unknown))}; a study has {known}"
        raise InputError(msg)
    for name in ("name", "question", "comparison"):
        if not content.get(name):
            msg = f"{where}: a study needs {name!r}"
            raise InputError(msg)
    for name in ("comparison", "panel", "statement"):
        if not isinstance(content.get(name, []), list):
            msg = f"{where}: write [[{name}]], in two brackets: a study may have several"
            raise InputError(msg)
    comparisons = tuple(
        _beside(comparison_from(values, where=f"{where}: comparison {i}"), folder)
        for i, values in enumerate(content["comparison"], start=1)
    )
    design = Design(
        comparisons=comparisons,
        panels=tuple(
            panel_from(values, where=f"{where}: panel {i}")
            for i, values in enumerate(content.get("panel", ()), start=1)
        ),
        statements=tuple(
            _statement(values, comparisons, where=f"{where}: statement {i}")
            for i, values in enumerate(content.get("statement", ()), start=1)
        ),
    )
    words = {name: content[name] for name in _WORDS if name in content}
    if "notes" in words:
        if not isinstance(words["notes"], list):
            msg = f"{where}: notes must be a list of texts; got {in_short(words['notes'])}"
            raise InputError(msg)
        words["notes"] = tuple(words["notes"])
    settings = settings_from(content.get("settings", {}), where=f"{where}: [settings]")

    def plan(choices: Choices) -> Design:
        _refuse_choices(choices, where=where)
        return design

    return Study(design=plan, settings={"bundled": settings}, **words)


def _beside(comparison: Comparison, folder: Path) -> Comparison:
    """Take the paths that a comparison names from the folder of its file, wherever the command runs."""
    a, b, *given = (
        replace(side, model=model_beside(side.model, folder)) if isinstance(side, Source | Surface) else side
        for side in comparison.all_sides
    )
    items = comparison.items and replace(
        comparison.items,
        data=data_beside(comparison.items.data, folder),
        together=tuple(data_beside(data, folder) for data in comparison.items.together),
        tokenizers=tuple(model_beside(model, folder) for model in comparison.items.tokenizers),
    )
    return replace(comparison, a=a, b=b, items=items, given=next(iter(given), None))  # type: ignore[arg-type]


def _refuse_choices(choices: Choices, *, where: str) -> None:
    """Refuse to replace what a file spells out for each of its comparisons."""
    options = {
        "--model": choices.models,
        "--pairs": choices.pairs,
        "--pooling": choices.poolings,
        "--layers": choices.layers,
    }
    given = [option for option, value in options.items() if value is not None]
    if given:
        msg = f"{where} says itself what each comparison reads; leave out {', '.join(given)}, or change the file"
        raise InputError(msg)


def _statement(values: Mapping[str, Any], comparisons: Sequence[Comparison], *, where: str) -> Statement:
    if not isinstance(values, dict):
        msg = f"{where} must be a table with a claim, labels and a text; got {in_short(values)}"
        raise InputError(msg)
    given = dict(values)
    claim, labels = given.pop("claim", None), given.pop("labels", ())
    if claim == "null-at-one":
        msg = (
            f"{where}: claim='null-at-one' is none: over many shuffles the mean of Δ is 1 by its definition. "
            "Take 'shuffled-at-one' for one shuffle, within strata above all."
        )
        raise InputError(msg)
    if not isinstance(claim, str) or claim not in CLAIMS:
        msg = f"{where}: claim={in_short(claim)} is unknown; there are {', '.join(CLAIMS)}"
        raise InputError(msg)
    if not isinstance(labels, list) or not labels or not isinstance(given.get("text"), str):
        msg = f"{where}: a statement needs labels, a list of comparisons, and a text"
        raise InputError(msg)
    for label in labels:
        _check_claim(claim, label, comparisons, axis=given.get("axis", "relative_depth_a"), where=where)
    arguments = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    try:
        statement = CLAIMS[claim](*labels, **arguments)
    except TypeError as error:
        msg = f"{where}: claim {claim!r} does not fit its keys: {error}"
        raise InputError(msg) from error
    except InputError as error:
        msg = f"{where}: {error}"
        raise InputError(msg) from error
    if claim in _OF_SEVERAL:
        _check_several(claim, labels, comparisons, where=where)
    return statement


def _check_several(
    claim: str, labels: Sequence[str], comparisons: Sequence[Comparison], *, where: str
) -> None:
    """Refuse a claim that holds comparisons against each other where there are none to hold so."""
    if len(set(labels)) < max(len(labels), 2):
        msg = f"{where}: claim {claim!r} needs two labels or more, each once; got {', '.join(labels)}"
        raise InputError(msg)
    if claim == "shares-more" and not paired([item for item in comparisons if item.label in labels]):
        msg = (
            f"{where}: claim {claim!r} takes differences item by item, which need comparisons over the same items: of "
            "the same data within the same limits, counted by the same tokenizers, or of data that are named in the "
            f"same `together`; got {', '.join(labels)}"
        )
        raise InputError(msg)


def _check_claim(
    claim: str, label: str, comparisons: Sequence[Comparison], *, axis: object, where: str
) -> None:
    """Refuse a claim about a comparison whose result it cannot read, before that result is computed."""
    known = {comparison.label: comparison for comparison in comparisons}
    word(f"{where}: each of labels", label)
    if label not in known:
        msg = f"{where}: the study has no comparison {label!r}; it has {', '.join(known)}"
        raise InputError(msg)
    comparison = known[label]
    if comparison.kind not in ("profile", "sweep"):
        msg = (
            f"{where}: claim {claim!r} is about the layers of a profile or a sweep; "
            f"comparison {label!r} is of kind {comparison.kind!r}"
        )
        raise InputError(msg)
    axes = ["relative_depth_a", "relative_depth_b"]
    if isinstance(comparison.a, Synthetic):
        axes = [COORDINATES[comparison.a.construction]]
    if axis not in axes:
        msg = (
            f"{where}: claim {claim!r} looks along {axis!r}, which comparison {label!r} does not have; "
            f"it has {' and '.join(axes)}. Claims that take `axis` can look along another one."
        )
        raise InputError(msg)
