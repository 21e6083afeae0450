"""Stacks of layers prepared for comparison: cut to equal items, each layer read once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from platoscope.checks import whole_number
from platoscope.errors import InputError
from platoscope.layerwise._layer_stack import (
    ArrayStack,
    as_stack,
    check_same_ids,
    check_stack,
    count_items,
    n_rows,
    read_layer,
    take_rows,
)
from platoscope.measures import one_per_item, two_spaces
from platoscope.neighbors import (
    MATRICES_SHARE,
    Space,
    as_space,
    available_memory,
    entry_bytes,
    map_two,
    metric_name,
    prepare,
    prepares_alone,
    same_space,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from platoscope.layerwise._layer_stack import Layer, LayerStack
    from platoscope.measures import ComparisonOptions, Measure
    from platoscope.neighbors import OwnMetric
    from platoscope.progress import Tell

__all__ = [
    "Stack",
    "both_sides",
    "item_names",
    "make_stacks",
    "matrices_fit",
    "metrics_read",
    "prepared_once",
]

# Of the available memory, what the rows of all layers may take.
_ROWS_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Stack:
    """The prepared layers of one side."""

    prepared: tuple[tuple[Space, ...], ...]
    """One space per layer, in order of depth, for each metric that one preparation does not answer with another's."""
    layers: tuple[int, ...]
    """Label of each layer."""
    relative_depth: npt.NDArray[np.float64]
    """Depth of each layer, from 0 (embeddings) to 1 (last block)."""
    provenance: Mapping[str, Any]
    """Where it comes from; empty for bare arrays."""
    items: tuple[str, ...] | npt.NDArray[np.intp]
    """The name of each item, or its row number where rows have no names."""

    @property
    def spaces(self) -> tuple[Space, ...]:
        """The layers in the metric that was asked for first."""
        return self.prepared[0]

    def answering(self, metric: str | OwnMetric, /) -> tuple[Space, ...]:
        """Return the layers that answer in `metric`, which must be among those that were prepared."""
        return next(spaces for spaces in self.prepared if same_space(spaces[0].metric, metric))


def metrics_read(measures: Sequence[Measure], options: ComparisonOptions, /) -> tuple[str | OwnMetric, ...]:
    """Return the metrics that each layer is prepared for, that of the options first.

    Raises
    ------
    InputError
        Distances are given, and a measure reads something else.
    """
    found: list[str | OwnMetric] = []
    read = {measure.name: measure.metric(options) for measure in measures}
    for metric in sorted(read.values(), key=lambda metric: metric != options.metric):
        if not any(same_space(metric, other) for other in found):
            found.append(metric)
    # Rows that are distances must not be read as features, even where no measure asks for `metric`.
    if "precomputed" in (*found, options.metric) and found != ["precomputed"]:
        others = [
            f"{name} ({metric_name(metric)})" for name, metric in read.items() if metric != "precomputed"
        ]
        message = (
            "metric='precomputed' takes distances instead of rows, which cannot answer for "
            f"{', '.join(others)}. Leave these out of measures, and set overlap_metric='precomputed' for the overlap."
        )
        raise InputError(message)
    return tuple(found)


def both_sides(
    X: Any, Y: Any, measures: Sequence[Measure], options: ComparisonOptions, /
) -> list[tuple[Space, Space]]:
    """Return one layer of either side, prepared for each metric that the measures read."""
    of_x, of_y = options.transform_of("a"), options.transform_of("b")
    return [
        two_spaces(as_space(X, "X", metric, of_x), as_space(Y, "Y", metric, of_y), metric)
        for metric in metrics_read(measures, options)
    ]


