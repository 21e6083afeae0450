"""One case for each rule and each kind of statement: what is true where it is true, and where it is not.

What is true follows the bundled model where the paper's numbers are missing (docs/measures.md has them for
Gemma 3 270M, clipped: Δ from 0.55 down to 0.20 at depth 0.6 and up to 0.31; an asymmetry of +0.08 in the first
layers, −0.05 before the middle and −0.07 in the last quarter).
Where a statement is false, the effect is missing altogether, or stands the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from measuring.made_up import LAYERS, Truth, through
from platoscope.studies import Statement
from platoscope.studies.judge import claims, rules
from platoscope.studies.judge.evidence import mean_of_directions
from platoscope.studies.judge.judging import decide
from platoscope.studies.paper import (
    aggregation,
    captions,
    gaussian,
    images,
    languages,
    many_languages,
    scale,
    tokens,
    vision_scale,
)
from platoscope.studies.paper._cast import text_predicts_vision

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from numpy.typing import NDArray

    from platoscope.studies import Finding

__all__ = ["CASES", "Case"]

Truths: TypeAlias = dict[str, Truth]

FLAT = through((0, 0.4), (1, 0.4))
VALLEY = through((0, 0.555), (0.055, 0.54), (0.39, 0.31), (0.61, 0.195), (0.83, 0.32), (1, 0.305))
FALL = through((0, 0.55), (1, 0.2))
PLATEAU = through((0, 0.55), (0.7, 0.2), (1, 0.2))
BROKEN = through((0, 0.55), (0.5, 0.3), (0.6, 0.4), (1, 0.2))
EARLY = through((0, 0.55), (0.4, 0.2), (1, 0.4))
LATE = through((0, 0.55), (0.7, 0.2), (1, 0.4))
NONE = through((0, 0), (1, 0))
LATE_LEAD = through((0, 0), (0.7, 0), (0.75, -0.07), (1, -0.07))
NO_LAST = np.where(np.arange(LAYERS) == LAYERS - 1, 0.0, LATE_LEAD)
ALWAYS = NONE - 0.07
EARLY_LEAD = through((0, 0), (0.15, 0), (0.25, -0.05), (0.45, -0.05), (0.55, 0), (1, 0))
SIX = ("it", "es", "nl", "de", "fr", "hu")
FRACTIONS = (0.02, 0.1, 0.2, 0.25, 1 / 3, 0.5, 0.6, 0.8, 0.95)
RANKS = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 14.0, 20.0)


@dataclass(frozen=True)
class Case:
    """A statement, what makes it true, and what makes it false."""

    name: str
    statement: Statement
    true: Truths
    false: tuple[Truths, ...]


def _same(
    curve: NDArray[np.float64], gap: NDArray[np.float64] | float = 0.0, **symmetric: NDArray[np.float64]
) -> Truth:
    """Give a comparison whose mean Δ is `curve`, and whose asymmetry is `gap`."""
    return Truth(curve + np.asarray(gap) / 2, curve - np.asarray(gap) / 2, symmetric)


def _all(
    labels: tuple[str, ...], curve: NDArray[np.float64], gap: NDArray[np.float64] | float = 0.0
) -> Truths:
    return {label: _same(curve, gap) for label in labels}


def _levels(*values: float) -> Truths:
    """Give flat comparisons named by letters."""
    return {name: _same(FLAT * 0 + value) for name, value in zip("abcde", values, strict=False)}


def _measures(cka: NDArray[np.float64], overlap: NDArray[np.float64]) -> Truths:
    """Give one comparison with a valley of Δ and other measures."""
    return {"x": _same(VALLEY, cka_debiased=cka, cka_biased=cka, neighborhood_overlap=overlap)}


def _biased(delta: float, cka: float) -> Truth:
    """Give a comparison with Δ and biased CKA of the first layers, and both at their best in the middle."""
    return _same(
        through((0, delta), (0.1, delta), (0.6, 0.195), (1, 0.3)),
        cka_biased=through((0, cka), (0.1, cka), (0.6, 0.72), (1, 0.5)),
    )


def _tokens(curve: NDArray[np.float64], gap: float = 0.0) -> Truth:
    return replace(_same(curve, gap), distances=True)


def _peaks(depth: float, low: float, high: float) -> NDArray[np.float64]:
    """Give a curve with one peak."""
    ends = [(0.0, low)] if depth > 0 else []
    return through(*ends, (depth, high), (1, low))


def _fractions(delta: tuple[float, ...], gap: float, **symmetric: tuple[float, ...]) -> Truth:
    arrays = {name: np.array(values) for name, values in symmetric.items()}
    return replace(_same(np.array(delta), gap, **arrays), axis=("fraction", FRACTIONS))


def _ranks(gaps: NDArray[np.float64], measure: NDArray[np.float64]) -> Truths:
    values = dict.fromkeys(("cka_debiased", "cka_biased", "neighborhood_overlap"), measure)
    return {"x": replace(_same(np.full(8, 0.5), gaps, **values), axis=("rank", RANKS))}


# D = 10,000 at N = 1,000, from the study itself.
MANY = (0.745, 0.455, 0.287, 0.231, 0.16, 0.068, 0.04, 0.012, 0.004)
OVERLAP = (0.024, 0.056, 0.099, 0.122, 0.17, 0.254, 0.334, 0.513, 0.75)
BIASED = (0.428, 0.742, 0.856, 0.887, 0.92, 0.957, 0.971, 0.989, 0.998)
DEBIASED = (0.143, 0.318, 0.447, 0.501, 0.58, 0.707, 0.774, 0.894, 0.975)
# A measure of Δ's own shape, so that none is the finer.
LIKE_DELTA = tuple(1 - value for value in MANY)


def _shared(gap: float = 0.02, **more: tuple[float, ...]) -> Truth:
    measures = {"cka_biased": BIASED, "cka_debiased": DEBIASED, "neighborhood_overlap": OVERLAP} | more
    return _fractions(MANY, gap, **measures)


def _translations() -> tuple[Case, ...]:
    three = ("x", "y", "z")
    dip = through((0, 0.08), (0.1, 0.08), (0.2, 0), (1, 0))
    return (
        Case(
            "minimum in the middle, one profile",
            claims.minimum_in_the_middle("x", text="."),
            _all(("x",), VALLEY),
            (_all(("x",), FLAT), _all(("x",), FALL)),
        ),
        Case(
            "minimum in the middle, three profiles",
            claims.minimum_in_the_middle(*three, text="."),
            _all(three, VALLEY),
            (_all(three, VALLEY) | _all(("z",), FALL), _all(three, FLAT)),
        ),
        Case(
            "last layer below first, three profiles",
            claims.last_below_first(*three, text="."),
            _all(three, VALLEY),
            (_all(three, FLAT), _all(three, VALLEY) | _all(("z",), FLAT)),
        ),
        Case(
            "rising minima, three profiles",
            claims.rising("a", "b", "c", text="."),
            {"a": _same(VALLEY), "b": _same(VALLEY + 0.07), "c": _same(VALLEY + 0.17)},
            ({"a": _same(VALLEY), "b": _same(VALLEY), "c": _same(VALLEY + 0.17)},),
        ),
        Case(
            "rising means of the first layers",
            claims.rising("a", "b", text=".", region=claims.FIRST),
            _levels(0.4, 0.5),
            (_levels(0.4, 0.4),),
        ),
        Case(
            "asymmetry of one sign, one profile",
            claims.asymmetry_sign("x", text=".", region=claims.LAST_QUARTER, negative=True),
            _all(("x",), VALLEY, LATE_LEAD),
            (_all(("x",), VALLEY), _all(("x",), VALLEY, -LATE_LEAD)),
        ),
        Case(
            "asymmetry of one sign, six profiles",
            claims.asymmetry_sign(*SIX, text=".", region=claims.LAST_QUARTER, negative=True),
            _all(SIX, VALLEY, LATE_LEAD),
            (_all(SIX, VALLEY), _all(SIX, VALLEY, LATE_LEAD) | _all(("hu",), VALLEY, -LATE_LEAD)),
        ),
        Case(
            "asymmetry in the first layers, six profiles",
            claims.asymmetry_sign(*SIX, text=".", region=claims.FIRST, negative=False),
            _all(SIX, VALLEY, dip),
            (_all(SIX, VALLEY),),
        ),
        Case(
            "no asymmetry at the minimum, one profile",
            claims.asymmetry_zero_at_minimum("x", text="."),
            _all(("x",), VALLEY, LATE_LEAD),
            (_all(("x",), VALLEY, ALWAYS), _all(("x",), VALLEY)),
        ),
        Case(
            "no asymmetry at the minimum, six profiles",
            claims.asymmetry_zero_at_minimum(*SIX, text="."),
            _all(SIX, VALLEY, LATE_LEAD),
            (_all(SIX, VALLEY, ALWAYS), _all(SIX, VALLEY)),
        ),
        Case(
            "gap before the middle, six profiles",
            languages.gap_before_the_minimum(*SIX, text="."),
            _all(SIX, VALLEY, EARLY_LEAD),
            (_all(SIX, VALLEY),),
        ),
        Case(
            "no gap before the middle, six profiles",
            languages.no_gap_before_the_minimum(*SIX, text="."),
            _all(SIX, VALLEY, LATE_LEAD),
            (_all(SIX, VALLEY, ALWAYS), _all(SIX, VALLEY)),
        ),
        Case(
            "no asymmetry at the last layer, six profiles",
            languages.zero_at_the_last_layer(*SIX, text="."),
            _all(SIX, VALLEY, NO_LAST),
            (_all(SIX, VALLEY, LATE_LEAD), _all(SIX, VALLEY)),
        ),
        Case(
            "profiles coincide, five of them",
            claims.coincide(*SIX[:5], text="."),
            _all(SIX[:5], VALLEY),
            (_all(SIX[:5], VALLEY) | _all(("fr",), VALLEY + 0.1),),
        ),
        Case(
            "same shape",
            claims.same_shape("x", "y", text="."),
            {"x": _same(VALLEY), "y": _same(VALLEY * 1.1 + 0.1)},
            ({"x": _same(VALLEY), "y": _same(FALL)}, {"x": _same(VALLEY), "y": _same(FLAT)}),
        ),
        Case(
            "one above five others",
            languages.above_the_others("hu", *SIX[:5], text="."),
            _all(SIX[:5], VALLEY) | {"hu": _same(VALLEY + 0.05)},
            (_all(SIX, VALLEY),),
        ),
    )


def _poolings() -> tuple[Case, ...]:
    chain = ("a", "b", "c", "d", "e")
    return (
        Case(
            "many tokens below one",
            aggregation.many_tokens_below_one("a", "b", "c"),
            _levels(0.2, 0.27, 0.37),
            (_levels(0.2, 0.3, 0.3),),
        ),
        Case(
            "concatenation gains little",
            aggregation.concatenation_gains_little("a", "b", "c"),
            _levels(0.4, 0.5, 0.5),
            (_levels(0.4, 0.4, 0.5), _levels(0.5, 0.5, 0.5)),
        ),
        Case(
            "each token improves the mean",
            aggregation.mean_improves_with_every_token(*chain),
            _levels(0.45, 0.4, 0.36, 0.33, 0.3),
            (_levels(0.45, 0.4, 0.33, 0.3, 0.36), _levels(0.4, 0.4, 0.4, 0.4, 0.4)),
        ),
        Case(
            "not each token improves the concatenation",
            aggregation.concatenation_does_not_improve_with_every_token(("a", "e"), ("a", "b", "c", "d")),
            _levels(0.45, 0.42, 0.43, 0.45, 0.3),
            (_levels(0.45, 0.4, 0.35, 0.3, 0.3),),
        ),
        Case(
            "measures peak together",
            aggregation.peak_together("x"),
            _measures(_peaks(0.6, 0.2, 0.65), _peaks(0.6, 0.05, 0.25)),
            (_measures(_peaks(0.1, 0.2, 0.65), _peaks(0.6, 0.05, 0.25)),),
        ),
        Case(
            "overlap far below one",
            aggregation.overlap_far_below_one("x"),
            _measures(FLAT, _peaks(0.6, 0.05, 0.25)),
            (_measures(FLAT, _peaks(0.6, 0.05, 0.45)),),
        ),
        Case(
            "CKA above overlap",
            aggregation.cka_above_overlap("x"),
            _measures(_peaks(0.6, 0.2, 0.62), _peaks(0.6, 0.05, 0.25)),
            (_measures(_peaks(0.6, 0.2, 0.35), _peaks(0.6, 0.05, 0.25)),),
        ),
        Case(
            "overlap near chance at the last layer",
            aggregation.overlap_near_chance_at_the_end("x"),
            _measures(FLAT, _peaks(0.6, 0.04, 0.25)),
            (_measures(FLAT, _peaks(0.6, 0.1, 0.25)),),
        ),
        Case(
            "CKA spurious for concatenation only",
            aggregation.cka_spurious_in_first_layers("x", "y"),
            {"x": _biased(0.6, 0.65), "y": _biased(0.55, 0.36)},
            (
                {"x": _biased(0.6, 0.65), "y": _biased(0.6, 0.65)},
                {"x": _biased(0.6, 0.36), "y": _biased(0.6, 0.36)},
            ),
        ),
    )


def _lowest_around_one_layer(*labels: str) -> Statement:
    """Claim what the studies of the dimension claim of Δ and a dimension, of profiles."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        curves = {label: mean_of_directions(results[label]) for label in labels}
        return decide(rules.same_place(curves, within=0.1))

    return Statement(".", labels, check)


