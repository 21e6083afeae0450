"""What a pair of layers costs under measures: the prices that the table of measures has, and how they scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.measures import get_measure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from platoscope.studies.design.settings import Settings

__all__ = ["of_a_pair"]


def of_a_pair(measures: Iterable[str], settings: Settings, /) -> float:
    """Count operations of a matrix product that take as long as measures of a pair of layers; as N²."""
    chosen = [get_measure(name) for name in measures]
    total = 0.0
    for price in {measure.family: measure.price for measure in chosen}.values():
        assert price is not None, "studies know measures of the table alone"
        total += price.plain
        total += price.permutations * settings.n_permutations / 100
        total += price.subsamples * settings.n_resamples / 40
    return 1e9 * total * (settings.n / 1000) ** 2
