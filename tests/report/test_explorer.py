"""What a page holds of single pairs: packed ranks, texts as far as they may be shown, and no more than a browser likes."""

from __future__ import annotations

import base64
import zlib
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

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
        (first["ranks"]["rank"]["b_to_a"], dataset.neighbor_rank.sel(direction="b_to_a")),
        (first["nearest"]["a"], dataset.nearest_a),
    ):
        kind = {"f4": "<f4", "u2": "<u2"}[packed["type"]]
        unpacked = np.frombuffer(zlib.decompress(base64.b64decode(packed["data"])), dtype=kind)
        np.testing.assert_array_equal(unpacked.reshape(LAYERS, N), values)


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