def _models() -> tuple[Case, ...]:
    bump = through((0, 0.1), (0.15, 0.3), (0.4, 0.15), (0.5, 0.15), (1, 0.4))
    late_gap = through((0, 0), (0.5, 0), (0.6, -0.15), (1, -0.15))
    four = ("a", "b", "c", "d")
    return (
        Case(
            "larger is lower, four models",
            scale.larger_is_lower(*four),
            _levels(0.25, 0.3, 0.34, 0.38),
            (_levels(0.3, 0.25, 0.34, 0.38), _levels(0.3, 0.3, 0.3, 0.3)),
        ),
        Case(
            "most in inner layers",
            scale.most_in_inner_layers("a", "b"),
            {"a": _same(VALLEY), "b": _same(VALLEY + through((0, 0.02), (0.5, 0.1), (1, 0.02)))},
            ({"a": _same(VALLEY), "b": _same(VALLEY + 0.06)},),
        ),
        Case(
            "lowest minimum, of four",
            scale.lowest_minimum(*four),
            _levels(0.25, 0.32, 0.35, 0.38),
            (_levels(0.3, 0.3, 0.35, 0.38),),
        ),
        Case(
            "shares more at the best layers",
            claims.shares_more("a", "b", text="."),
            {"a": _same(VALLEY), "b": _same(VALLEY + 0.07)},
            ({"a": _same(VALLEY), "b": _same(VALLEY)}, {"a": _same(EARLY), "b": _same(LATE)}),
        ),
        Case(
            "shares more on average over the depth",
            claims.shares_more("a", "b", text=".", at="depth"),
            {"a": _same(VALLEY), "b": _same(VALLEY + 0.07)},
            ({"a": _same(VALLEY), "b": _same(VALLEY)},),
        ),
        Case(
            "lowest around one layer",
            _lowest_around_one_layer("a", "b"),
            {"a": _same(VALLEY), "b": _same(VALLEY + 0.1)},
            ({"a": _same(EARLY), "b": _same(LATE)}, {"a": _same(VALLEY), "b": _same(FLAT)}),
        ),
        Case(
            "earlier minimum",
            scale.minimum_moves_earlier("a", "b"),
            {"a": _same(EARLY), "b": _same(LATE)},
            ({"a": _same(LATE), "b": _same(LATE)}, {"a": _same(PLATEAU), "b": _same(PLATEAU)}),
        ),
        Case(
            "small, then a peak",
            scale.small_then_a_peak("x"),
            {"x": _same(bump)},
            ({"x": _same(through((0, 0.1), (1, 0.4)))}, {"x": _same(FLAT)}),
        ),
        Case(
            "lowest in the first half",
            scale.lowest_in_first_half("x"),
            {"x": _same(bump)},
            ({"x": _same(FLAT)}, {"x": _same(FALL)}),
        ),
        Case(
            "no asymmetry in the first half",
            scale.no_asymmetry_in_first_half("x"),
            {"x": _same(VALLEY, late_gap)},
            ({"x": _same(VALLEY, NONE - 0.1)}, {"x": _same(VALLEY)}),
        ),
        Case(
            "gap opens in the second half",
            scale.gap_opens_in_second_half("x"),
            {"x": _same(VALLEY, late_gap)},
            ({"x": _same(VALLEY, NONE - 0.1)},),
        ),
        Case(
            "tokens say little early, two comparisons",
            tokens.uninformative_early("x", "y"),
            {"x": _tokens(through((0, 0.95), (0.1, 0.95), (0.6, 0.6), (1, 0.6)))}
            | {"y": _tokens(through((0, 0.95), (0.1, 0.95), (0.6, 0.6), (1, 0.6)))},
            ({"x": _tokens(FLAT + 0.2), "y": _tokens(FLAT + 0.2)},),
        ),
        Case(
            "tokens fill in with depth",
            tokens.fills_in_with_depth("x"),
            {"x": _tokens(through((0, 0.95), (0.6, 0.6), (1, 0.6)))},
            ({"x": _tokens(FLAT)},),
        ),
        Case(
            "tokens lower across",
            tokens.lower_across("x", "y", text="."),
            {"x": _tokens(FLAT), "y": _tokens(FLAT + 0.07)},
            ({"x": _tokens(FLAT), "y": _tokens(FLAT)},),
        ),
        Case(
            "past and future differ, four comparisons",
            tokens.past_and_future_differ(*four),
            {label: _tokens(FLAT, 0.03) for label in four},
            ({label: _tokens(FLAT) for label in four},),
        ),
        Case(
            "tokens are strongest after translations",
            tokens.strongest_after_translations("t", "x"),
            {"t": _same(EARLY), "x": _tokens(LATE)},
            ({"t": _same(LATE), "x": _tokens(LATE)}, {"t": _same(LATE), "x": _tokens(EARLY)}),
        ),
        Case(
            "shuffled pairs at one",
            claims.shuffled_at_one({"x": "y"}, text="."),
            {"x": replace(_same(FLAT + 0.6), items="x", shuffled=True), "y": _same(FLAT)},
            ({"x": replace(_same(FLAT + 0.4), items="x", shuffled=True), "y": _same(FLAT)},),
        ),
    )


