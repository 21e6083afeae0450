"""The finished comparisons of a run, while it goes on: what is there, what is still to do, and in which order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from platoscope.errors import NotFoundError
from platoscope.studies.design.measured import grids_of

if TYPE_CHECKING:
    import xarray as xr

    from platoscope.studies.design.comparison import Comparison
    from platoscope.studies.plan.planning import Plan

__all__ = ["Results"]


@dataclass
class Results:
    """The labelled results of one plan, which grow until every comparison has one.

    Parameters
    ----------
    plan : Plan
        Whose comparisons they are.
    """

    plan: Plan
    _by_label: dict[str, xr.Dataset] = field(default_factory=dict, init=False)

    def add(self, label: str, result: xr.Dataset, /) -> None:
        """Keep the result of one comparison.

        Raises
        ------
        NotFoundError
            If the plan has no such comparison.
        """
        self._by_label[self.plan.comparison(label).label] = result

    def of(self, label: str, /) -> xr.Dataset:
        """Give the result of one comparison.

        Raises
        ------
        NotFoundError
            If the plan has no such comparison, or it is not computed yet.
        """
        if self.plan.comparison(label).label not in self._by_label:
            done = ", ".join(map(repr, self._by_label)) or "none"
            msg = f"comparison {label!r} has no result yet; computed so far: {done}. Compute it first."
            raise NotFoundError(msg)
        return self._by_label[label]

    def pending(self) -> list[Comparison]:
        """Give what is still to compute, in order: grids before the profiles that are slices of them.

        What takes its layer from another comparison comes last.
        """
        return sorted(
            (item for item in self.plan.comparisons if item.label not in self._by_label),
            key=lambda item: (bool(item.fixed and item.fixed.minimum_of), item.kind != "grid"),
        )

    def can_begin(self, comparison: Comparison, /) -> bool:
        """Tell whether all is there that a comparison takes from others: the grid it is a slice of, a minimum."""
        awaited = grids_of(comparison, self.plan.comparisons)
        if comparison.fixed is not None and comparison.fixed.minimum_of is not None:
            awaited = [*awaited, comparison.fixed.minimum_of]
        return all(label in self._by_label for label in awaited)

    def grid_of(self, comparison: Comparison, /) -> xr.Dataset | None:
        """Give the finished grid of the same two stacks over the same items, of which a profile is a slice."""
        finished = [label for label in grids_of(comparison, self.plan.comparisons) if label in self._by_label]
        return self._by_label[finished[0]] if finished else None

    def by_label(self) -> dict[str, xr.Dataset]:
        """Give every result by its label, in the order of the plan.

        Raises
        ------
        NotFoundError
            If a comparison has none yet.
        """
        return {item.label: self.of(item.label) for item in self.plan.comparisons}
