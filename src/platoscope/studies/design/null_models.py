"""Null models of the network: a comparison without training, with two random maps, and without word order.

`untrained` and `words_shuffled` make one of them; `beside_null_models` puts those that a user asks for beside every profile
that a study draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from platoscope.arguments import mapping, sequence
from platoscope.datasets.load import dataset_info
from platoscope.errors import InputError
from platoscope.models import split_untrained, untrained_name
from platoscope.studies.design.comparison import Comparison, Source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from platoscope.studies.design.records import Choices, Design, Panel

__all__ = [
    "SEEDS",
    "beside_null_models",
    "crossed_seeds",
    "refused_null_models",
    "untrained",
    "words_shuffled",
]

SEEDS: Final = 3
"""Of untrained models, where nobody says how many."""

_SHUFFLED = "words shuffled"
_UNTRAINED = "untrained"
_TWO_SEEDS = "untrained, two seeds"
_ALL = "null models of the network"
_ORDER = 0  # the seed of the orders of words, one for all


def untrained(comparison: Comparison, a: int, b: int | None = None, /, *, label: str = "") -> Comparison:
    """Give the same comparison of the same models with random weights.

    Parameters
    ----------
    comparison : Comparison
        Both of its sides are read by trained models.
    a, b : int
        Seeds of the weights that read each side; `b` is `a` by default.
    label : str
        Its label; by default that of the comparison, and the seeds.
    """
    b = a if b is None else b
    seeds = f"{a}" if a == b else f"{a} and {b}"
    return replace(
        comparison,
        label=label or f"{comparison.label}, {_UNTRAINED} {seeds}",
        a=_drawn(comparison.a, a),
        b=_drawn(comparison.b, b),
    )


def _drawn(side: Any, seed: int) -> Source:
    assert isinstance(side, Source), "only a side that a model reads has an untrained one"
    return replace(side, model=untrained_name(side.model, seed))


def words_shuffled(comparison: Comparison, /, *, label: str = "") -> Comparison:
    """Give the same comparison of the same items with the words of every text in a random order."""
    assert comparison.items is not None, "only synthetic comparisons have no items"
    return replace(
        comparison,
        label=label or f"{comparison.label}, {_SHUFFLED}",
        items=replace(comparison.items, shuffle_words=_ORDER),
    )


def crossed_seeds(n: int, /) -> list[tuple[int, int]]:
    """Pair each of n seeds with the next one, and the last with the first.

    Examples
    --------
    >>> crossed_seeds(3)
    [(0, 1), (1, 2), (2, 0)]
    """
    return [(seed, (seed + 1) % n) for seed in range(n)]


@dataclass(frozen=True)
class _Null:
    """One null model of one comparison: its kind in words, and what a picture calls it."""

    kind: str
    name: str
    comparison: Comparison


def beside_null_models(design: Design, choices: Choices, /) -> Design:
    """Put beside every profile that a panel of kind ``profile`` draws the null models that the user asks for.

    Parameters
    ----------
    design : Design
        Of a study.
    choices : Choices
        `untrained` seeds, `mismatched_seeds` and `shuffle_words`; without any the design is given back.

    Returns
    -------
    Design
        With one more comparison for each profile and null model, after the study's own, and these as baselines of the
        panels. Statements are as they were. A comparison that the study has already is not added, and one that is a null
        model itself, or of shuffled pairs, has none.

    Raises
    ------
    InputError
        If the study calls another comparison what one of them is called.
    """
    known = {comparison.label: comparison for comparison in design.comparisons}
    same = {_without_label(comparison): comparison.label for comparison in design.comparisons}
    added: dict[str, Comparison] = {}
    panels = []
    for panel in design.panels:
        nulls: dict[str, list[_Null]] = {}
        for label, name in _conditions(panel):
            found = [
                replace(null, comparison=replace(null.comparison, label=same[key])) if key in same else null
                for null in _nulls(known[label], choices)
                for key in [_without_label(null.comparison)]
            ]
            _check_free([null.comparison for null in found], known)
            added |= {n.comparison.label: n.comparison for n in found if n.comparison.label not in known}
            nulls[name] = [null for null in found if null.comparison.label not in panel.labels]
        panels.append(_drawn_beside(panel, nulls))
    return replace(design, comparisons=(*design.comparisons, *added.values()), panels=tuple(panels))


def _check_free(nulls: Sequence[Comparison], known: Mapping[str, Comparison]) -> None:
    """Refuse labels that the study has for something else, which would be drawn and judged as the null model."""
    taken = next((null.label for null in nulls if known.get(null.label, null) != null), None)
    if taken is not None:
        msg = f"the study calls a comparison of its own {taken!r}, which is what the null model is called; rename it"
        raise InputError(msg)


def _conditions(panel: Panel) -> list[tuple[str, str]]:
    """Give labels and names of what a panel draws that is no baseline already, if it draws profiles."""
    if panel.kind != "profile":
        return []
    named = zip(panel.labels, panel.names or panel.labels, strict=True)
    return [(label, name) for label, name in named if name not in panel.baselines]


def _without_label(comparison: Comparison) -> Comparison:
    return replace(comparison, label="any")


def _nulls(comparison: Comparison, choices: Choices) -> list[_Null]:
    """Give the null models of one comparison that are asked for and that it can have."""
    if not _is_trained_profile(comparison):
        return []
    seeds = range(choices.untrained)
    nulls = [_Null(_UNTRAINED, f"{_UNTRAINED} {seed}", untrained(comparison, seed)) for seed in seeds]
    if choices.mismatched_seeds and _of_one_model(comparison):
        nulls += [
            _Null(_TWO_SEEDS, f"{_UNTRAINED} {a} and {b}", untrained(comparison, a, b))
            for a, b in crossed_seeds(choices.untrained)
        ]
    if choices.shuffle_words and _has_words(comparison):
        nulls.append(_Null(_SHUFFLED, _SHUFFLED, words_shuffled(comparison)))
    return nulls


def _is_trained_profile(comparison: Comparison) -> bool:
    """Tell whether trained models read both sides, of pairs as they are."""
    items = comparison.items
    return (
        comparison.kind == "profile"
        and items is not None
        and items.shuffle_words is None
        and comparison.shuffle is None
        and all(
            isinstance(side, Source) and split_untrained(side.model)[1] is None for side in comparison.sides
        )
    )


def _of_one_model(comparison: Comparison) -> bool:
    """Tell whether one model reads both sides: two have two random maps with any seeds."""
    return len({side.model for side in comparison.sides if isinstance(side, Source)}) == 1


def _has_words(comparison: Comparison) -> bool:
    """Tell whether a side may be texts; of the user's own files nothing is known before they are read."""
    info = None if comparison.items is None else dataset_info(comparison.items.data)
    return info is None or "text" in info.sides