def _images() -> tuple[Case, ...]:
    sizes = ("a", "b", "c")
    early_rise = through((0, 0.7), (0.5, 0.4), (1, 0.38))
    return (
        Case(
            "falls to the end",
            images.falls_to_the_end("x"),
            _all(("x",), FALL),
            (_all(("x",), BROKEN), _all(("x",), FLAT)),
        ),
        Case(
            "minimum at the end, on a slope",
            claims.minimum_at_the_end("x", text="."),
            _all(("x",), FALL),
            (_all(("x",), VALLEY), _all(("x",), FLAT)),
        ),
        Case(
            "minimum at the end, on a plateau",
            claims.minimum_at_the_end("x", text="."),
            _all(("x",), PLATEAU),
            (_all(("x",), LATE),),
        ),
        Case(
            "caption predicts image, two models",
            text_predicts_vision("x", "y", data="."),
            _all(("x", "y"), FALL, -0.04),
            (_all(("x", "y"), FALL), _all(("x",), FALL, -0.04) | _all(("y",), FALL, 0.04)),
        ),
        Case(
            "best with images of one class",
            captions.best_with_images_of_one_class({"x": "y"}, data="."),
            {"x": replace(_same(FALL), items="x"), "y": _same(FALL + 0.2)},
            ({"x": replace(_same(FALL), items="x"), "y": _same(EARLY)},),
        ),
        Case(
            "flatter",
            captions.flatter("x", "y"),
            {"x": _same(through((0, 0.45), (1, 0.35))), "y": _same(FALL)},
            ({"x": _same(FALL), "y": _same(FALL)},),
        ),
        Case(
            "more symmetric",
            captions.more_symmetric("x", "y"),
            {"x": _same(FALL, -0.01), "y": _same(FALL, -0.05)},
            ({"x": _same(FALL, -0.05), "y": _same(FALL, -0.05)},),
        ),
        Case(
            "large not above base",
            vision_scale.not_above(*sizes),
            _levels(0.25, 0.26, 0.35),
            (_levels(0.31, 0.26, 0.35),),
        ),
        Case(
            "saturates from base to large",
            vision_scale.saturates(*sizes),
            _levels(0.25, 0.26, 0.35),
            (_levels(0.25, 0.3, 0.35),),
        ),
        Case(
            "stabilizes",
            captions.stabilizes("x"),
            _all(("x",), early_rise),
            (_all(("x",), through((0, 0.7), (1, 0.3))),),
        ),
    )