def make_stacks(
    A: Any,
    others: Sequence[Any],
    measures: Sequence[Measure],
    options: ComparisonOptions,
    rng: np.random.Generator,
    progress: Tell | None,
    /,
    *,
    strata: Sequence[Any] | None,
    n_samples: int | None,
    block_size: int | None,
) -> tuple[Stack, list[Stack], Sequence[Any] | None]:
    """Return `A` and all that it is compared with, prepared on the same items for all of `measures`, and their strata."""
    metrics = metrics_read(measures, options)
    sides = [("A", as_stack(A, "A")), *(("B", as_stack(B, "B")) for B in others)]
    for name, stack in sides:
        check_stack(stack, name)
    first = [read_layer(stack, 0, name) for name, stack in sides]
    n_items = n_rows(first[0])
    for side, layer in zip(sides[1:], first[1:], strict=True):
        _check_same_items(n_items, n_rows(layer))
        check_same_ids(dict([sides[0], side]))
    given = n_items
    groups = None if strata is None else one_per_item(strata, n_items)
    chosen = None
    if n_samples is not None and whole_number("n_samples", n_samples) != n_items:
        if not 3 <= n_samples < n_items:
            message = f"n_samples must be between 3 and the {n_items} items at hand; got {n_samples}."
            raise InputError(message)
        chosen = np.sort(rng.permutation(n_items)[:n_samples])
        groups = None if groups is None else [groups[i] for i in chosen]
        n_items = chosen.size
    n_layers = [len(stack.layers) for _, stack in sides]
    block = block_size
    if block is None:
        block = _block(measures, n_items, sum(n_layers) * sum(map(entry_bytes, metrics)))
    rows = sum(_nbytes(layer) * n for layer, n in zip(first, n_layers, strict=True))
    keep = rows <= _ROWS_SHARE * available_memory()
    del first
    items = item_names([stack.ids for _, stack in sides], given, chosen)
    told = _Counted(progress, sum(n_layers))
    ready = []
    for name, stack in sides:
        how = _How(metrics, options.transform_of("a" if name == "A" else "b"), block, keep)
        spaces = _layers_of(stack, name, given, chosen, how, told)
        ready.append(Stack(tuple(zip(*spaces, strict=True)), tuple(stack.layers), *_origin(stack), items))
    return ready[0], ready[1:], groups


def matrices_fit(
    stacks: Sequence[LayerStack], measures: Sequence[Measure], options: ComparisonOptions, /
) -> bool:
    """Tell whether the matrices of all layers of these stacks, and their rows, may be kept at the same time."""
    needed = 0
    for stack in stacks:
        first = read_layer(stack, 0, "a stack")
        of_a_layer = sum(
            _matrix_bytes(measures, n_rows(first), metric) for metric in metrics_read(measures, options)
        )
        needed += len(stack.layers) * (_nbytes(first) + of_a_layer)
    return needed <= MATRICES_SHARE * available_memory()


def prepared_once(
    stacks: Mapping[str, Any],
    measures: Sequence[Measure],
    options: ComparisonOptions,
    progress: Tell | None,
    /,
) -> dict[str, LayerStack]:
    """Return stacks over the same items whose layers are prepared, each once, for measures of one metric.

    All that is prepared stays in memory, matrices of distances and rows. Where that would be more than half of the memory
    that is available, stacks are returned as they are, and each comparison prepares its own two.
    """
    known = {name: as_stack(stack, name) for name, stack in stacks.items()}
    for name, stack in known.items():
        check_stack(stack, name)
    if not matrices_fit(list(known.values()), measures, options):
        return known
    (metric,) = metrics_read(measures, options)
    n_items = count_items(next(iter(known.values())))
    block = _block(measures, n_items, 0)
    told = _Counted(progress, sum(len(stack.layers) for stack in known.values()))
    how = _How((metric,), options.transform_of("a"), block, keep=True)
    found: dict[str, LayerStack] = {}
    for name, stack in known.items():
        readers = tuple(_giving(space) for (space,) in _layers_of(stack, name, n_items, None, how, told))
        depth, provenance = _origin(stack)
        ids = None if stack.ids is None else tuple(stack.ids)
        found[name] = ArrayStack(readers, tuple(stack.layers), depth, ids, provenance)
    return found


@dataclass(frozen=True)
class _How:
    """How layers are prepared; `keep` says whether their rows stay, or are read again for near-ties."""

    metrics: Sequence[str | OwnMetric]
    transform: Any
    block: int | None
    keep: bool


