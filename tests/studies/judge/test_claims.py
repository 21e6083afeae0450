"""Every claim answers all three ways: made-up results on each side of it, and one that cannot be told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from platoscope.studies import Choices, Panel
from platoscope.studies.beyond import frequencies, predictability, scales
from platoscope.studies.judge import claims
from platoscope.studies.judge.evidence import mean_of_directions
from platoscope.studies.judge.summary import summarize
from platoscope.studies.paper import (
    aggregation,
    captions,
    gaussian,
    images,
    languages,
    scale,
    tokens,
    vision_scale,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr

    from platoscope.studies import Statement, Verdict

VALLEY = [0.6, 0.5, 0.3, 0.5, 0.55]
FALLING = [0.6, 0.5, 0.4, 0.3, 0.2]
RISING = FALLING[::-1]
FLAT = [0.4, 0.4, 0.4, 0.4, 0.4]
LOW, HIGH = [0.3] * 5, [0.5] * 5
LATE_LOSER = [0.6, 0.5, 0.3, 0.7, 0.75]
EARLY = [0.5, 0.4, 0.3]
HALFWAY = [1.0, 0.5, 0.4, 0.3, 0.0]
NOISY = {"se": 0.2}
FRACTIONS = {"dimension": "fraction", "axis": (0.02, 0.25, 0.5, 0.6, 0.95)}
RANKS = {"dimension": "rank", "axis": (1, 2, 5, 10, 20)}


def _symmetric(values: list[float]) -> dict[str, list[float]]:
    return dict.fromkeys(("cka_biased", "cka_debiased", "neighborhood_overlap"), values)


def _measures(biased: float, debiased: float, overlap: float) -> dict[str, list[float]]:
    values = {"cka_biased": biased, "cka_debiased": debiased, "neighborhood_overlap": overlap}
    return {name: [value] * 5 for name, value in values.items()}


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
    "negative asymmetry of a family": (
        claims.asymmetry_sign("x", "y", region=claims.LAST_QUARTER, negative=True, text="."),
        {"x": _args(LOW, HIGH), "y": _args(FLAT, FLAT)},
        {"x": _args(LOW, HIGH), "y": _args(HIGH, LOW)},
        {"x": _args(FLAT, FLAT), "y": _args(FLAT, FLAT, seed=1)},
    ),
    "negative asymmetry but for the last layer": (
        claims.asymmetry_sign("x", region=claims.LAST_QUARTER, negative=True, text=".", last=False),
        {"x": _args([0.4, 0.4, 0.4, 0.2, 0.9], [0.4, 0.4, 0.4, 0.4, 0.4])},
        {"x": _args([0.4, 0.4, 0.4, 0.6, 0.1], [0.4, 0.4, 0.4, 0.4, 0.4])},
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
        {"x": _args(VALLEY, LATE_LOSER)},
        {"x": _args(VALLEY, [value + 0.2 for value in VALLEY])},
        {"x": _args(VALLEY, VALLEY)},
    ),
    "same shape": (
        claims.same_shape("x", "y", text="."),
        {"x": _args(VALLEY), "y": _args([2 * value + 0.2 for value in VALLEY], seed=1)},
        {"x": _args(VALLEY), "y": _args(FALLING, seed=1)},
        {"x": _args(VALLEY, se=0.1), "y": _args(VALLEY, se=0.1, seed=1)},
    ),
    "coincide": (
        claims.coincide("x", "y", text="."),
        {"x": _args(VALLEY), "y": _args(VALLEY, seed=1)},
        {"x": _args(VALLEY), "y": _args([value + 0.2 for value in VALLEY], seed=1)},
        {"x": _args(VALLEY, se=0.1), "y": _args(VALLEY, se=0.1, seed=1)},
    ),
    "shuffled at one": (
        claims.shuffled_at_one({"x": "y"}, text="."),
        {"x": _args([1.0] * 5), "y": _args(LOW, seed=1)},
        {"x": _args(HIGH), "y": _args(LOW, seed=1)},
        {"x": _args([1.0] * 5, se=0.5), "y": _args(LOW, seed=1)},
    ),
    "many tokens below one": (
        aggregation.many_tokens_below_one("x", "y", "z"),
        {"x": _args(LOW), "y": _args(LOW), "z": _args(HIGH)},
        {"x": _args(LOW), "y": _args(HIGH), "z": _args(LOW)},
        {"x": _args(LOW), "y": _args(FLAT), "z": _args(FLAT)},
    ),
    "concatenation gains little": (
        aggregation.concatenation_gains_little("x", "y", "z"),
        {"x": _args(LOW), "y": _args(HIGH, seed=1), "z": _args(HIGH, seed=2)},
        {"x": _args(LOW), "y": _args(LOW, seed=1), "z": _args(HIGH, seed=2)},
        {"x": _args(LOW), "y": _args(FLAT, seed=1), "z": _args(HIGH, seed=2)},
    ),
    "mean improves with every token": (
        aggregation.mean_improves_with_every_token("x", "y", "z"),
        {"x": _args(HIGH), "y": _args(FLAT), "z": _args(LOW)},
        {"x": _args(HIGH), "y": _args(LOW), "z": _args(FLAT)},
        {"x": _args(FLAT), "y": _args(FLAT, seed=1), "z": _args(FLAT, seed=2)},
    ),
    "concatenation does not improve with every token": (
        aggregation.concatenation_does_not_improve_with_every_token(("x", "y"), ("x", "z")),
        {"x": _args(HIGH), "y": _args(LOW), "z": _args(HIGH, seed=1)},
        {"x": _args(HIGH), "y": _args(LOW), "z": _args(FLAT)},
        {"x": _args(HIGH, **NOISY), "y": _args(LOW), "z": _args(HIGH, se=0.2, seed=1)},
    ),
    "mean over tokens shares most": (
        frequencies.mean_shares_most("x", "y", "z"),
        {"x": _args(LOW), "y": _args([0.8] * 5, seed=1), "z": _args([0.9] * 5, seed=2)},
        {"x": _args(LOW), "y": _args([0.8] * 5, seed=1), "z": _args(FLAT, seed=2)},
        {"x": _args(LOW, **NOISY), "y": _args([0.65] * 5, se=0.2, seed=1), "z": _args([0.8] * 5, seed=2)},
    ),
    "every band of frequencies shares something": (
        frequencies.bands_share_something("x", "y", "z"),
        {"x": _args(LOW), "y": _args([0.8] * 5, seed=1), "z": _args([0.85] * 5, seed=2)},
        {"x": _args(LOW), "y": _args([0.8] * 5, seed=1), "z": _args([1.0] * 5, seed=2)},
        {"x": _args(LOW), "y": _args([0.8] * 5, seed=1), "z": _args([0.93] * 5, se=0.2, seed=2)},
    ),
    "most is within groups": (
        scales.most_is_within("x"),
        {"x": _args(LOW, within=[0.5] * 5, within_shuffled=[0.4] * 5)},
        {"x": _args(LOW, within=[0.9] * 5, within_shuffled=[0.4] * 5)},
        {"x": _args(LOW, se=0.2, within=[0.7] * 5, within_shuffled=[0.4] * 5)},
    ),
    "groups carry part": (
        scales.groups_carry_part("x"),
        {"x": _args(LOW, within=[0.5] * 5, within_shuffled=[0.4] * 5)},
        {"x": _args(LOW, within=[0.4] * 5, within_shuffled=[0.5] * 5)},
        {"x": _args(LOW, se=0.2, within=[0.5] * 5, within_shuffled=[0.49] * 5)},
    ),
    "sides agree across groups": (
        scales.across_groups("x"),
        {"x": _args(LOW, between=[0.4] * 5)},
        {"x": _args(LOW, between=[0.9] * 5)},
        {"x": _args(LOW, se=0.2, between=[0.65] * 5)},
    ),
    "agreement is fine": (
        scales.finer_than_wide("x"),
        {"x": _args(LOW, excess_near=[0.2] * 5, excess_wide=[0.4] * 5)},
        {"x": _args(LOW, excess_near=[0.4] * 5, excess_wide=[0.2] * 5)},
        {"x": _args(LOW, se=0.2, excess_near=[0.3] * 5, excess_wide=[0.3] * 5)},
    ),
    "a linear map predicts most where Δ is lowest": (
        predictability.best_where_delta_is("x"),
        {"x": _args(VALLEY, ridge_r2=[0.1, 0.2, 0.5, 0.2, 0.1])},
        {"x": _args(VALLEY, ridge_r2=[0.5, 0.2, 0.1, 0.1, 0.1])},
        {"x": _args(VALLEY, se=0.1, ridge_r2=[0.1, 0.2, 0.5, 0.2, 0.1])},
    ),
    "a linear map predicts most in the middle": (
        predictability.best_in_the_middle("x"),
        {"x": _args(VALLEY, ridge_r2=[0.1, 0.2, 0.5, 0.2, 0.1])},
        {"x": _args(VALLEY, ridge_r2=[0.5, 0.4, 0.3, 0.2, 0.1])},
        {"x": _args(VALLEY, se=0.3, ridge_r2=[0.1, 0.2, 0.5, 0.2, 0.1])},
    ),
    "Δ and R² have one direction": (
        predictability.same_direction("x"),
        {"x": _args(LOW, HIGH, ridge_asymmetry=[0.2] * 5)},
        {"x": _args(LOW, HIGH, ridge_asymmetry=[-0.2] * 5)},
        {"x": _args(LOW, HIGH, se=0.2, ridge_asymmetry=[0.2] * 5)},
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
        {"x": _args(VALLEY, se=0.1, **_symmetric([0.35] * 5))},
    ),
    "CKA above overlap": (
        aggregation.cka_above_overlap("x"),
        {"x": _args(VALLEY, cka_debiased=HIGH, neighborhood_overlap=[0.2] * 5)},
        {"x": _args(VALLEY, cka_debiased=HIGH, neighborhood_overlap=HIGH)},
        {"x": _args(VALLEY, se=0.1, cka_debiased=HIGH, neighborhood_overlap=LOW)},
    ),
    "overlap near chance at the end": (
        aggregation.overlap_near_chance_at_the_end("x"),
        {"x": _args(VALLEY, neighborhood_overlap=[0.1, 0.2, 0.5, 0.2, 0.03])},
        {"x": _args(VALLEY, neighborhood_overlap=[0.1, 0.2, 0.5, 0.2, 0.4])},
        {"x": _args(VALLEY, se=0.1, neighborhood_overlap=[0.1, 0.2, 0.5, 0.2, 0.1])},
    ),
    "CKA spurious in the first layers of the concatenation": (
        aggregation.cka_spurious_in_first_layers("x", "y"),
        {"x": _args([0.9, 0.7, 0.3], cka_biased=[0.9, 0.8, 1]), "y": _args(EARLY, cka_biased=[0.5, 0.8, 1])},
        {"x": _args(EARLY, cka_biased=[0.9, 0.8, 1]), "y": _args(EARLY, cka_biased=[1, 0.8, 1])},
        {
            "x": _args([0.5, 0.4, 0.3], se=0.2, cka_biased=[0.9, 0.8, 1]),
            "y": _args(EARLY, cka_biased=[0.5, 0.8, 1]),
        },
    ),
    "Hungarian above": (
        languages.above_the_others("x", "y", "z", text="."),
        {"x": _args(HIGH), "y": _args(LOW), "z": _args(LOW)},
        {"x": _args(LOW), "y": _args(HIGH), "z": _args(HIGH)},
        {"x": _args(FLAT), "y": _args(FLAT, seed=1), "z": _args(FLAT, seed=2)},
    ),
    "gap before the middle": (
        languages.gap_before_the_minimum("x", text="."),
        {"x": _args([0.4, 0.3, 0.4, 0.4, 0.4], FLAT)},
        {"x": _args([0.4, 0.5, 0.5, 0.4, 0.4], FLAT)},
        {"x": _args(FLAT, FLAT)},
    ),
    "no gap before the middle": (
        languages.no_gap_before_the_minimum("x", text="."),
        {"x": _args([0.4, 0.4, 0.4, 0.1, 0.4], FLAT)},
        {"x": _args([0.4, 0.1, 0.4, 0.1, 0.4], FLAT)},
        {"x": _args(FLAT, FLAT)},
    ),
    "zero at the last layer": (
        languages.zero_at_the_last_layer("x", text="."),
        {"x": _args([0.4, 0.4, 0.4, 0.1, 0.4], FLAT)},
        {"x": _args([0.4, 0.4, 0.4, 0.1, 0.1], FLAT)},
        {"x": _args(FLAT, FLAT)},
    ),
    "larger is lower": (
        scale.larger_is_lower("x", "y", "z"),
        {"x": _args(LOW), "y": _args(FLAT), "z": _args(HIGH)},
        {"x": _args(FLAT), "y": _args(LOW), "z": _args(HIGH)},
        {"x": _args(FLAT), "y": _args(FLAT, seed=1), "z": _args(FLAT, seed=2)},
    ),
    "most in inner layers": (
        scale.most_in_inner_layers("large", "small"),
        {"large": _args(VALLEY), "small": _args([0.6] * 5)},
        {"large": _args([0.3, 0.6, 0.6, 0.6, 0.3]), "small": _args([0.6] * 5)},
        {"large": _args(LOW), "small": _args(HIGH, seed=1)},
    ),
    "shares more at the best layer": (
        claims.shares_more("x", "y", "z", text="."),
        {"x": _args(LOW), "y": _args([0.5, 0.5, 0.4, 0.5, 0.5]), "z": _args(HIGH)},
        {"x": _args(HIGH), "y": _args(VALLEY), "z": _args(HIGH)},
        {"x": _args(LOW, **NOISY), "y": _args(FLAT, seed=1), "z": _args(HIGH)},
    ),
    "shares more over the depth": (
        claims.shares_more("x", "y", at="depth", text="."),
        {"x": _args([0.3, 0.3, 0.3, 0.3, 0.5]), "y": _args(FLAT)},
        {"x": _args(HIGH), "y": _args(VALLEY)},
        {"x": _args([0.3, 0.4, 0.5, 0.4, 0.4], **NOISY), "y": _args(FLAT)},
    ),
    "lowest minimum": (
        scale.lowest_minimum("x", "y", "z"),
        {"x": _args(LOW), "y": _args(HIGH), "z": _args(HIGH)},
        {"x": _args(FLAT), "y": _args(LOW), "z": _args(HIGH)},
        {"x": _args(FLAT), "y": _args(FLAT, seed=1), "z": _args(HIGH)},
    ),
    "minimum moves earlier": (
        scale.minimum_moves_earlier("large", "small"),
        {"large": _args([0.5, 0.2, 0.5, 0.5, 0.5]), "small": _args([0.5, 0.5, 0.5, 0.2, 0.5])},
        {"large": _args([0.5, 0.5, 0.5, 0.2, 0.5]), "small": _args([0.5, 0.2, 0.5, 0.5, 0.5])},
        {"large": _args(FLAT), "small": _args(FLAT, seed=1)},
    ),
    "small, then a peak": (
        scale.small_then_a_peak("x"),
        {"x": _args([0.1, 0.3, 0.2, 0.4, 0.4])},
        {"x": _args([0.1, 0.2, 0.3, 0.4, 0.5])},
        {"x": _args(FLAT)},
    ),
    "lowest in the first half": (
        scale.lowest_in_first_half("x"),
        {"x": _args([0.4, 0.2, 0.3, 0.4, 0.4])},
        {"x": _args(FALLING)},
        {"x": _args(FLAT)},
    ),
    "no asymmetry in the first half": (
        scale.no_asymmetry_in_first_half("x"),
        {"x": _args([0.4, 0.4, 0.4, 0.1, 0.1], FLAT)},
        {"x": _args(LOW, HIGH)},
        {"x": _args(FLAT, FLAT)},
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
    "best with images of one class": (
        captions.best_with_images_of_one_class({"x": "y"}, data="y"),
        {"x": _args(VALLEY), "y": _args(VALLEY, held="a")},
        {"x": _args(VALLEY), "y": _args([0.3, 0.6, 0.7, 0.7, 0.6], held="a")},
        {"x": _args(VALLEY, **NOISY), "y": _args(VALLEY, held="a", **NOISY)},
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
        vision_scale.not_above("large", "base", "small"),
        {"large": _args(LOW, held="a"), "base": _args(LOW, seed=1), "small": _args(HIGH, held="a")},
        {"large": _args(HIGH, held="a"), "base": _args(LOW), "small": _args(HIGH, held="a")},
        {"large": _args(LOW, **NOISY), "base": _args(LOW, se=0.2, seed=1), "small": _args(HIGH, held="a")},
    ),
    "from base to large it saturates": (
        vision_scale.saturates("large", "base", "small"),
        {"large": _args(LOW, held="a"), "base": _args(LOW), "small": _args(HIGH, held="a")},
        {"large": _args(LOW, held="a"), "base": _args(HIGH), "small": _args(HIGH, held="a")},
        {"large": _args(LOW, held="a"), "base": _args(FLAT), "small": _args(HIGH, held="a")},
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
    "direction follows the rank": (
        gaussian.direction_follows_rank("x"),
        {"x": _args([0.3, 0.3, 0.4, 0.4, 0.4], [0.6, 0.5, 0.4, 0.4, 0.4], **RANKS)},
        {"x": _args([0.4, 0.4, 0.4, 0.3, 0.3], [0.4, 0.4, 0.4, 0.5, 0.6], **RANKS)},
        {"x": _args(FLAT, FLAT, **RANKS)},
    ),
    "biased CKA saturates": (
        gaussian.biased_cka_saturates("x"),
        {"x": _args(HIGH, **_measures(0.8, 0.3, 0.1), **FRACTIONS)},
        {"x": _args(HIGH, **_measures(0.4, 0.3, 0.1), **FRACTIONS)},
        {"x": _args(HIGH, **_measures(0.65, 0.3, 0.1), **FRACTIONS)},
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
        {"x": _args(HALFWAY, se=0.1, neighborhood_overlap=[0, 0.5, 0.6, 0.7, 1], **FRACTIONS)},
    ),
    "finer at large fractions": (
        gaussian.finer_at_large_fractions("x"),
        {"x": _args([1.0, 0.2, 0.1, 0.1, 0.0], neighborhood_overlap=[0, 0.1, 0.2, 0.3, 1], **FRACTIONS)},
        {"x": _args([1.0, 0.9, 0.8, 0.7, 0.0], neighborhood_overlap=[0, 0.8, 0.9, 0.9, 1], **FRACTIONS)},
        {"x": _args(HALFWAY, se=0.1, neighborhood_overlap=[0, 0.5, 0.6, 0.7, 1], **FRACTIONS)},
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
    "a gap remains": (
        gaussian.gap_remains("x"),
        {"x": _args([0.45] * 5, FLAT, **FRACTIONS)},
        {"x": _args(FLAT, FLAT, se=0.0005, **FRACTIONS)},
        {"x": _args([0.41] * 5, FLAT, **FRACTIONS)},
    ),
    "a fifth reads as a quarter": (
        gaussian.fifth_reads_as_quarter("x"),
        {"x": _args([1.0, 0.25, 0.15, 0.1, 0.0], dimension="fraction", axis=(0.02, 0.2, 1 / 3, 0.6, 0.95))},
        {"x": _args([1.0, 0.6, 0.5, 0.1, 0.0], dimension="fraction", axis=(0.02, 0.2, 1 / 3, 0.6, 0.95))},
        {"x": _args([1.0, 0.205, 0.15, 0.1, 0], dimension="fraction", axis=(0.02, 0.2, 1 / 3, 0.6, 0.95))},
    ),
}

TOKEN_CASES: dict[str, tuple[Statement, dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "tokens say little early": (
        tokens.uninformative_early("x"),
        {"x": _args([1.0, 0.95, 0.6, 0.5, 0.5])},
        {"x": _args([0.5, 0.5, 0.6, 0.6, 0.6])},
        {"x": _args([1.0, 0.8, 0.6, 0.6, 0.6], se=0.05)},
    ),
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
    "past and future differ": (
        tokens.past_and_future_differ("x"),
        {"x": _args(HIGH, LOW)},
        {"x": _args(FLAT, FLAT, se=0.0005)},
        {"x": _args(FLAT, FLAT, se=0.05)},
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


def test_the_strongest_layers_of_tokens_follow_those_of_translations(
    made_up: Callable[..., Any], made_up_tokens: Callable[..., Any]
) -> None:
    """The statement holds where the minimum of tokens is deeper, fails where it is not, and may stay open."""
    statement = tokens.strongest_after_translations("t", "x")
    early, late = [0.5, 0.2, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.2, 0.5]
    answers = [
        statement.judge({"t": made_up(t), "x": made_up_tokens(x, seed=1)}).answer
        for t, x in ((early, late), (late, early), (FLAT, FLAT))
    ]
    assert answers == ["held", "did not hold", "not decided"]


def test_a_missing_comparison_is_not_computed_here_and_is_named() -> None:
    """A claim about what was not computed is not the same as one that the numbers cannot decide."""
    verdict = claims.rising("x", "y", text="x is below y").judge({})
    assert verdict.answer == "not computed here"
    assert "x, y" in verdict.evidence
    assert verdict.n_to_decide is None


def test_a_paired_difference_is_sharper_than_its_two_bands(made_up: Callable[..., Any]) -> None:
    """Noise that both comparisons share cancels in their difference."""
    base = made_up(LOW, se=0.2)
    shifted = _raised(base, 0.01)
    assert claims.rising("x", "y", text=".").judge({"x": base, "y": shifted}).answer == "held"


def test_unpaired_comparisons_add_their_errors(made_up: Callable[..., Any]) -> None:
    """Comparisons of different items are not paired, however equal their numbers look."""
    base = made_up(LOW, se=0.2)
    shifted = _raised(base, 0.01)
    base.attrs["subsamples"], shifted.attrs["subsamples"] = "one", "another"
    assert claims.rising("x", "y", text=".").judge({"x": base, "y": shifted}).answer == "not decided"


def _raised(result: xr.Dataset, by: float) -> xr.Dataset:
    raised = result.copy(deep=True)
    for name in ("information_imbalance", "information_imbalance_resamples"):
        raised[name] = raised[name] + by
    return raised


def test_an_undefined_layer_does_not_make_a_claim_undefined(made_up: Callable[..., Any]) -> None:
    """CKA is missing at a constant layer; claims look at the others."""
    measured = _symmetric([np.nan, 0.2, 0.5, 0.2, 0.1]) | {"neighborhood_overlap": [0.1, 0.1, 0.2, 0.1, 0.1]}
    result = made_up(VALLEY, **measured)
    for statement in (aggregation.peak_together("x"), aggregation.cka_above_overlap("x")):
        verdict = statement.judge({"x": result})
        assert verdict.answer == "held"
        assert "without layer 0, where it is undefined" in verdict.evidence


def _with_layer(result: xr.Dataset, layer: int | slice, value: float, *, only_subsamples: bool) -> xr.Dataset:
    """Put one value in the place of all that a layer has, or of its subsamples."""
    changed = result.copy(deep=True)
    for name, variable in changed.data_vars.items():
        along = {"layer", "rank", "fraction"} & set(variable.dims)
        if along and ("resample" in variable.dims or not only_subsamples):
            changed[name][dict.fromkeys(along, layer)] = value
    return changed


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("only_subsamples", [False, True])
@pytest.mark.parametrize("name", list(CASES))
def test_what_has_no_value_decides_nothing(
    name: str, only_subsamples: bool, made_up: Callable[..., Any]
) -> None:
    """Where a layer that a claim reads has no value, or no subsamples, no other stands for it unsaid."""
    statement, holds, _, _ = CASES[name]
    if not all(isinstance(values, tuple) for values in holds.values()):
        pytest.skip("made in another layout")
    results = {label: made_up(*given, **options) for label, (*given, options) in holds.items()}

    def judged(label: str, layer: int | slice, value: float) -> Verdict:
        changed = _with_layer(results[label], layer, value, only_subsamples=only_subsamples)
        return statement.judge({**results, label: changed})

    for label, result in results.items():
        nowhere = judged(label, slice(None), np.nan)
        assert nowhere.answer == "not decided"
        assert "undefined" in nowhere.evidence or "subsamples lack" in nowhere.evidence
        for layer in (0, result["asymmetry"].size // 2, -1):
            verdict = judged(label, layer, np.nan)
            if verdict.answer != "not decided" and "without layer" not in verdict.evidence:
                assert judged(label, layer, 7.0).evidence == verdict.evidence  # not read


def test_a_region_whose_layers_were_left_out_is_not_read_elsewhere(made_up: Callable[..., Any]) -> None:
    """Of layers 3 and 4 of 18 nothing is said about the last quarter or the middle, and no table says so."""
    whole = made_up([0.3] * 19, [0.5] * 19)
    few = whole.isel(layer=[3, 4])
    late = claims.asymmetry_sign("x", region=claims.LAST_QUARTER, negative=True, text=".")
    inner = claims.rising("x", "y", region=claims.MIDDLE, text=".")
    assert late.judge({"x": whole}).answer == "held"
    for statement in (late, inner):
        verdict = statement.judge({"x": few, "y": few})
        assert verdict.answer == "not decided"
        assert "undefined" in verdict.evidence
    assert "asymmetry_last_quarter" in summarize({"x": whole})["rows"][0]
    assert "asymmetry_last_quarter" not in summarize({"x": few})["rows"][0]


def test_where_a_model_has_no_layer_the_nearest_stands_for_the_region(made_up: Callable[..., Any]) -> None:
    """Between the layers of a model of four, and beside its embedding that a claim leaves out."""
    delta = mean_of_directions(made_up([0.5, 0.4, 0.3, 0.4, 0.5]))
    assert delta.inside(0.35, 0.45).tolist() == [2]
    assert delta.take(np.arange(1, 5)).inside(*claims.FIRST).tolist() == [0]
    assert not delta.take(np.array([1, 2])).inside(*claims.LAST_QUARTER).size
    assert not delta.take(np.array([0])).inside(*claims.MIDDLE).size


def test_profiles_of_other_depths_leave_their_difference_open(made_up: Callable[..., Any]) -> None:
    """A run of single layers of two models, which have none in common, is judged and drawn as far as it goes."""
    whole = made_up(LOW)
    results = {"x": whole.isel(layer=[1]), "y": whole.isel(layer=[3]), "z": whole}
    verdict = claims.shares_more("x", "y", text=".").judge(results)
    assert verdict.answer == "not decided"
    assert "no relative depth in common" in verdict.evidence
    panel = Panel(kind="difference", labels=("x", "y"), title=".")
    assert panel.conditions(results) == {}
    assert list(replace(panel, labels=("x", "y", "z")).conditions(results)) == ["x", "z"]


def test_without_subsamples_nothing_is_decided(made_up: Callable[..., Any]) -> None:
    """A run with ``--resamples 0`` has numbers but no intervals: its claims stay open."""
    full = made_up([0.9, 0.3, 0.8])
    bare = full.drop_vars([name for name in full.data_vars if "_resamples" in name or "_null" in name])
    statements = (
        claims.minimum_in_the_middle("x", text="In the middle."),
        claims.same_shape("x", "x", text="The same shape."),
        claims.asymmetry_sign("x", region=(0.0, 1.0), negative=True, text="A knows more."),
        claims.asymmetry_zero_at_minimum("x", text="None at the minimum."),
        claims.shuffled_at_one({"x": "x"}, text="At one."),
    )
    verdicts = [statement.judge({"x": bare}) for statement in statements]
    assert [verdict.answer for verdict in verdicts] == ["not decided"] * 5
    assert not any("nan" in verdict.evidence for verdict in verdicts)


def test_a_verdict_on_the_asymmetry_names_the_space(made_up: Callable[..., Any]) -> None:
    """The asymmetry depends on how the rows were prepared, so the evidence says how."""
    result = made_up(LOW, HIGH).assign_attrs(transform="clip + unit")
    verdict = claims.asymmetry_sign("x", region=(0.0, 1.0), negative=True, text=".").judge({"x": result})
    assert "clip + unit" in verdict.evidence


def test_an_undecided_claim_says_how_many_items_would_decide_it(made_up: Callable[..., Any]) -> None:
    """The number is that at which the effect that was seen would be decided in four of five runs."""
    statement = claims.last_below_first("x", text=".")
    verdict = statement.judge({"x": made_up([0.42, 0.4], se=0.014)})
    assert verdict.answer == "not decided"
    # Mean of two directions, difference of two layers: the error of one cell. (1.96 + 0.84) · 0.014 / 0.02 is 1.96.
    assert verdict.n_to_decide == pytest.approx(1000 * 1.96**2, rel=0.25)
    assert f"{verdict.n_to_decide:,}" in verdict.evidence


def test_an_identity_is_no_claim() -> None:
    """That the mean over shuffles is 1 holds by definition: no study states it."""
    from platoscope.studies import list_studies

    texts = [
        statement.text
        for study in list_studies()
        for preset in study.presets
        for statement in study.design(Choices(preset=preset)).statements
    ]
    assert texts
    assert not [text for text in texts if "every layer of every data set" in text]


def test_a_model_of_too_few_layers_leaves_claims_open(made_up: Callable[..., Any]) -> None:
    """A statement about a region without layers is not decided, and says why."""
    one = made_up([0.4])
    few = scale.small_then_a_peak("x").judge({"x": made_up([0.4, 0.3])})
    inner = scale.most_in_inner_layers("x", "y").judge({"x": one, "y": made_up([0.5], seed=1)})
    assert [few.answer, inner.answer] == ["not decided", "not decided"]
    assert "few layers" in few.evidence
    assert "undefined" in inner.evidence
