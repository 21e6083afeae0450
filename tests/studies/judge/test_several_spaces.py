"""A verdict on the asymmetry comes from several spaces: one alone decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import xarray as xr

from platoscope.studies import Comparison, Items, Source, get_study, list_studies, make_plan
from platoscope.studies.design.comparison import Synthetic
from platoscope.studies.design.settings import Settings
from platoscope.studies.design.space import space_of, spaces_label, spaces_of
from platoscope.studies.judge import claims

if TYPE_CHECKING:
    from collections.abc import Callable

    from platoscope.studies import Verdict

LOW, HIGH = [0.3] * 5, [0.5] * 5
OWN = "clip 0.05 on tokens + unit; euclidean"


@pytest.fixture
def judged(made_up: Callable[..., xr.Dataset]) -> Callable[..., Verdict]:
    """Judge that A knows more, by the curves of the own space and of others (forward, backward, options)."""

    def judge(own: tuple[Any, ...], **others: tuple[Any, ...]) -> Verdict:
        def one(curves: tuple[Any, ...]) -> xr.Dataset:
            options = curves[2] if len(curves) > 2 else {}
            return made_up(*curves[:2], **options)

        results = {"x": one(own).assign_attrs(space=OWN)}
        if others:
            joined = xr.concat([one(curves) for curves in others.values()], "space", combine_attrs="override")
            results[spaces_label("x")] = joined.assign_coords(space=list(others))
        statement = claims.asymmetry_sign("x", region=(0.0, 1.0), negative=True, text="A knows more.")
        return statement.judge(results)

    return judge


def test_held_in_its_own_space_and_another_is_held(judged: Callable[..., Verdict]) -> None:
    """The evidence names the spaces of each answer."""
    verdict = judged((LOW, HIGH), none=(LOW, HIGH), unit=(HIGH, HIGH))
    assert verdict.answer == "held"
    assert f"held in {OWN} | none" in verdict.evidence
    assert "not decided in unit" in verdict.evidence


def test_what_turns_with_the_space_is_not_decided(judged: Callable[..., Verdict]) -> None:
    """English ahead in one space and behind in another is no statement about English."""
    for own, other in (((LOW, HIGH), (HIGH, LOW)), ((HIGH, LOW), (LOW, HIGH))):
        verdict = judged(own, none=own, unit=other)
        assert verdict.answer == "not decided"
        assert "depends on the space" in verdict.evidence
        assert verdict.n_to_decide is None


def test_one_space_alone_decides_nothing(judged: Callable[..., Verdict]) -> None:
    """Where no other space can tell yet, the answer waits for the first that could."""
    noisy = {"se": 0.3}
    verdict = judged((LOW, HIGH), none=(LOW, HIGH, noisy))
    assert verdict.answer == "not decided"
    assert verdict.n_to_decide is not None
    assert f"{verdict.n_to_decide:,}" in verdict.evidence


def test_what_failed_in_two_spaces_did_not_hold(judged: Callable[..., Verdict]) -> None:
    """The rule is the same for both answers."""
    assert judged((HIGH, LOW), none=(HIGH, LOW)).answer == "did not hold"


def test_a_space_that_is_the_own_does_not_count_twice(made_up: Callable[..., xr.Dataset]) -> None:
    """The spaces of a study hold its own as well; that it agrees with itself says nothing."""
    own = made_up(LOW, HIGH).assign_attrs(space=OWN)
    again = own.expand_dims(space=["unit"]).assign_attrs(spaces=f'["{OWN}"]')
    statement = claims.asymmetry_sign("x", region=(0.0, 1.0), negative=True, text=".")
    verdict = statement.judge({"x": own, spaces_label("x"): again})
    assert f"In one space: {OWN}" in verdict.evidence


@pytest.mark.parametrize("study", [study.name for study in list_studies()])
def test_every_asymmetry_that_is_judged_is_looked_at_in_several_spaces(study: str) -> None:
    """A plan puts what it judges into several spaces; made-up data have no other."""
    for preset in get_study(study).presets:
        plan = make_plan(get_study(study), preset=preset, skip_missing=True)
        by_label = {item.label: item for item in plan.comparisons}
        for label in {label for statement in plan.statements for label in statement.asymmetry_of}:
            if label in by_label:
                assert not isinstance(by_label[label].a, Synthetic)
                assert by_label[spaces_label(label)].kind == "spaces"


def test_a_plan_says_the_space_of_each_comparison() -> None:
    """Preparation and metric stand in the plan, and beside a comparison where they are not all the same."""
    rows = make_plan(get_study("metric-comparison"), skip_missing=True).describe()
    told = [row.detail for row in rows if row.item == "space"]
    assert told == [OWN, "none; euclidean"]
    assert any(row.detail.endswith(f"space {OWN}") for row in rows if row.section == "comparison")


def test_the_space_of_several_transforms_names_each() -> None:
    """One side or both, clipped tokens or not."""
    side = Source(model="gemma-3-270m", clip=None)
    raw = Comparison(label="x", a=side, b=side, items=Items(data="bible:en-it"), kind="spaces")
    assert space_of(raw, Settings()) == "none / unit / clip / zscore + unit; euclidean"
    assert spaces_of(raw, Settings())[0] == "none; euclidean"