@dataclass
class _Counted:
    """Tells how many layers of all are prepared."""

    progress: Tell | None
    total: int
    _done: int = 0

    def __call__(self) -> None:
        """Count one more."""
        self._done += 1
        if self.progress is not None:
            self.progress("preparing layers", self._done, self.total)


def _layers_of(
    stack: LayerStack,
    name: str,
    n_items: int,
    chosen: npt.NDArray[np.intp] | None,
    how: _How,
    told: Callable[[], None],
) -> list[list[Space]]:
    """Return each layer, prepared for each metric; one is read while those before it are prepared."""

    def ready(given: tuple[int, Layer]) -> list[Space]:
        index, layer = given
        return _prepared(layer, stack, index, chosen, how, f"layer {stack.layers[index]} of {name}")

    layers = ((i, read_layer(stack, i, name, n_items=n_items)) for i in range(len(stack.layers)))

    def alone(given: tuple[int, Layer]) -> bool:
        return not how.keep or any(prepares_alone(given[1], metric, how.transform) for metric in how.metrics)

    return map_two(ready, layers, alone=alone, done=told)


def _giving(space: Space) -> Callable[[], Layer]:
    return lambda: space


def _matrix_bytes(measures: Sequence[Measure], n_items: int, metric: str | OwnMetric) -> int:
    """Return what the matrix of a layer takes; nothing where no measure asks for distances."""
    if all(measure.reads == "rows" for measure in measures):
        return 0
    return n_items * n_items * entry_bytes(metric)


def _origin(stack: LayerStack) -> tuple[npt.NDArray[np.float64], dict[str, Any]]:
    return np.asarray(stack.relative_depth, np.float64), dict(stack.provenance)


def item_names(
    listed: Sequence[Sequence[str] | None], n_items: int, chosen: npt.NDArray[np.intp] | None
) -> tuple[str, ...] | npt.NDArray[np.intp]:
    """Return the name of each item that is compared, or its row number."""
    rows = np.arange(n_items) if chosen is None else chosen
    ids = next((ids for ids in listed if ids is not None), None)
    return rows if ids is None else tuple(str(ids[row]) for row in rows)


def _block(measures: Sequence[Measure], n_items: int, bytes_per_pair: int) -> int | None:
    """Return how many rows of a matrix to hold at a time; None where the matrices of all layers are kept."""
    if all(measure.reads == "rows" for measure in measures):
        return 1  # they never ask for distances
    available = available_memory()
    if available and bytes_per_pair * n_items * n_items > MATRICES_SHARE * available:
        return max(64, int(MATRICES_SHARE * available / 8 / (4 * n_items)))
    return None


def _check_same_items(n_a: int, n_b: int) -> None:
    if n_a != n_b:
        message = (
            f"A and B must describe the same items: got {n_a} and {n_b} rows. "
            "Align them by id first (platoscope.representations.align)."
        )
        raise InputError(message)


def _prepared(
    layer: Layer,
    stack: LayerStack,
    index: int,
    chosen: npt.NDArray[np.intp] | None,
    how: _How,
    name: str,
) -> list[Space]:
    """Prepare one layer; its rows are kept for near-ties, or else read again when one must be settled."""
    if isinstance(layer, Space):
        found = [replace(as_space(layer, name, metric, how.transform), name=name) for metric in how.metrics]
        return found if chosen is None else [space.subset(chosen) for space in found]
    if how.metrics[0] == "precomputed":
        whole = prepare(_rows(layer), metric="precomputed", transform=how.transform, name=name)
        return [whole if chosen is None else whole.subset(chosen)]

    def cut(layer: Layer) -> Any:
        return _rows(layer if chosen is None else take_rows(layer, chosen))

    source = cut(layer) if how.keep else lambda: cut(stack.parts(index))
    return [
        prepare(source, metric=metric, transform=how.transform, block_size=how.block, name=name)  # type: ignore[arg-type]
        for metric in how.metrics
    ]


def _rows(layer: Any) -> Any:
    """Return the one array of a layer that is no concatenation, which messages then call by the layer's name."""
    return layer[0] if len(layer) == 1 else layer


def _nbytes(layer: Layer) -> int:
    return 0 if isinstance(layer, Space) else sum(int(part.nbytes) for part in layer)
