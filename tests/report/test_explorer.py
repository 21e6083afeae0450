"""What a page holds of single pairs: packed ranks, texts as far as they may be shown, and no more than a browser likes."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from platoscope import compare, profile
from platoscope.errors import StorageError
from platoscope.report import explorer
from platoscope.report.explorer import explorer_data, explorer_section
from platoscope.studies import KeptItems, Verdict

if TYPE_CHECKING:
    from types import ModuleType

    import xarray as xr

N, LAYERS = 30, 5
ITEMS = KeptItems(
    pairs="made up", license="free", shown=True, names=("en", "it"), modalities=("text", "text"),
    ids=tuple(f"id{i}" for i in range(N)), strata=(None,) * N, a=("a text",) * N, b=("un testo",) * N,
)  # fmt: skip


def _with_ranks(madeup: ModuleType) -> xr.Dataset:
    rng = np.random.default_rng(0)
    nearest = rng.integers(0, N, (LAYERS, N)).astype(np.int32)
    ones = np.ones((LAYERS, N), dtype=np.int32)
    return madeup.profile(n_layers=LAYERS).assign(
        neighbor_rank=(("direction", "layer", "item"), rng.integers(1, N, (2, LAYERS, N)) + 0.5),
        nearest_a=(("layer", "item"), nearest), nearest_b=(("layer", "item"), nearest[::-1]),
        n_nearest_a=(("layer", "item"), ones), n_nearest_b=(("layer", "item"), ones),
    ).assign_coords(item=list(ITEMS.ids))  # fmt: skip


@pytest.fixture
def result(madeup: ModuleType) -> Any:
    """Give a run of two comparisons with ranks and one without."""
    results = {"one": _with_ranks(madeup), "two": _with_ranks(madeup), "grid": madeup.grid()}
    return SimpleNamespace(results=results, folder="runs/made-up", verdicts=())


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a function that says what the run keeps of its pairs."""

    def keep(items: KeptItems | None) -> None:
        monkeypatch.setattr(explorer, "read_items", lambda result, label: items)

    return keep


def test_numbers_are_those_of_the_result(result: Any, kept: Any) -> None:
    """Ranks and neighbors unpack to the numbers of the result; pairs that comparisons share stand once."""
    kept(ITEMS)
    data = explorer_data(result)
    first, second = data["comparisons"]
    assert (first["label"], second["label"]) == ("one", "two")
    assert first["items"] == second["items"]
    assert data["items"][first["items"]]["a"] == ["a text"] * N
    dataset = result.results["one"]
    for packed, values in (
        (first["matched"]["ranks"]["rank"]["b_to_a"], dataset.neighbor_rank.sel(direction="b_to_a")),
        (first["matched"]["nearest"]["a"], dataset.nearest_a),
    ):
        np.testing.assert_array_equal(_unpacked(packed, (LAYERS, N)), values)


def _unpacked(packed: Any, shape: tuple[int, ...]) -> np.ndarray:
    kind = {"f4": "<f4", "u2": "<u2"}[packed["type"]]
    return np.frombuffer(zlib.decompress(base64.b64decode(packed["data"])), dtype=kind).reshape(shape)


@pytest.fixture
def cells(kept: Any) -> Any:
    """Give a run of a profile and the grid that it is a slice of."""
    kept(ITEMS)
    rng = np.random.default_rng(0)
    sides = [rng.standard_normal((n, N, 3)) for n in (3, 4)]
    ids = list(ITEMS.ids)
    options: Any = {"measures": "information_imbalance", "n_resamples": 0, "items": True, "rng": 0}
    results = {
        "profile": profile(*sides, match="relative_depth", **options),
        "grid": compare(*sides, **options),
    }
    for kind, found in results.items():
        said = {"kind": kind, "space": "x", "comparison": '{"a": 1, "b": 2}'}
        results[kind] = found.assign_coords(item=ids).assign_attrs(said)
    return SimpleNamespace(results=results, folder="runs/made-up", verdicts=())


