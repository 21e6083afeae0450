"""Grids of a run keep the ranks of single items in every cell; what is cut out of them tells what a profile tells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from platoscope.layerwise import as_stack
from platoscope.measures import information_imbalance
from platoscope.studies import Comparison, Fixed, Items, Settings, Source
from platoscope.studies.design.measured import ITEMS_LEFT_OUT, keeps_items
from platoscope.studies.run import computing
from platoscope.studies.run.computation import Computation

N, LAYERS = 50, (4, 3)
SETTINGS = Settings(n=N, n_resamples=4, n_permutations=4)
GRID = Comparison(
    label="grid", a=Source(model="m"), b=Source(model="m", side="b"), items=Items(data="d"), kind="grid"
)
PROFILE = replace(GRID, label="profile", kind="profile", match="relative_depth")
SWEEP = replace(GRID, label="sweep", kind="sweep", fixed=Fixed(side="a", layer=2))
OF_ITEMS = ("neighbor_rank", "nearest_a", "nearest_b", "n_nearest_a", "n_nearest_b", "partner_rank")


@pytest.fixture(scope="module")
def sides() -> tuple[np.ndarray, np.ndarray]:
    """Give layers of two sides, some rows twice, so that neighbors tie."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((LAYERS[0], N, 6))
    rows[:, 40:] = rows[:, :10]
    return rows, rows[: LAYERS[1]] + 0.5 * rng.standard_normal((LAYERS[1], N, 6))


def _computed(
    comparison: Comparison, sides: tuple[np.ndarray, np.ndarray], grid: xr.Dataset | None = None
) -> xr.Dataset:
    a, b = map(as_stack, sides)
    held = 2 if comparison.kind == "sweep" else None
    return computing.compute(
        Computation(comparison=comparison, a=a, b=b, settings=SETTINGS, position=held, grid=grid)
    )


def test_every_cell_has_the_ranks_of_its_two_layers(sides: tuple[np.ndarray, np.ndarray]) -> None:
    """Ranks of a cell make up Δ of these two layers as they are compared by themselves, in both directions."""
    grid = _computed(GRID, sides)
    assert (grid.neighbor_rank % 1 != 0).any()  # means over neighbors that tie
    for i, j in np.ndindex(*LAYERS):
        alone = information_imbalance(sides[0][i], sides[1][j], transform="unit")
        found = 2 * grid.neighbor_rank.isel(layer_a=i, layer_b=j).mean("item") / N
        np.testing.assert_allclose(found, [alone.forward, alone.backward], rtol=1e-12)


@pytest.mark.parametrize("comparison", [PROFILE, SWEEP], ids=["profile", "sweep"])
def test_what_is_cut_out_of_a_grid_tells_the_same_of_items(
    comparison: Comparison, sides: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ranks and neighbors out of the grid are those of a profile that is computed by itself, and cost nothing."""
    direct = _computed(comparison, sides)
    asked = []
    monkeypatch.setattr(
        computing, "_measured", lambda task, held, **settings: asked.append(settings) or direct
    )
    cut = _computed(comparison, sides, _computed(GRID, sides))
    assert [set(settings) for settings in asked] == [{"measures"}]  # retrieval, which the grid has not
    for name in OF_ITEMS:
        xr.testing.assert_equal(cut[name], direct[name])


def test_a_grid_with_too_many_ranks_says_so_and_keeps_none(
    sides: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit a grid has its measures alone and the reason, and profiles have their ranks all the same."""
    monkeypatch.setattr(computing, "MOST_RANKS", 2 * LAYERS[0] * LAYERS[1] * N - 1)
    grid = _computed(GRID, sides)
    assert "item" not in grid.dims
    assert "4 × 3 cells of this grid: 1,200 numbers" in grid.attrs[ITEMS_LEFT_OUT]
    cut = _computed(PROFILE, sides, grid)
    np.testing.assert_array_equal(2 * cut.neighbor_rank.sum("item") / N**2, cut.information_imbalance)


def test_grids_of_what_has_no_ranks_keep_none() -> None:
    """Without Information Imbalance, of misaligned pairs, or where it is not wanted, a grid tells nothing of items."""
    assert keeps_items(GRID, SETTINGS)
    assert not keeps_items(GRID, replace(SETTINGS, items=False))
    assert not keeps_items(GRID, replace(SETTINGS, grid_measures=("cka_debiased",)))
    assert not keeps_items(replace(GRID, shuffle="free"), SETTINGS)
