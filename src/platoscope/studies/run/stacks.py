"""The two sides of a comparison as stacks of layers, whatever they come from."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from platoscope.errors import InputError, NotFoundError, PlatoscopeWarning
from platoscope.layerwise import as_stack, with_ids
from platoscope.models import ModelOnDemand, name_of, trained_name
from platoscope.studies.design.comparison import Source, Surface, Synthetic
from platoscope.studies.design.synthetic import stack
from platoscope.studies.judge.evidence import mean_of_directions
from platoscope.studies.plan.depth import held_position
from platoscope.studies.plan.extraction import extraction_of
from platoscope.studies.run.computing import standardized_lengths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from numpy.typing import NDArray

    from platoscope.layerwise import LayerStack
    from platoscope.models import Shelf
    from platoscope.representations import Representations
    from platoscope.studies.design.comparison import Comparison
    from platoscope.studies.design.records import Choices
    from platoscope.studies.design.settings import Settings
    from platoscope.studies.plan.extraction import Extraction
    from platoscope.studies.plan.planning import Plan
    from platoscope.studies.run.items import Selection, Selections
    from platoscope.studies.run.results import Results

__all__ = ["Readings", "names_of", "position_of", "stack_of", "synthetic_stack", "warn_of_labels"]


@dataclass(frozen=True)
class Readings:
    """What the models made of the items: one entry for each pass over a model.

    Parameters
    ----------
    read : mapping of Extraction to Representations
        By the extraction's `identity`.
    """

    read: Mapping[Extraction, Representations]

    def of(self, comparison: Comparison, source: Source, /) -> Representations:
        """Give one side of a comparison, under the pooling that it asks for.

        Raises
        ------
        NotFoundError
            If the model has not read that side of these items.
        """
        wanted = extraction_of(comparison, source).identity
        if wanted not in self.read:
            known = ", ".join(_described(item) for item in self.read) or "none"
            msg = (
                f"comparison {comparison.label!r} needs {_described(wanted)}, which was not read; "
                f"read were: {known}"
            )
            raise NotFoundError(msg)
        return self.read[wanted].with_pooling(source.pooling)


def _described(extraction: Extraction) -> str:
    tower = "" if extraction.tower is None else f" ({extraction.tower} tower)"
    return f"side {extraction.side} of {extraction.items.data} by {extraction.model}{tower}"


class _Drawn:
    """Layers of synthetic data, drawn when one is read: a worker gets the recipe, and draws the same."""

    def __init__(self, side: Synthetic, /, *, n_samples: int, seed: int) -> None:
        self._recipe = (side, n_samples, seed)
        self.layers = range(len(side.values))

    def __len__(self) -> int:
        return len(self.layers)

    def __getstate__(self) -> dict[str, object]:
        return {"_recipe": self._recipe, "layers": self.layers}

    @cached_property
    def _all(self) -> list[NDArray[np.float32]]:
        side, n_samples, seed = self._recipe
        return stack(side, n_samples=n_samples, seed=seed)

    def parts(self, index: int, /) -> list[NDArray[np.float32]]:
        """Give one layer."""
        return [self._all[index]]


def synthetic_stack(side: Synthetic, settings: Settings, /) -> LayerStack:
    """Give synthetic data as a stack of layers, drawn when they are read."""
    return as_stack(_Drawn(side, n_samples=settings.n, seed=settings.seed))


def stack_of(
    side: Source | Surface | Synthetic,
    comparison: Comparison,
    selection: Selection | None,
    readings: Readings,
    shelf: Shelf,
    settings: Settings,
    /,
) -> LayerStack:
    """Give one side as a stack of layers: representations, lengths of texts, or synthetic data."""
    if isinstance(side, Synthetic):
        return synthetic_stack(side, settings)
    assert selection is not None, "a comparison without items is synthetic"
    if isinstance(side, Source):
        return readings.of(comparison, side)
    texts = getattr(selection.pairs, side.side)
    if texts.modality != "text":
        msg = (
            f"comparison {comparison.label!r} asks for the lengths of side {texts.name!r}, which is {texts.modality}; "
            "lengths are of texts"
        )
        raise InputError(msg)
    counted = selection.lengths.get(side.model, {}).get(side.side)
    if counted is None:
        counted = ModelOnDemand(side.model, shelf=shelf).lengths(list(texts.items))
    characters = np.array([len(text) for text in texts.items], dtype=np.int64)
    return with_ids(as_stack(standardized_lengths(counted, characters)), selection.pairs.ids)


def position_of(comparison: Comparison, sides: Sequence[LayerStack], results: Results, /) -> int | None:
    """Give the position of the layer that a comparison holds; None where it holds none."""
    fixed = comparison.fixed
    if fixed is None:
        return None
    held = sides[0] if fixed.side == "a" else sides[1]
    if fixed.minimum_of is not None:
        layer = _layer_of_minimum(results.of(fixed.minimum_of))
        numbers = list(held.layers)
        if layer not in numbers:
            msg = (
                f"comparison {comparison.label!r} holds layer {layer}, the minimum of {fixed.minimum_of!r}, but its "
                f"side {fixed.side} keeps layers {numbers}; keep that layer too"
            )
            raise InputError(msg)
        return numbers.index(layer)
    if fixed.depth is not None:
        return int(np.abs(held.relative_depth - fixed.depth).argmin())
    return held_position(comparison, len(held.layers))


def names_of(comparison: Comparison, selection: Selection | None, choices: Choices, /) -> tuple[str, str]:
    """Give what pictures and tables call the two sides: what differs between them."""
    a, b = comparison.a, comparison.b
    if comparison.distances:
        return ("last token", "earlier token")
    if comparison.kind == "matrix":
        return ("row", "column")
    if isinstance(a, Synthetic) or isinstance(b, Synthetic):
        return ("x", "y")
    assert selection is not None
    names = []
    for side, other in ((a, b), (b, a)):
        item = str(getattr(selection.pairs, side.side).name)
        item = choices.shown(item)
        short = choices.called(side.model, other.model)
        if isinstance(side, Surface):
            names.append(f"length of {item}")
        elif side.side != other.side and side.model == other.model:
            names.append(item)
        elif side.side == other.side and side.model != other.model:
            names.append(short)
        else:
            names.append(f"{short} ({item})")
    return (names[0], names[1])


def warn_of_labels(plan: Plan, selections: Selections, /) -> None:
    """Warn of labels for what is neither a model nor a side of the pairs: they are shown nowhere in this study."""
    models = [
        side.model
        for comparison in plan.comparisons
        for side in comparison.all_sides
        if isinstance(side, Source | Surface)
    ]
    chosen = [selection.pairs for selection in selections.chosen.values()]
    models += [trained_name(model) for model in models]
    known = dict.fromkeys([name_of(model, plan.choices.models) for model in models])
    known |= dict.fromkeys(side.name for pairs in chosen for side in (pairs.a, pairs.b))
    wrong = [name for name in plan.choices.labels if name not in known and name not in models]
    if wrong:
        msg = (
            f"{len(wrong)} labels are for nothing in {plan.study.name!r}: {', '.join(wrong)}. "
            f"Its models and sides are {', '.join(known) or 'none'}."
        )
        warnings.warn(msg, PlatoscopeWarning, stacklevel=2)


def _layer_of_minimum(result: xr.Dataset) -> int:
    """Give the layer where the mean of both directions of Δ is lowest, which needs no subsamples."""
    delta = mean_of_directions(result)
    return int(delta.layers[delta.argmin()])
