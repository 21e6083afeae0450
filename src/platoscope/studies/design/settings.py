"""The numbers that a study fixes for all its comparisons: the options of a comparison, and what lies around it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from platoscope.checks import one_of, whole_number, word
from platoscope.errors import InputError
from platoscope.measures import DEFAULT_MEASURES, ComparisonOptions, get_measure, measure_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platoscope.measures import SideName
    from platoscope.neighbors import Transform

__all__ = ["SMALLEST", "Settings"]

DTYPES = ("auto", "float32", "bfloat16", "float16")
SMALLEST = 40
"""Fewer items than this make no comparison of ranks."""
_MOST_ITEMS = 10_000_000
_LARGEST_SEED = 2**63 - 1
"""What an attribute of a netCDF file holds."""


@dataclass(frozen=True, kw_only=True)
class Settings(ComparisonOptions):
    """Numbers that a plan fixes for all comparisons of a study: `ComparisonOptions`, with these beside them.

    Checked when it is made. What TOML files and the command line call settings are its fields, all on one level.

    Parameters
    ----------
    n : int
        Pairs per comparison.
    transform : str, sequence of str or mapping
        As in `ComparisonOptions`, and by default what the paper's authors do: Euclidean neighbors of rows of unit
        norm. It is applied to what models give, not to lengths of texts or synthetic data.
    measures : tuple of str
        Measures of `platoscope.layerwise.profile` for everything but grids.
    grid_measures : tuple of str
        Measures for whole grids, where each costs L_A × L_B values.
    items : bool
        As in `ComparisonOptions`, for profiles, sweeps and grids over data; True by default. The run also keeps what stands
        for each item, as far as its license allows (`platoscope.studies.read_items`).
    seed : int
        Seed of the sampling of items, of the subsamples and of the permutations.
    dtype, device, device_map, batch_tokens
        How models are loaded and fed; see `platoscope.models.load_model`. What was chosen for ``"auto"``
        stands in the provenance of the run.

    Raises
    ------
    InputError
        A number of the wrong type or outside its range, an unknown name, or subsamples too small for the neighbors.
    """

    measures: tuple[str, ...] = (*DEFAULT_MEASURES, "retrieval_at_1", "retrieval_at_5")
    transform: Transform | Mapping[SideName, Transform] = ("unit",)
    n_permutations: int = 100
    items: bool = True
    n: int = 1000
    grid_measures: tuple[str, ...] = DEFAULT_MEASURES
    seed: int = 0
    dtype: str = "auto"
    device: str = "auto"
    device_map: Literal["auto"] | None = None
    batch_tokens: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("metric", "overlap_metric"):
            if getattr(self, name) == "precomputed":
                msg = f"a study compares rows that models give; {name}='precomputed' is for distances in their place"
                raise InputError(msg)
            if callable(getattr(self, name)):
                msg = (
                    f"a study knows metrics by name, so that its plan can be written down; {name} is a function. "
                    "Use platoscope.compare or platoscope.profile with it"
                )
                raise InputError(msg)
        self._keep("grid_measures", measure_names("grid_measures", self.grid_measures))
        asked: tuple[object, ...] = (*self.measures, *self.grid_measures)
        for measure in asked:
            if not isinstance(measure, str):
                msg = (
                    "a study knows measures by name, so that its plan can be written down; got one of your own, "
                    f"{measure!r}. Use platoscope.compare or platoscope.profile with it"
                )
                raise InputError(msg)
            get_measure(measure)
        why = "every item is compared with every other"
        self._keep("n", whole_number("n", self.n, low=SMALLEST, high=_MOST_ITEMS, why=why))
        self._keep("seed", whole_number("seed", self.seed, low=0, high=_LARGEST_SEED))
        if self.batch_tokens is not None:
            self._keep("batch_tokens", whole_number("batch_tokens", self.batch_tokens, low=1))
        self._keep("dtype", one_of("dtype", self.dtype, DTYPES))
        self._keep("device_map", one_of("device_map", self.device_map, (None, "auto")))
        self._keep("device", word("device", self.device))
        neighbors = max(self.n_neighbors, self.overlap_neighbors)
        size = round(self.n * self.resample_fraction)
        if self.n_resamples and size <= neighbors:
            enough = next(n for n in itertools.count(self.n) if round(n * self.resample_fraction) > neighbors)
            msg = (
                f"n = {self.n} leaves subsamples of {size} items (resample_fraction = {self.resample_fraction}), which "
                f"must have more than the {neighbors} neighbors; ask for {enough} items or more, or for n_resamples = 0"
            )
            raise InputError(msg)