def _drawn_beside(panel: Panel, nulls: Mapping[str, Sequence[_Null]]) -> Panel:
    """Draw null models as baselines, by their kind and by the condition whose they are."""
    if not any(nulls.values()):
        return panel
    lone = len(nulls) == 1
    labels, names = list(panel.labels), list(panel.names or panel.labels)
    given = panel.options.get("baselines") or {}
    mapping(f"baselines of panel {panel.title!r}", given)
    baselines: dict[str, Any] = dict(given)
    for condition, found in nulls.items():
        for null in found:
            name = null.name if lone else f"{condition}, {null.name}"
            labels.append(null.comparison.label)
            names.append(name)
            group = baselines.get(null.kind, [] if lone else {})
            what = f"baselines {null.kind!r} of panel {panel.title!r}"
            if isinstance(group, Mapping):
                of_condition = sequence(what, group.get(condition, ()), of="names")
                baselines[null.kind] = {**group, condition: [*of_condition, name]}
            else:
                baselines[null.kind] = [*sequence(what, group, of="names"), name]
    options = {**panel.options, "baselines": baselines}
    return replace(panel, labels=tuple(labels), names=tuple(names), options=options)


def refused_null_models(design: Design, choices: Choices, /) -> dict[str, str]:
    """Say which null models that a user asks for a study's design has none of, and why; empty where it has all of them."""
    known = {comparison.label: comparison for comparison in design.comparisons}
    drawn = [known[label] for panel in design.panels for label, _ in _conditions(panel)]
    trained = [comparison for comparison in drawn if _is_trained_profile(comparison)]
    if not any((choices.untrained, choices.shuffle_words)):
        return {}
    if not drawn:
        return {_ALL: "it draws no profile, beside which null models could stand"}
    if not trained:
        return {_ALL: "all profiles that it draws are of no model, or null models or shuffled pairs already"}
    refused = {}
    if choices.shuffle_words and not any(map(_has_words, trained)):
        refused[f"{_ALL}, {_SHUFFLED}"] = (
            "all profiles that it draws are of images, which have no words to shuffle"
        )
    if choices.mismatched_seeds and not any(map(_of_one_model, trained)):
        refused[f"{_ALL}, {_TWO_SEEDS}"] = (
            "two models read the sides of every profile that it draws, so that seeds are mismatched already"
        )
    return refused
