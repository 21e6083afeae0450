"""What a plan costs, found out without loading weights: tokens, memory, disk and time.

The estimates are rough on purpose and say so: tokens per item are taken from the limits of the filter, a
forward pass is counted as two operations per parameter and token, and the machine's speed is measured with
one matrix product. Comparisons are priced by what the table of measures says, in units of that product, and pictures by a
constant; `platoscope.studies.run.calibrating` times them instead. Converting a bundled model the first time is not counted.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Protocol

import numpy as np
from threadpoolctl import threadpool_limits

from platoscope.cores import available_cores
from platoscope.errors import PlatoscopeError
from platoscope.filenames import is_there, path_of
from platoscope.layerwise import SPACES
from platoscope.measures import get_measure
from platoscope.models import ModelInfo, Pooling, catalog, describe_model, trained_name
from platoscope.models.cost import n_operations
from platoscope.neighbors import MATRICES_SHARE, available_memory
from platoscope.representations import stored_bytes
from platoscope.studies.design.comparison import Source, Surface, Synthetic
from platoscope.studies.design.measured import computed_measures
from platoscope.studies.plan.prices import of_a_pair
from platoscope.wording import in_bytes, in_operations, in_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platoscope.studies.design.comparison import Comparison
    from platoscope.studies.design.records import Panel
    from platoscope.studies.design.settings import Settings
    from platoscope.studies.plan.extraction import Extraction

__all__ = [
    "BESIDE_WEIGHTS",
    "Estimate",
    "beside_comparing",
    "estimate",
    "n_layer_pairs",
    "n_layers_of",
    "operations_per_second",
    "per_extraction",
    "reading_seconds",
    "size_of",
]

_UNLIMITED_TEXT = 20  # tokens of a caption
_UNKNOWN_LAYERS = 25
_UNKNOWN_FEATURES = 1000
_SHARE_OF_PEAK = 0.5  # what a forward pass reaches of a plain matrix product
BESIDE_WEIGHTS = 1 << 30  # interpreter, libraries and one batch of states
_WITHOUT_MODELS = 400 << 20  # interpreter and libraries, without that of the models
_IN_A_GRID = 0.025  # of what two layers by themselves cost, most of which is of either one
_SECONDS_PER_PANEL = 1.0  # as PNG, SVG and PDF
_SECONDS_TO_START = 5.0  # libraries, compiled kernels, one model


class Work(Protocol):
    """What a plan asks for, as far as its cost goes; see `platoscope.studies.Plan`."""

    @property
    def settings(self) -> Settings: ...

    @property
    def comparisons(self) -> tuple[Comparison, ...]: ...

    @property
    def panels(self) -> tuple[Panel, ...]: ...

    @property
    def extractions(self) -> tuple[Extraction, ...]: ...


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Cost of a plan; None where a model's size is not known before it is loaded.

    Parameters
    ----------
    n_tokens : int
        Tokens that all models read together (patches of images).
    operations : int or None
        Multiplications and additions of the forward passes.
    memory : int or None
        Bytes of a process that reads with the largest model, or compares what has most layers, its working memory
        included; on a cluster that of a worker.
    disk : int or None
        Bytes of representations, float32.
    seconds : float or None
        Time on this machine's CPU: forward passes, comparisons and pictures.
    comparing_seconds : float
        What of it comparisons and pictures take.
    matrices : int
        What of the memory the matrices of distances of one comparison take, at most.
    unknown : tuple of str
        Models whose size is not known.
    """

    n_tokens: int
    operations: int | None
    memory: int | None
    disk: int | None
    seconds: float | None
    comparing_seconds: float
    matrices: int = 0
    unknown: tuple[str, ...] = ()

    def with_comparing(self, seconds: float, /) -> Estimate:
        """Give the same where comparisons and pictures take so long."""
        total = None if self.seconds is None else self.seconds - self.comparing_seconds + seconds
        return replace(self, seconds=total, comparing_seconds=seconds)

    def rows(self) -> list[tuple[str, str]]:
        """Give name and value of each cost, for printing."""
        rows = [
            ("tokens", f"about {self.n_tokens:,}"),
            (
                "operations",
                "unknown" if self.operations is None else f"about {in_operations(self.operations)}",
            ),
            ("memory", _bytes(self.memory)),
            ("matrices", _of_matrices(self.matrices)),
            ("disk", _bytes(self.disk)),
            ("time", _time(self.seconds)),
            ("comparing", f"{_time(self.comparing_seconds)}, which is in the time"),
            ("compiling", "once on a machine, by its first run; not in the time"),
        ]
        if self.unknown:
            rows.append(("not counted", f"size unknown before loading: {', '.join(self.unknown)}"))
        return rows


