"""What a comparison reads is freed with its result, at once: studies hold the layers of one comparison at a time."""

import weakref
from collections.abc import Callable

import numpy as np
import pytest

from platoscope.layerwise import compare, compare_spaces, n_curve, profile
from platoscope.measures import MEASURES, ComparisonOptions, get_measure
from platoscope.neighbors import Space, prepare

N_ITEMS, N_FEATURES = 60, 12


class Watched:
    """Layers that are made when they are read, and followed until they are freed."""

    layers = (0, 1)
    relative_depth = np.array([0.0, 1.0])

    def __init__(self, made: list[weakref.ref[np.ndarray]], seed: int) -> None:
        self.made, self.seed = made, seed

    def __len__(self) -> int:
        return len(self.layers)

    def parts(self, index: int) -> list[np.ndarray]:
        """Make a layer."""
        rng = np.random.default_rng([self.seed, index])
        layer = rng.standard_normal((N_ITEMS, N_FEATURES), dtype=np.float32)
        self.made.append(weakref.ref(layer))
        return [layer]


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("how", [compare, profile])
@pytest.mark.parametrize("measure", sorted(MEASURES))
def test_layers_are_freed_with_the_comparison(how: Callable[..., object], measure: str) -> None:
    made: list[weakref.ref[np.ndarray]] = []
    how(Watched(made, 0), Watched(made, 1), measures=[measure], n_resamples=6, n_permutations=5, rng=0)
    assert made
    assert [layer for layer in made if layer() is not None] == []


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("how", [compare_spaces, n_curve])
def test_layers_are_freed_with_other_results(how: Callable[..., object]) -> None:
    made: list[weakref.ref[np.ndarray]] = []
    sides = [Watched(made, 0), Watched(made, 1)]
    if how is n_curve:
        how(*(side.parts(0) for side in sides), sizes=[20, 40], rng=0)
    else:
        how(*sides, n_resamples=6, rng=0)
    assert made
    assert [layer for layer in made if layer() is not None] == []


@pytest.mark.parametrize(("n_features", "kept"), [(N_ITEMS // 2, True), (4 * N_ITEMS, False)])
def test_retrieval_keeps_no_copy_of_layers_with_more_features_than_items(n_features: int, kept: bool) -> None:
    rng = np.random.default_rng(0)
    sides: list[list[Space]] = [
        [prepare(rng.standard_normal((N_ITEMS, n_features), dtype=np.float32)) for _ in range(2)]
        for _ in "ab"
    ]
    measure, pairs = get_measure("retrieval_at_1"), np.array([(0, 0), (1, 0), (1, 1)])
    sets = np.array([np.arange(30), np.arange(30, 60)])
    options = ComparisonOptions()
    measure.scores(*sides, pairs, options, {})
    assert measure.resamples is not None
    measure.resamples(*sides, pairs, sets, options, {})
    wide = [
        array
        for side in sides
        for space in side
        for remembered in space.memo.values()
        for array in remembered
        if isinstance(array, np.ndarray) and array.shape == (N_ITEMS, n_features)
    ]
    assert len(wide) == (4 if kept else 0)