def _gaussian() -> tuple[Case, ...]:
    gap = -np.geomspace(0.2, 0.01, 8)
    rise = np.linspace(0.2, 0.7, 8)
    even = np.full(8, 0.4)
    return (
        Case(
            "directed at low rank",
            gaussian.directed_at_low_rank("x"),
            _ranks(gap, rise),
            (_ranks(gap * 0, rise),),
        ),
        Case("falls with rank", gaussian.falls_with_rank("x"), _ranks(gap, rise), (_ranks(gap, even),)),
        Case(
            "direction follows rank",
            gaussian.direction_follows_rank("x"),
            _ranks(gap, rise),
            (_ranks(np.full(8, -0.1), rise),),
        ),
        Case(
            "biased CKA saturates",
            gaussian.biased_cka_saturates("x"),
            {"x": _shared()},
            ({"x": _shared(cka_biased=DEBIASED)},),
        ),
        Case(
            "debiased CKA does not",
            gaussian.debiased_cka_does_not("x"),
            {"x": _shared()},
            ({"x": _shared(cka_biased=DEBIASED)},),
        ),
        Case(
            "finer at small fractions",
            gaussian.finer_at_small_fractions("x"),
            {"x": _shared()},
            ({"x": _shared(neighborhood_overlap=LIKE_DELTA)},),
        ),
        Case(
            "finer at large fractions",
            gaussian.finer_at_large_fractions("x"),
            {"x": _shared()},
            ({"x": _shared(neighborhood_overlap=LIKE_DELTA)},),
        ),
        Case(
            "gap closes",
            gaussian.gap_closes("a", "b"),
            {"a": _shared(0.15), "b": _shared(0.02)},
            ({"a": _shared(0.1), "b": _shared(0.1)},),
        ),
        Case("a gap remains", gaussian.gap_remains("x"), {"x": _shared(0.035)}, ({"x": _shared(0.0)},)),
        Case(
            "a fifth reads as a quarter",
            gaussian.fifth_reads_as_quarter("x"),
            {"x": _shared()},
            ({"x": _fractions(tuple(min(1.0, 2 * value) for value in MANY), 0.0)},),
        ),
    )


