"""A verdict on the asymmetry, from several spaces: it depends on the space, so one alone decides nothing.

The sign of δ can turn with the preparation of the rows (docs/measures.md). A statement about it is judged in the
space of its comparison and again in each space of the comparison beside it (`spaces_label`, which a plan adds), with
one and the same rule:

- **held**: in its own space and in at least one other, and nowhere certainly not;
- **did not hold**: likewise;
- **not decided**: everything else, with the answer of each space.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from platoscope.studies.design.records import Finding, Statement
from platoscope.studies.design.space import spaces_label

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import xarray as xr

    from platoscope.studies.design.records import Answer

__all__ = ["about_asymmetry"]

_OPPOSITE: dict[Answer, Answer] = {"held": "did not hold", "did not hold": "held"}


def about_asymmetry(
    text: str,
    needs: Sequence[str],
    check: Callable[[Mapping[str, xr.Dataset]], Finding],
    /,
) -> Statement:
    """Make a statement about the asymmetry of all comparisons that it needs, judged in several spaces.

    Results without any comparison in several spaces (of a caller's own) are judged as they are, and the
    evidence says that it was one space.
    """
    labels = tuple(needs)

    def checked(results: Mapping[str, xr.Dataset]) -> Finding:
        own = check(results)
        here = " and ".join(dict.fromkeys(_space(results[label]) for label in labels))
        others = _others(results, labels, here)
        if not others:
            return Finding(own.answer, f"{own.evidence} In one space: {here}.", own.n_to_decide)
        found = {name: check({**results, **placed}) for name, placed in others.items()}
        return _agreed(own, found, here)

    return Statement(text, labels, checked, asymmetry_of=labels)


def _space(result: xr.Dataset) -> str:
    return str(result.attrs.get("space") or result.attrs.get("transform", "none"))


def _others(
    results: Mapping[str, xr.Dataset], labels: Sequence[str], here: str
) -> dict[str, dict[str, xr.Dataset]]:
    """Give, for each space but the own that all comparisons were put into, their results there."""
    beside = [results.get(spaces_label(label)) for label in labels]
    if any(result is None or "space" not in result.dims for result in beside):
        return {}
    placed: dict[str, dict[str, xr.Dataset]] = {}
    every = [result for result in beside if result is not None]
    names = [str(name) for name in every[0]["space"].values]
    words = json.loads(every[0].attrs.get("spaces", "null")) or names
    for i, told in zip(range(len(names)), words, strict=True):
        if told != here:
            placed[told] = {label: result.isel(space=i) for label, result in zip(labels, every, strict=True)}
    return placed


def _agreed(own: Finding, others: Mapping[str, Finding], here: str) -> Finding:
    """Join the answers of all spaces."""
    by_answer: dict[str, list[str]] = {own.answer: [here]}
    for name, finding in others.items():
        by_answer.setdefault(finding.answer, []).append(name)
    metrics = {name.rpartition("; ")[2] for names in by_answer.values() for name in names}
    if len(metrics) == 1:  # said once
        by_answer = {
            answer: [name.rpartition("; ")[0] or name for name in names]
            for answer, names in by_answer.items()
        }
    told = "; ".join(f"{answer} in {' | '.join(names)}" for answer, names in by_answer.items())
    evidence = f"{own.evidence} By preparation of the rows: {told}."
    if own.answer not in _OPPOSITE:
        return Finding("not decided", evidence, own.n_to_decide)
    answers = [finding.answer for finding in others.values()]
    if _OPPOSITE[own.answer] in answers:
        return Finding("not decided", f"{evidence} It depends on the space, whatever N.")
    if own.answer in answers:
        return Finding(own.answer, evidence)
    needed = [finding.n_to_decide for finding in others.values() if finding.n_to_decide is not None]
    n = min(needed, default=None)
    power = "no N within reach" if n is None else f"about {n:,} items"
    return Finding("not decided", f"{evidence} No other space can tell yet; {power} could.", n)
