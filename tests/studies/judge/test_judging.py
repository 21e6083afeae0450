"""How a claim is decided: its bounds, its three answers, and how many items it would take."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from platoscope.studies.judge.evidence import Quantity, curve
from platoscope.studies.judge.judging import Exclusive, Part, decide, equal, n_to_decide, pooled
from platoscope.studies.judge.rules import monotone, ordered

if TYPE_CHECKING:
    from collections.abc import Callable

N, SIZE, RESAMPLES = 1000, 250, 200


def _quantity(z: float, rng: np.random.Generator, *, se: float = 0.01) -> Quantity:
    """Give a number that lies `z` standard errors from zero, with subsamples of its own."""
    noise = rng.standard_normal(RESAMPLES)
    noise = (noise - noise.mean()) / noise.std(ddof=1) * se / math.sqrt(SIZE / (N - SIZE))
    return Quantity(z * se, z * se + noise, N, SIZE)


def _column(*scores: float, seed: int = 0) -> list[Part]:
    rng = np.random.default_rng(seed)
    return [Part(f"part {i}", _quantity(z, rng)) for i, z in enumerate(scores)]


@pytest.mark.parametrize(
    ("scores", "answer"),
    [
        ((2.0,), "held"),
        ((1.9,), "not decided"),
        ((-1.9,), "not decided"),
        ((-2.0,), "did not hold"),
        # All must pass, so many parts ask for no more than one.
        ((2.0,) * 20, "held"),
        ((2.0, 2.0, 1.9), "not decided"),
        # The worst of many is picked, so it must be farther out: about 3 of 20.
        ((-2.5, *(2.0,) * 19), "not decided"),
        ((-3.5, *(2.0,) * 19), "did not hold"),
    ],
)
def test_parts_of_a_column_must_hold_together(scores: tuple[float, ...], answer: str) -> None:
    """The weakest part decides; against a column it must pass the bound of the worst of all."""
    assert decide([_column(*scores)]).answer == answer


@pytest.mark.parametrize(
    ("n_drawn", "answer"), [(1, "not decided"), (2, "not decided"), (9, "not decided"), (10, "held")]
)
def test_few_subsamples_decide_nothing(n_drawn: int, answer: str) -> None:
    """Of two subsamples that happen to agree the standard error is near nothing, and anything would be certain."""
    noise = np.random.default_rng(0).standard_normal(n_drawn) * 1e-4
    finding = decide([[Part("part", Quantity(0.01, 0.01 + noise, N, SIZE))]])
    assert finding.answer == answer
    assert ("take at least 10" in finding.evidence) == (1 < n_drawn < 10)


def test_one_number_neither_rises_nor_falls() -> None:
    """A study of one pooling or one model has nothing to put in order, and says so."""
    numbers = {"only": _quantity(5.0, np.random.default_rng(0))}
    for rule in (monotone, ordered):
        assert "too few" in decide(rule(numbers, name="x")).evidence


def test_the_best_of_several_columns_must_pass_the_bound_of_the_best() -> None:
    """One of twenty columns at 2.5 standard errors is what chance gives; one at 3.5 is not."""
    rng = np.random.default_rng(0)
    columns = [[Part("null", _quantity(0.0, rng))] for _ in range(19)]
    for z, answer in ((2.5, "not decided"), (3.5, "held")):
        assert decide([*columns, [Part("best", _quantity(z, rng))]]).answer == answer


def test_columns_that_exclude_each_other_ask_for_no_more_than_one() -> None:
    """Of the two signs of a number at most one can be true."""
    rng = np.random.default_rng(0)
    gap, effect = _quantity(0.0, rng), _quantity(8.0, rng)
    both = [equal(gap, effect * sign, margin=0.27, words="gap") for sign in (1.0, -1.0)]
    assert decide(Exclusive(both)).answer == "held"
    assert decide(both).answer == "not decided"


def test_equality_is_not_the_absence_of_a_difference() -> None:
    """A gap that cannot be told from zero is no equality where the margin is as small as its error."""
    rng = np.random.default_rng(0)
    gap, effect = _quantity(0.0, rng), _quantity(3.0, rng)
    assert decide([equal(gap, effect, margin=0.5, words="gap")]).answer == "not decided"


def test_tables_must_hold_together() -> None:
    """Each of several families must hold, and one that certainly does not decides."""
    good, bad, open_ = ([_column(z, seed=i)] for i, z in enumerate((4.0, -4.0, 0.5)))
    assert decide(good, good).answer == "held"
    assert decide(good, open_).answer == "not decided"
    assert decide(good, bad, open_).answer == "did not hold"


def test_what_does_not_vary_is_decided_by_its_sign_and_nothing_by_nothing() -> None:
    """Two equal curves are no evidence for an order, whatever rounding leaves of their difference."""
    for value, answer in (
        (0.1, "held"),
        (-0.1, "did not hold"),
        (0.0, "not decided"),
        (1e-17, "not decided"),
    ):
        constant = Quantity(value, np.full(RESAMPLES, value), N, SIZE)
        assert decide([[Part("constant", constant)]]).answer == answer


def test_the_number_of_items_that_decides_grows_with_the_square() -> None:
    """Half the effect needs four times the items; far beyond the items at hand there is no number."""
    assert n_to_decide(2.81, 1.96, 1000) == 1000
    assert n_to_decide(1.405, 1.96, 1000) == 4000
    assert n_to_decide(0.01, 1.96, 1000) is None
    assert n_to_decide(0.0, 1.96, 1000) is None


def test_a_decided_claim_names_no_number_of_items() -> None:
    """Only what is open says what it would take."""
    assert decide([_column(5.0)]).n_to_decide is None
    finding = decide([_column(1.0)])
    assert finding.n_to_decide is not None
    assert f"{finding.n_to_decide:,}" in finding.evidence


def test_a_pooled_family_is_sharper_than_its_members() -> None:
    """The mean of independent members has the error of one divided by the root of their number."""
    rng = np.random.default_rng(0)
    members = [_quantity(1.5, rng) for _ in range(16)]
    assert pooled(members).se == pytest.approx(0.01 / 4, rel=0.2)
    assert decide([[Part("mean", pooled(members))]]).answer == "held"


def test_selection_is_redone_inside_each_subsample(made_up: Callable[..., object]) -> None:
    """The minimum of a curve on a subsample is the smallest value of that subsample."""
    seen = curve(made_up([0.3, 0.31, 0.5], se=0.05), direction="a_to_b")  # type: ignore[arg-type]
    np.testing.assert_array_equal(seen.minimum().resamples, seen.resamples.min(axis=1))
    assert (seen.minimum().resamples < seen.at(0).resamples).any()