def _matrix(near: float, far: float, slope: float) -> Truth:
    """Give a first text and ten others: Δ with it, Δ among them, and what Δ with it gains when tokens double."""
    tokens = (1.0, *np.linspace(1.0, 1.6, 10))
    table = np.full((11, 11), far)
    table[0] = table[:, 0] = near + slope * (np.array(tokens) - 1.3)
    np.fill_diagonal(table, 2 / 500)
    return replace(_same(table.ravel()), tokens=tokens)


def _languages() -> tuple[Case, ...]:
    ten = tuple("abcdefghij")
    late = claims.asymmetry_sign(*ten, region=claims.LAST_QUARTER, negative=True, text=".")
    return (
        Case(
            "minimum in the middle, ten profiles",
            claims.minimum_in_the_middle(*ten, text="."),
            _all(ten, VALLEY),
            (_all(ten, VALLEY) | {"j": _same(FALL)}, _all(ten, FLAT)),
        ),
        Case(
            "asymmetry of one sign, ten profiles",
            late,
            _all(ten, VALLEY, LATE_LEAD),
            (_all(ten, VALLEY), _all(ten, VALLEY, LATE_LEAD) | {"j": _same(VALLEY, -LATE_LEAD)}),
        ),
        Case(
            "one text predicts best",
            many_languages.first_predicts_best("x", text="."),
            {"x": _matrix(0.2, 0.25, 0.0)},
            ({"x": _matrix(0.25, 0.25, 0.0)}, {"x": _matrix(0.25, 0.2, 0.0)}),
        ),
        Case(
            "more tokens lie farther",
            many_languages.more_tokens_lie_farther("x", text="."),
            {"x": _matrix(0.2, 0.25, 0.2)},
            ({"x": _matrix(0.2, 0.25, 0.0)}, {"x": _matrix(0.2, 0.25, -0.2)}),
        ),
    )


CASES = (*_translations(), *_poolings(), *_models(), *_images(), *_gaussian(), *_languages())