def estimate(plans: Sequence[Work], /) -> Estimate:
    """Add up what `plans` cost when what they share is read once."""
    readings: dict[tuple[Extraction, int, int], tuple[Extraction, Settings]] = {}
    for plan in plans:
        for extraction in plan.extractions:
            key = (extraction.reading, plan.settings.n, plan.settings.seed)
            readings.setdefault(key, (extraction, plan.settings))
    every = [(extraction, settings.n, size_of(extraction)) for extraction, settings in readings.values()]
    known = [(extraction, n, size) for extraction, n, size in every if size is not None]
    unknown = tuple(sorted({extraction.model for extraction, _, size in every if size is None}))
    passes = {(extraction.one_pass, n): size for extraction, n, size in every}
    comparing = sum(map(_seconds_beside_reading, plans))
    matrices = max((_matrix_bytes(item, plan) for plan in plans for item in plan.comparisons), default=0)
    n_tokens = sum(n * tokens_per_item(extraction, size) for (extraction, n), size in passes.items())
    if every and not known:
        return Estimate(
            n_tokens=n_tokens, operations=None, memory=None, disk=None, seconds=None, comparing_seconds=comparing,
            matrices=matrices, unknown=unknown,
        )  # fmt: skip
    operations = sum(
        n_operations(size, n * tokens_per_item(extraction, size))
        for (extraction, n), size in passes.items()
        if size is not None
    )
    reading = reading_seconds(operations)
    beside = BESIDE_WEIGHTS if every else _WITHOUT_MODELS
    return Estimate(
        n_tokens=n_tokens,
        operations=operations,
        memory=beside + max([_kept(matrices), *(size.size_bytes for _, _, size in known)]),
        disk=sum(_disk(extraction, size, n) for extraction, n, size in known),
        seconds=reading + comparing,
        comparing_seconds=comparing,
        matrices=matrices,
        unknown=unknown,
    )


def _matrix_bytes(comparison: Comparison, plan: Work) -> int:
    """Count the bytes of the matrices of distances of all layers of a comparison, which are held at the same time."""
    names = computed_measures(comparison, plan.comparisons, plan.settings)
    if all(get_measure(name).reads == "rows" for name in names):
        return 0
    first, second = (n_layers_of(side) for side in comparison.sides)
    if comparison.kind == "matrix":
        n_layers = len(comparison.members()) + 1
    elif comparison.kind == "sample_size":
        n_layers = 2
    else:
        n_layers = first + second * max(1, len(comparison.distances))
    return n_layers * plan.settings.n**2 * np.dtype(np.float32).itemsize


def _kept(matrices: int) -> int:
    """Give what matrices take of the memory; those for which there is no room are computed in blocks."""
    free = available_memory()
    return matrices if not free or matrices <= MATRICES_SHARE * free else free // 8


def _of_matrices(n_bytes: int) -> str:
    """Say what matrices take, and where they are not kept."""
    if not n_bytes:
        return "no matrices of distances"
    if _kept(n_bytes) < n_bytes:
        there = f"{MATRICES_SHARE:.0%} of what is free here"
        return f"in blocks, again and again: {in_bytes(n_bytes)} of distances are more than {there}"
    return f"up to {in_bytes(n_bytes)} of distances in each process that compares"


def _seconds_beside_reading(plan: Work) -> float:
    """Price comparisons and pictures."""
    return _priced(plan) + beside_comparing(plan)


def beside_comparing(plan: Work, /) -> float:
    """Price the start of a run and its pictures."""
    return _SECONDS_TO_START + len(plan.panels) * _SECONDS_PER_PANEL


def _priced(plan: Work) -> float:
    """Price comparisons by constants."""
    operations = sum(_operations_of(comparison, plan) for comparison in plan.comparisons)
    return operations / operations_per_second()


def _operations_of(comparison: Comparison, plan: Work) -> float:
    """Count operations of a matrix product that take as long as a comparison."""
    settings = plan.settings
    measures = computed_measures(comparison, plan.comparisons, settings)
    if not measures:
        return 0.0
    n_layers = sum(n_layers_of(side) for side in comparison.sides) * max(1, len(comparison.distances))
    n_features = max(_n_features(side) for side in comparison.sides)
    times = len(SPACES) if comparison.kind == "spaces" else 1
    preparing = times * n_layers * settings.n**2 * n_features  # half of a product
    pairs: float = n_layer_pairs(comparison)
    if comparison.kind in ("grid", "matrix"):
        pairs = pairs**0.5 + _IN_A_GRID * pairs
    return preparing + pairs * of_a_pair(measures, settings)


