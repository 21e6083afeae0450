"""What a number of items can decide, before a run and after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platoscope.studies import get_study, make_plan
from platoscope.studies.judge.power import decidable, power_seen, power_sentence

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr


def test_what_is_decidable_shrinks_with_the_root_of_the_items() -> None:
    """Four times the items decide half the difference."""
    assert decidable(4000) == pytest.approx([value / 2 for value in decidable(1000)])


def test_a_plan_says_what_its_items_can_decide() -> None:
    """The sentence stands among the settings, for the plan's own N."""
    rows = make_plan(get_study("rank-synthetic"), n=200).describe()
    assert power_sentence(200) in [row.detail for row in rows if row.section == "settings"]


def test_a_run_says_what_its_own_subsamples_can_decide(made_up: Callable[..., xr.Dataset]) -> None:
    """An asymmetry of independent directions with se 0.01 each is decided from 2.8 · 0.01 · √2 on."""
    words = power_seen({"x": made_up([0.5, 0.3, 0.4], [0.5, 0.3, 0.4], se=0.01)})
    told = float(words.partition("asymmetry of ")[2].split()[0])
    assert told == pytest.approx(2.8 * 0.01 * 2**0.5, rel=0.2)
    assert "N = 1,000" in words


def test_without_profiles_there_is_nothing_to_say() -> None:
    """Synthetic data and runs without subsamples have no sentence."""
    assert power_seen({}) == ""
