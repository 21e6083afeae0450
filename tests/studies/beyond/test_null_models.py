"""Null models of the network: what the study claims, on made-up profiles on both sides of each claim."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from platoscope.layerwise import profile
from platoscope.studies import get_study, make_plan
from platoscope.studies.run.execution import judge_all

if TYPE_CHECKING:
    import xarray as xr

_HOW = {"n_resamples": 20, "n_permutations": 0, "rng": 0}


def _result(noise: float, seed: int = 0) -> xr.Dataset:
    """Give a profile of three layers whose sides share one cloud, with noise of a given size on the second."""
    rng = np.random.default_rng(seed)
    X = [np.random.default_rng(7).standard_normal((120, 6)) for _ in range(3)]
    return profile(X, [x + noise * rng.standard_normal(x.shape) for x in X], **_HOW)


def _answers(noises: dict[str, float]) -> list[str]:
    plan = make_plan(get_study("null-models"), n=120)
    results = {}
    for i, label in enumerate(item.label for item in plan.comparisons):
        kind = label.partition("bible:en-it ")[2]
        kind = kind if kind in noises else kind.rstrip("012")
        results[label] = _result(noises[kind if kind in noises else "two"], seed=i)
    return [verdict.answer for verdict in judge_all(plan, results)]


@pytest.mark.parametrize(
    ("noises", "expected"),
    [
        ({"trained": 0.05, "untrained ": 1.0, "words shuffled": 0.6, "two": 50.0},
         ["held", "held", "held", "held", "held"]),
        ({"trained": 1.0, "untrained ": 0.05, "words shuffled": 0.05, "two": 0.01},
         ["did not hold", "did not hold", "held", "did not hold", "did not hold"]),
    ],
)  # fmt: skip
def test_statements_hold_and_do_not_hold(noises: dict[str, float], expected: list[str]) -> None:
    """Each statement is told from its contrary, and that untrained models share nothing is no finding of the first."""
    assert _answers(noises) == expected


def test_unrelated_sides_share_nothing() -> None:
    """Where the sides of untrained models are unrelated, that they share something does not hold or is left open."""
    answers = _answers({"trained": 0.05, "untrained ": 1e6, "words shuffled": 0.6, "two": 1e6})
    assert answers[2] != "held"


def test_items_and_sides_are_those_of_the_trained_model() -> None:
    """All comparisons look at the same items, chosen by the trained model's tokenizer; shuffled words are other texts."""
    plan = make_plan(get_study("null-models"))
    items = {item.items for item in plan.comparisons if item.items.shuffle_words is None}
    assert len(items) == 1
    assert next(iter(items)).tokenizers == ("gemma-3-270m",)
    assert plan.n_passes == 10
    crossed = [item for item in plan.comparisons if item.a.model != item.b.model]
    assert len(crossed) == 3
