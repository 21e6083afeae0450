"""Every claim answers all three ways: made-up results on each side of it, and one that cannot be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from platoscope.studies.judge import claims
from platoscope.studies.paper import aggregation, captions, gaussian, images, scale, tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from platoscope.studies import Statement

VALLEY = [0.6, 0.5, 0.3, 0.5, 0.55]
FALLING = [0.6, 0.5, 0.4, 0.3, 0.2]
RISING = FALLING[::-1]
FLAT = [0.4, 0.4, 0.4, 0.4, 0.4]
LOW, HIGH = [0.3] * 5, [0.5] * 5
NOISY = {"se": 0.2}
FRACTIONS = {"dimension": "fraction", "axis": (0.02, 0.25, 0.5, 0.6, 0.95)}
RANKS = {"dimension": "rank", "axis": (1, 2, 5, 10, 20)}


def _symmetric(values: list[float]) -> dict[str, list[float]]:
    return dict.fromkeys(("cka_biased", "cka_debiased", "neighborhood_overlap"), values)


def _args(forward: list[float], backward: list[float] | None = None, /, **options: Any) -> tuple[Any, ...]:
    return forward, backward, options


# One row per claim: the statement, then by label what the results are where it holds, does not, and is open.
CASES: dict[str, tuple[Statement, dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "minimum in the middle": (
        claims.minimum_in_the_middle("x", text="."),
        {"x": _args(VALLEY)},
        {"x": _args(FALLING)},
        {"x": _args(VALLEY, **NOISY)},
    ),
    "minimum at the end": (
        claims.minimum_at_the_end("x", text="."),
        {"x": _args(FALLING)},
        {"x": _args(VALLEY)},
        {"x": _args(FALLING, **NOISY)},
    ),
    "last below first": (
        claims.last_below_first("x", text="."),
        {"x": _args(FALLING)},
        {"x": _args(RISING)},
        {"x": _args(FLAT)},
    ),
    "rising minima": (
        claims.rising("x", "y", text="."),
        {"x": _args(LOW), "y": _args(HIGH)},
        {"x": _args(HIGH), "y": _args(LOW)},
        {"x": _args(LOW, **NOISY), "y": _args(HIGH, se=0.2, seed=1)},
    ),
    "rising means of a region": (
        claims.rising("x", "y", region=claims.MIDDLE, text="."),
        {"x": _args(LOW), "y": _args(HIGH)},
        {"x": _args(HIGH), "y": _args(LOW)},
        {"x": _args(LOW, **NOISY), "y": _args(HIGH, se=0.2, seed=1)},
    ),
    "negative asymmetry": (
        claims.asymmetry_sign("x", region=claims.LAST_QUARTER, negative=True, text="."),
        {"x": _args(LOW, HIGH)},
        {"x": _args(HIGH, LOW)},
        {"x": _args(FLAT, FLAT)},
    ),
    "positive asymmetry": (
        claims.asymmetry_sign("x", region=claims.FIRST, negative=False, text="."),
        {"x": _args(HIGH, LOW)},
        {"x": _args(LOW, HIGH)},
        {"x": _args(FLAT, FLAT)},
    ),
    "no asymmetry at the minimum": (
        claims.asymmetry_zero_at_minimum("x", text="."),
        {"x": _args(VALLEY, VALLEY)},
        {"x": _args(LOW, HIGH)},
        {"x": _args(VALLEY, VALLEY, **NOISY)},
    ),
    "same shape": (
        claims.same_shape("x", "y", text="."),
        {"x": _args(VALLEY), "y": _args([value + 0.2 for value in VALLEY])},
        {"x": _args(VALLEY), "y": _args(FALLING)},
        {"x": _args(VALLEY, se=0.1), "y": _args(VALLEY, se=0.1, seed=1)},
    ),
    "shuffled at one": (
        claims.shuffled_at_one("x", text="."),
        {"x": _args([1.0] * 5)},
        {"x": _args(LOW)},
        {"x": _args([1.0] * 5, se=0.5)},
    ),
    "null at one": (
        claims.null_at_one("x", text="."),
        {"x": _args(FLAT)},
        {"x": _args(FLAT, null=0.8)},
        {"x": _args(FLAT, null=0.9)},
    ),
    "more tokens help the mean": (
        aggregation.more_tokens_help_the_mean("x", "y"),
        {"x": _args(LOW), "y": _args(HIGH)},
        {"x": _args(HIGH), "y": _args(LOW)},
        {"x": _args(FLAT), "y": _args(FLAT)},
    ),
    "more tokens do not help concatenation": (
        aggregation.more_tokens_do_not_help_concatenation("x", "y"),
        {"x": _args(HIGH), "y": _args(LOW)},
        {"x": _args(LOW), "y": _args(HIGH)},
        {"x": _args(FLAT, se=0.1), "y": _args(FLAT, se=0.1, seed=1)},
    ),
    "measures peak together": (
        aggregation.peak_together("x"),
        {"x": _args(VALLEY, **_symmetric([0.1, 0.2, 0.5, 0.2, 0.1]))},
        {"x": _args(VALLEY, **_symmetric([0.5, 0.2, 0.1, 0.1, 0.1]))},
        {"x": _args(VALLEY, se=0.1, **_symmetric([0.1, 0.2, 0.5, 0.2, 0.1]))},
    ),
    "overlap far below one": (
        aggregation.overlap_far_below_one("x"),
        {"x": _args(VALLEY, **_symmetric([0.2] * 5))},
        {"x": _args(VALLEY, **_symmetric([0.8] * 5))},
        {"x": _args(VALLEY, se=0.1, **_symmetric([0.45] * 5))},
    ),
    "CKA spurious in the first layers": (
        aggregation.cka_spurious_in_first_layers("x"),
        {"x": _args([0.9, 0.7, 0.3, 0.5, 0.6], cka_biased=[0.9, 0.8, 1.0, 0.8, 0.8])},
        {"x": _args([0.4, 0.4, 0.3, 0.5, 0.6], cka_biased=[0.1, 0.3, 1.0, 0.8, 0.8])},
        {"x": _args([0.5, 0.4, 0.3, 0.5, 0.6], se=0.2, cka_biased=[0.9, 0.8, 1.0, 0.8, 0.8])},
    ),
    "minimum moves earlier": (
        scale.minimum_moves_earlier("large", "small"),
        {"large": _args([0.5, 0.2, 0.5, 0.5, 0.5]), "small": _args([0.5, 0.5, 0.5, 0.2, 0.5])},
        {"large": _args([0.5, 0.5, 0.5, 0.2, 0.5]), "small": _args([0.5, 0.2, 0.5, 0.5, 0.5])},
        {"large": _args(VALLEY), "small": _args(VALLEY)},
    ),
    "no asymmetry in the first half": (
        scale.no_asymmetry_in_first_half("x"),
        {"x": _args(FLAT, FLAT)},
        {"x": _args(LOW, HIGH)},
        {"x": _args(FLAT, FLAT, **NOISY)},
    ),
    "gap opens in the second half": (
        scale.gap_opens_in_second_half("x"),
        {"x": _args([0.4, 0.4, 0.4, 0.3, 0.2], [0.4, 0.4, 0.4, 0.6, 0.7])},
        {"x": _args([0.2, 0.3, 0.4, 0.4, 0.4], [0.7, 0.6, 0.4, 0.4, 0.4])},
        {"x": _args(FLAT, FLAT)},
    ),
    "images fall to the end": (
        images.falls_to_the_end("x"),
        {"x": _args(FALLING)},
        {"x": _args([0.6, 0.2, 0.5, 0.4, 0.4])},
        {"x": _args(FALLING, se=0.5)},
    ),
    "caption predicts image": (
        captions.text_predicts_vision("x", data="x"),
        {"x": _args(LOW, HIGH, held="a")},
        {"x": _args(HIGH, LOW, held="a")},
        {"x": _args(FLAT, FLAT, held="a")},
    ),
    "flatter": (
        captions.flatter("flat", "steep"),
        {"flat": _args(FLAT), "steep": _args(FALLING, held="a")},
        {"flat": _args(FALLING), "steep": _args(FLAT, held="a")},
        {"flat": _args(FLAT, **NOISY), "steep": _args(FLAT, se=0.2, seed=1)},
    ),
    "more symmetric": (
        captions.more_symmetric("even", "uneven"),
        {"even": _args(FLAT, FLAT), "uneven": _args(LOW, HIGH, held="a")},
        {"even": _args(LOW, HIGH), "uneven": _args(FLAT, FLAT, held="a")},
        {"even": _args(FLAT, FLAT, se=0.1), "uneven": _args(FLAT, FLAT, se=0.1, seed=1)},
    ),
    "large not above base": (
        captions.not_above("large", "base"),
        {"large": _args(LOW, held="a"), "base": _args(HIGH, held="a")},
        {"large": _args(HIGH, held="a"), "base": _args(LOW, held="a")},
        {"large": _args(FLAT, **NOISY), "base": _args(FLAT, se=0.2, seed=1)},
    ),
    "stabilizes with depth": (
        captions.stabilizes("x"),
        {"x": _args([0.9, 0.6, 0.4, 0.4, 0.4], held="b")},
        {"x": _args([0.4, 0.4, 0.4, 0.6, 0.9], held="b")},
        {"x": _args([0.5, 0.4, 0.4, 0.4, 0.5], se=0.1, held="b")},
    ),
    "directed at low rank": (
        gaussian.directed_at_low_rank("x"),
        {"x": _args(LOW, HIGH, **RANKS)},
        {"x": _args(HIGH, LOW, **RANKS)},
        {"x": _args(FLAT, FLAT, **RANKS)},
    ),
    "falls with rank": (
        gaussian.falls_with_rank("x"),
        {"x": _args(LOW, **_symmetric(RISING), **RANKS)},
        {"x": _args(LOW, **_symmetric(FALLING), **RANKS)},
        {"x": _args(LOW, se=0.1, **_symmetric(FLAT), **RANKS)},
    ),
    "blind to direction": (
        gaussian.blind_to_direction("x"),
        {"x": _args(LOW, HIGH, **_symmetric(FLAT), **RANKS)},
        {"x": _args(HIGH, LOW, **_symmetric(FLAT), **RANKS)},
        {"x": _args(FLAT, FLAT, **_symmetric(FLAT), **RANKS)},
    ),
    "biased CKA saturates": (
        gaussian.biased_cka_saturates("x"),
        {"x": _args(LOW, cka_biased=[0.95] * 5, **FRACTIONS)},
        {"x": _args(LOW, cka_biased=[0.5] * 5, **FRACTIONS)},
        {"x": _args(LOW, cka_biased=[0.9] * 5, **FRACTIONS)},
    ),
    "debiased CKA does not": (
        gaussian.debiased_cka_does_not("x"),
        {"x": _args(LOW, cka_biased=[0.95] * 5, cka_debiased=[0.3] * 5, **FRACTIONS)},
        {"x": _args(LOW, cka_biased=[0.3] * 5, cka_debiased=[0.95] * 5, **FRACTIONS)},
        {"x": _args(LOW, cka_biased=[0.3] * 5, cka_debiased=[0.3] * 5, **FRACTIONS)},
    ),
    "finer at small fractions": (
        gaussian.finer_at_small_fractions("x"),
        {"x": _args([1.0, 0.2, 0.1, 0.1, 0.0], neighborhood_overlap=[0, 0.1, 0.2, 0.3, 1], **FRACTIONS)},
        {"x": _args([1.0, 0.9, 0.8, 0.7, 0.0], neighborhood_overlap=[0, 0.8, 0.9, 0.9, 1], **FRACTIONS)},
        {
            "x": _args(
                [1.0, 0.5, 0.4, 0.3, 0.0], se=0.1, neighborhood_overlap=[0, 0.5, 0.6, 0.7, 1], **FRACTIONS
            )
        },
    ),
    "finer at large fractions": (
        gaussian.finer_at_large_fractions("x"),
        {"x": _args([1.0, 0.2, 0.1, 0.1, 0.0], neighborhood_overlap=[0, 0.1, 0.2, 0.3, 1], **FRACTIONS)},
        {"x": _args([1.0, 0.9, 0.8, 0.7, 0.0], neighborhood_overlap=[0, 0.8, 0.9, 0.9, 1], **FRACTIONS)},
        {
            "x": _args(
                [1.0, 0.5, 0.4, 0.3, 0.0], se=0.1, neighborhood_overlap=[0, 0.5, 0.6, 0.7, 1], **FRACTIONS
            )
        },
    ),
    "gap closes with the dimension": (
        gaussian.gap_closes("small", "large"),
        {"small": _args(LOW, HIGH, **FRACTIONS), "large": _args(FLAT, FLAT, **FRACTIONS)},
        {"small": _args(FLAT, FLAT, **FRACTIONS), "large": _args(LOW, HIGH, **FRACTIONS)},
        {
            "small": _args(FLAT, FLAT, se=0.1, **FRACTIONS),
            "large": _args(FLAT, FLAT, se=0.1, seed=1, **FRACTIONS),
        },
    ),
    "a quarter reads as a fifth": (
        gaussian.quarter_reads_as_fifth("x"),
        {"x": _args([1.0, 0.22, 0.1, 0.1, 0.0], **FRACTIONS)},
        {"x": _args([1.0, 0.6, 0.1, 0.1, 0.0], **FRACTIONS)},
        {"x": _args([1.0, 0.3, 0.1, 0.1, 0.0], **FRACTIONS)},
    ),
}

TOKEN_CASES: dict[str, tuple[Statement, dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "distances fill in with depth": (
        tokens.fills_in_with_depth("x"),
        {"x": _args([1.0, 0.9, 0.6, 0.5, 0.5])},
        {"x": _args([0.5, 0.5, 0.9, 0.9, 0.9])},
        {"x": _args(FLAT)},
    ),
    "lower across": (
        tokens.lower_across("x", "y", text="."),
        {"x": _args(LOW), "y": _args(HIGH)},
        {"x": _args(HIGH), "y": _args(LOW)},
        {"x": _args(FLAT), "y": _args(FLAT, seed=1)},
    ),
    "past predicts future": (
        tokens.past_predicts_future("x"),
        {"x": _args(HIGH, LOW)},
        {"x": _args(LOW, HIGH)},
        {"x": _args(FLAT, FLAT)},
    ),
}


def _judge(statement: Statement, results: dict[str, Any], build: Callable[..., Any]) -> str:
    made = {
        label: build(forward, backward, **options) for label, (forward, backward, options) in results.items()
    }
    verdict = statement.judge(made)
    assert any(character.isdigit() for character in verdict.evidence), "evidence carries the numbers"
    return verdict.answer


@pytest.mark.parametrize("name", CASES)
def test_claim_answers_on_each_side_and_when_it_cannot_be_told(
    name: str, made_up: Callable[..., Any]
) -> None:
    """A claim holds, does not hold, and stays open, on results made for each."""
    statement, held, failed, opened = CASES[name]
    answers = [_judge(statement, results, made_up) for results in (held, failed, opened)]
    assert answers == ["held", "did not hold", "not decided"]


@pytest.mark.parametrize("name", TOKEN_CASES)
def test_token_claim_answers_on_each_side_and_when_it_cannot_be_told(
    name: str, made_up_tokens: Callable[..., Any]
) -> None:
    """A claim over token distances holds, does not hold, and stays open, on results made for each."""
    statement, held, failed, opened = TOKEN_CASES[name]
    answers = [_judge(statement, results, made_up_tokens) for results in (held, failed, opened)]
    assert answers == ["held", "did not hold", "not decided"]


def test_a_missing_comparison_leaves_a_claim_undecided_and_is_named() -> None:
    """A claim about what was not computed is not decided, and says what is missing."""
    verdict = claims.rising("x", "y", text="x is below y").judge({})
    assert verdict.answer == "not decided"
    assert "x, y" in verdict.evidence


def test_a_paired_difference_is_sharper_than_its_two_bands(made_up: Callable[..., Any]) -> None:
    """Noise that both comparisons share cancels in their difference."""
    base = made_up(LOW, se=0.2)
    shifted = base.copy(deep=True)
    for name in ("information_imbalance", "information_imbalance_resamples"):
        shifted[name] = shifted[name] + 0.01
    assert claims.rising("x", "y", text=".").judge({"x": base, "y": shifted}).answer == "held"


def test_unpaired_comparisons_add_their_errors(made_up: Callable[..., Any]) -> None:
    """Comparisons on different subsamples are not paired, however equal their numbers look."""
    base = made_up(LOW, se=0.2)
    shifted = base.copy(deep=True)
    for name in ("information_imbalance", "information_imbalance_resamples"):
        shifted[name] = shifted[name] + 0.01
    base.attrs["subsamples"], shifted.attrs["subsamples"] = "one", "another"
    assert claims.rising("x", "y", text=".").judge({"x": base, "y": shifted}).answer == "not decided"


def test_an_undefined_layer_does_not_make_a_claim_undefined(made_up: Callable[..., Any]) -> None:
    """CKA is missing at a constant layer; claims look at the others."""
    result = made_up(VALLEY, **_symmetric([np.nan, 0.2, 0.5, 0.2, 0.1]))
    assert aggregation.peak_together("x").judge({"x": result}).answer == "held"


def test_without_subsamples_or_permutations_nothing_is_decided(made_up: Callable[..., Any]) -> None:
    """A run with ``--resamples 0 --permutations 0`` has numbers but no intervals: its claims stay open."""
    full = made_up([0.9, 0.3, 0.8])
    bare = full.drop_vars([name for name in full.data_vars if "_resamples" in name or "_null" in name])
    statements = (
        claims.minimum_in_the_middle("x", text="In the middle."),
        claims.same_shape("x", "x", text="The same shape."),
        claims.asymmetry_sign("x", region=(0.0, 1.0), negative=True, text="A knows more."),
        claims.null_at_one("x", text="At one."),
    )
    verdicts = [statement.judge({"x": bare}) for statement in statements]
    assert [verdict.answer for verdict in verdicts] == ["not decided"] * 4
    assert not any("nan" in verdict.evidence for verdict in verdicts)
