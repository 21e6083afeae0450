"""What a pair of layers costs under each family of measures: constants that were measured once, and how they scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from platoscope.measures import get_measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from platoscope.studies.design.settings import Settings

__all__ = ["PRICES", "Price", "of_a_pair"]


class Price(NamedTuple):
    """Of a pair of layers of 1,000 items, in billions of operations of a matrix product that take as long."""

    plain: float
    permutations: float
    """100 of them."""
    subsamples: float
    """40 of them, of a quarter of the items."""


# `python benchmarks/plans.py --prices` measures them.
PRICES: Final[Mapping[str, Price]] = {
    "information_imbalance": Price(1.0, 3.0, 3.0),
    "neighborhood_overlap": Price(1.0, 3.0, 3.0),
    "cka": Price(1.0, 3.0, 3.0),
    "cknna": Price(1.0, 3.0, 3.0),
    "rsa": Price(1.0, 3.0, 3.0),
    "retrieval": Price(1.0, 3.0, 3.0),
    "ridge_r2": Price(1.0, 3.0, 3.0),
    "procrustes": Price(1.0, 3.0, 3.0),
}


def of_a_pair(measures: Iterable[str], settings: Settings, /) -> float:
    """Count operations of a matrix product that take as long as measures of a pair of layers; as N²."""
    total = 0.0
    for family in {get_measure(name).family for name in measures}:
        price = PRICES[family]
        total += price.plain
        total += price.permutations * settings.n_permutations / 100
        total += price.subsamples * settings.n_resamples / 40
    return 1e9 * total * (settings.n / 1000) ** 2