def n_layer_pairs(comparison: Comparison, /) -> int:
    """Count the pairs of layers that a comparison looks at; of a model of unknown size, as if it had 25."""
    first, second = (n_layers_of(side) for side in comparison.sides)
    if comparison.kind == "grid":
        return first * second
    if comparison.kind == "matrix":
        return (len(comparison.members()) + 1) ** 2
    if comparison.kind == "sample_size":
        return 1
    layers = max(first, second)
    if comparison.fixed is not None:
        layers = second if comparison.fixed.side == "a" else first
    # The weights of a gain, its null and its subsamples cost about as much as so many pairs, and the folds of a weighing,
    # two estimators of a dimension on both sides, and Δ inside groups and across them.
    in_spaces = {"spaces": len(SPACES), "gain": 4, "weights": 9, "dimension": 6, "scales": 28}.get(
        comparison.kind, 1
    )
    return layers * max(1, len(comparison.distances)) * in_spaces


def n_layers_of(side: Source | Surface | Synthetic, /) -> int:
    """Count the layers of a side; of a model of unknown size, as if it had 25."""
    if isinstance(side, Synthetic):
        return len(side.values)
    if isinstance(side, Surface):
        return 1
    return _n_kept(side, size_of(side))


def _n_kept(kept: Extraction | Source, size: ModelInfo | None) -> int:
    """Count the layers that are kept; one from the end is that of the number that it has."""
    if size is None:  # no number is another's then, that anybody knows
        return _UNKNOWN_LAYERS if kept.layers is None else len(set(kept.layers))
    return size.n_layers if kept.layers is None else len({layer % size.n_layers for layer in kept.layers})


def _n_features(side: Source | Surface | Synthetic) -> int:
    """Count the features of a layer of a side; of a model of unknown size as if it had 1,000."""
    if not isinstance(side, Source):
        return 0
    size = size_of(side)
    width = _UNKNOWN_FEATURES if size is None else size.n_features
    return width * Pooling.parse(side.pooling).n_vectors


def per_extraction(extractions: Sequence[Extraction], settings: Settings, /) -> list[str]:
    """Say of each extraction how many tokens it reads and how much disk it takes."""
    sentences = []
    for extraction in extractions:
        size = size_of(extraction)
        tokens = settings.n * tokens_per_item(extraction, size)
        disk = None if size is None else _disk(extraction, size, settings.n)
        sentences.append(f"about {tokens:,} tokens, {_bytes(disk)} on disk")
    return sentences


def tokens_per_item(extraction: Extraction, size: ModelInfo | None, /) -> int:
    """Guess the tokens of one item: the patches of an image, the middle of the limits of a text."""
    if size is not None and size.n_patches is not None:
        return size.n_patches
    low, high = extraction.items.minimum, extraction.items.maximum
    if low is None and high is None:
        return _UNLIMITED_TEXT
    return ((low or 1) + (high if high is not None else 2 * (low or 1))) // 2


def size_of(extraction: Extraction | Source, /) -> ModelInfo | None:
    """Look a model up in the catalogue or on this machine; a plan asks nothing of the network."""
    trained = trained_name(extraction.model)
    listed = any(info.name == trained for info in catalog())
    if not listed and not is_there(path_of(trained)):
        return None
    try:
        return describe_model(extraction.model, tower=extraction.tower, revision=extraction.revision)
    except (PlatoscopeError, OSError):
        return None


def reading_seconds(operations: float, /) -> float:
    """Estimate the time of forward passes on this machine's CPU."""
    return operations / (_SHARE_OF_PEAK * operations_per_second())


@cache
def operations_per_second() -> float:
    """Measure the machine: operations per second of float32 matrix products on all cores, were nothing else at work.

    One thread's own time is taken: of the clock's, other work on the machine has its part.
    """
    X = np.ones((1024, 1024), dtype=np.float32)
    fastest = float("inf")
    with threadpool_limits(1, user_api="blas"):
        for _ in range(10):  # caches are cold at first, others may be disturbed
            start = time.thread_time()
            X @ X
            fastest = min(fastest, time.thread_time() - start)
    return available_cores() * 2 * 1024**3 / fastest


def _disk(extraction: Extraction, size: ModelInfo, n: int) -> int:
    vectors = [Pooling.parse(pooling).n_vectors for pooling in extraction.poolings]
    return sum(stored_bytes((_n_kept(extraction, size), n, each, size.n_features)) for each in vectors)


def _bytes(value: int | None) -> str:
    return "unknown" if value is None else in_bytes(value)


def _time(seconds: float | None) -> str:
    return "unknown" if seconds is None else f"about {in_time(seconds)} on this CPU"