def test_every_cell_of_a_grid_has_its_ranks(cells: Any) -> None:
    """Beside the profile the page has the ranks of all cells, and the neighbors in all layers of either side."""
    (comparison,) = explorer_data(cells)["comparisons"]
    assert comparison["label"] == "profile"
    found, grid = comparison["grid"], cells.results["grid"]
    assert "why" not in found
    ranks = found["cells"]["ranks"]["rank"]["a_to_b"]
    assert ranks["type"] == "u2"  # nothing ties
    np.testing.assert_array_equal(_unpacked(ranks, (3, 4, N)), grid.neighbor_rank.sel(direction="a_to_b"))
    np.testing.assert_array_equal(_unpacked(found["cells"]["nearest"]["b"], (4, N)), grid.nearest_b)


def test_a_grid_by_itself_stands_with_the_profile_in_it(cells: Any) -> None:
    """A run that has no profile of the two sides shows the matched layers of their grid."""
    expected = explorer_data(cells)["comparisons"][0]
    del cells.results["profile"]
    (comparison,) = explorer_data(cells)["comparisons"]
    assert comparison["label"] == "grid"
    same = ("layers", "matched", "grid")
    assert [comparison[part] for part in same] == [expected[part] for part in same]


def test_cells_without_ranks_say_why(cells: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A grid of an earlier version, one with too many ranks for its run and one that does not fit have their reasons."""
    whole = explorer_data(cells)
    grid = cells.results["grid"]
    bare = grid.drop_dims("item")
    almost = len(json.dumps([whole["comparisons"], whole["items"]])) - 200
    for given, room, why in (
        (bare, explorer.MOST_BYTES, "keeps the ranks of matched layers only"),
        (bare.assign_attrs(items_left_out="Too many."), explorer.MOST_BYTES, "Too many."),
        (grid, almost, "per_item('grid') has them"),
    ):
        cells.results["grid"] = given
        monkeypatch.setattr(explorer, "MOST_BYTES", room)
        (comparison,) = explorer_data(cells)["comparisons"]
        assert "cells" not in comparison["grid"]
        assert why in comparison["grid"]["why"]


def test_a_grid_of_other_pairs_is_refused(cells: Any) -> None:
    """Ranks of a cell never stand beside other pairs."""
    cells.results["grid"] = cells.results["grid"].assign_coords(item=list(ITEMS.ids)[::-1])
    with pytest.raises(StorageError, match="pairs of 'grid' in runs/made-up are not those of 'profile'"):
        explorer_data(cells)


def test_what_the_study_is_about_stands_first(result: Any, kept: Any) -> None:
    """The first comparison is the first with ranks that a statement is about, in the order of the statements."""
    kept(ITEMS)
    result.verdicts = tuple(
        Verdict("It holds.", "held", "0.33", needs=needs) for needs in (("grid",), ("two", "one"))
    )
    assert [comparison["label"] for comparison in explorer_data(result)["comparisons"]] == ["two", "one"]


@pytest.mark.parametrize(
    ("items", "why"),
    [
        (replace(ITEMS, shown=False, a=(), b=()), "license of made up"),
        (None, "keeps no texts"),
    ],
)
def test_what_may_not_be_shown_has_its_reason(
    items: KeptItems | None, why: str, result: Any, kept: Any
) -> None:
    """Pairs without texts stand by their ids, and the page says why."""
    kept(items)
    (pairs,) = explorer_data(result)["items"].values()
    assert why in pairs["why"]
    assert pairs["ids"] == list(ITEMS.ids)
    assert "a" not in pairs


def test_pairs_of_another_run_are_refused(result: Any, kept: Any) -> None:
    """Texts never stand beside the ranks of other pairs."""
    kept(replace(ITEMS, ids=ITEMS.ids[::-1]))
    with pytest.raises(StorageError, match="not those of its result"):
        explorer_data(result)


def test_what_does_not_fit_is_named(result: Any, kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts go first, then comparisons, and the page says of both."""
    kept(replace(ITEMS, a=("long " * 2000,) * N))
    size = len(str(explorer_data(result)["comparisons"][0]))
    monkeypatch.setattr(explorer, "MOST_BYTES", int(1.5 * size))
    data = explorer_data(result)
    (pairs,) = data["items"].values()
    assert "too large" in pairs["why"]
    assert data["left_out"] == ["two"]
    assert "The pairs of two are left out" in explorer_section(data)


def test_a_run_without_ranks_says_so(result: Any) -> None:
    """The page of an older run has no empty list."""
    result.results = {"grid": result.results["grid"]}
    assert "keeps no ranks of single pairs" in explorer_section(explorer_data(result))
