"""Grids and profiles are the measures themselves, labeled, with intervals and nulls."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import platoscope
from platoscope.errors import InputError, NotFoundError, PlatoscopeWarning
from platoscope.layerwise import compare_spaces, n_curve, take_profile
from platoscope.measures import ComparisonOptions, calibrate, cka, information_imbalance, neighborhood_overlap
from platoscope.neighbors import transform_rows


@pytest.fixture(scope="module")
def stacks():
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((150, 8))
    A = [
        shared @ rng.standard_normal((8, width)) + rng.standard_normal((150, width)) for width in (6, 10, 12)
    ]
    B = [
        shared @ rng.standard_normal((8, width)) + 0.5 * rng.standard_normal((150, width)) for width in (9, 5)
    ]
    return A, B


@pytest.fixture(scope="module")
def grid(stacks):
    return platoscope.compare(*stacks, n_resamples=40, n_permutations=30, rng=1)


def test_every_cell_is_the_measure(stacks, grid):
    """A cell of the grid is what the function returns for that pair of layers."""
    A, B = stacks
    for i in range(3):
        for j in range(2):
            cell = grid.isel(layer_a=i, layer_b=j)
            np.testing.assert_allclose(
                cell.information_imbalance, information_imbalance(A[i], B[j]), atol=1e-12
            )
            assert float(cell.neighborhood_overlap) == pytest.approx(
                neighborhood_overlap(A[i], B[j]), abs=1e-12
            )
            assert float(cell.cka_debiased) == pytest.approx(cka(A[i], B[j]), abs=1e-5)
            assert float(cell.cka_biased) == pytest.approx(cka(A[i], B[j], estimator="biased"), abs=1e-5)


def test_intervals_are_paired_subsamples(stacks, grid):
    """Subsamples are the same for all cells; carried to N, their mean is the value there; bands are ± 1.96 se."""
    from platoscope.measures import standard_errors, subsamples

    A, B = stacks
    resampling, _ = np.random.default_rng(1).spawn(2)
    sets = subsamples(150, n_resamples=40, fraction=0.25, rng=resampling)
    plain = platoscope.compare(
        A, B, measures=["information_imbalance"], interval_method="delete_d", n_resamples=40, rng=1
    )
    assert (plain.attrs["interval_method"], grid.attrs["interval_method"]) == ("delete_d", "carried")
    for i, j in ((0, 0), (2, 1)):
        want = np.array([information_imbalance(A[i][s], B[j][s]) for s in sets[:5]])
        got = plain.information_imbalance_resamples.isel(layer_a=i, layer_b=j)[:5]
        np.testing.assert_allclose(got, want, atol=1e-12)
    carried = grid.information_imbalance_resamples
    np.testing.assert_allclose(carried.mean("resample"), grid.information_imbalance)
    along = grid.asymmetry_resamples.stack(cell=("layer_a", "layer_b"))
    before = plain.asymmetry_resamples.stack(cell=("layer_a", "layer_b"))
    for cell in range(6):
        assert np.corrcoef(along[:, cell], before[:, cell])[0, 1] > 0.9
    se = standard_errors(grid.asymmetry_resamples.values, n_samples=150, size=sets.shape[1])
    np.testing.assert_allclose(grid.asymmetry_se, se)
    np.testing.assert_allclose(grid.asymmetry_high - grid.asymmetry, 1.959963984540054 * se)
    delta = grid.information_imbalance
    np.testing.assert_allclose(grid.asymmetry, delta.sel(direction="a_to_b") - delta.sel(direction="b_to_a"))


# Nulls rank in float32: one rank of 150 more or less, in some of the permutations.
NULL = 2e-4


def test_nulls_and_calibration_follow_from_the_permutations(stacks, grid):
    """One and the same permutation serves all cells; p-values and thresholds are those of `calibrate`."""
    from platoscope.measures import permutations

    A, B = stacks
    _, shuffling = np.random.default_rng(1).spawn(2)
    orders = permutations(150, 30, strata=None, rng=shuffling)
    null = np.array([[[information_imbalance(a, b[order]) for b in B] for a in A] for order in orders])
    np.testing.assert_allclose(
        grid.information_imbalance_null.transpose(..., "direction"), null.mean(0), atol=NULL
    )
    want = calibrate(
        1 - grid.information_imbalance.transpose(..., "direction").values,
        1 - null,
        best=1 - 2 / 150,
        alpha=0.05,
    )
    np.testing.assert_allclose(grid.information_imbalance_p.transpose(..., "direction"), want.p_value)
    np.testing.assert_allclose(
        grid.information_imbalance_threshold.transpose(..., "direction"), 1 - want.threshold, atol=NULL
    )
    np.testing.assert_allclose(
        grid.information_imbalance_calibrated.transpose(..., "direction"), want.score, atol=NULL
    )
    best = (1 - null).max(axis=(1, 2))
    top = calibrate((1 - grid.information_imbalance.values).max(axis=(1, 2)), best, best=1 - 2 / 150)
    np.testing.assert_allclose(grid.information_imbalance_best_p, top.p_value)


def test_a_profile_is_the_matched_cells_of_the_grid(stacks, grid):
    """Matched by relative depth, or with one side fixed, a profile is a slice of the grid."""
    A, B = stacks
    profile = platoscope.profile(A, B, match="relative_depth", n_permutations=30, rng=1)
    assert profile.layer_b.values.tolist() == [0, 0, 1]
    for name in (
        "information_imbalance",
        "information_imbalance_se",
        "cka_debiased",
        "neighborhood_overlap_p",
    ):
        want = [grid[name].sel(layer_a=i, layer_b=j).values for i, j in enumerate(profile.layer_b.values)]
        np.testing.assert_allclose(profile[name].transpose("layer", ...), want, atol=1e-9)
    fixed = platoscope.profile(A, B, layer_a=1, rng=1, n_resamples=0)
    assert fixed.layer.values.tolist() == [0, 1]
    np.testing.assert_allclose(fixed.neighborhood_overlap, grid.neighborhood_overlap.sel(layer_a=1))


@pytest.mark.parametrize("which", [{"match": "relative_depth"}, {"layer_a": 1}, {"layer_b": 0}])
def test_a_slice_of_the_grid_is_the_profile(stacks, grid, which):
    """Whatever a profile computes from the same seed, `take_profile` finds in the grid, the best layer's null too."""
    taken = take_profile(grid, **which)
    direct = platoscope.profile(*stacks, n_permutations=30, rng=1, **which)
    assert set(taken.variables) == set(direct.variables)
    for name in direct.variables:
        assert taken[name].dims == direct[name].dims
        of_null = any(part in name for part in ("null", "threshold", "calibrated"))
        close = {"atol": NULL} if of_null else {"rtol": 1e-6, "atol": 1e-9}
        if name != "direction":
            np.testing.assert_allclose(taken[name], direct[name], **close, err_msg=str(name))


def test_a_slice_at_a_layer_that_the_grid_lacks(grid):
    """The layers that there are stand in the message."""
    with pytest.raises(NotFoundError, match="B has no layer 7; it has layers 0, 1"):
        take_profile(grid, layer_b=7)


def test_block_size_changes_nothing(stacks, grid):
    """Results are equal for every number of rows held at a time."""
    for block_size in (1, 40):
        again = platoscope.compare(*stacks, n_permutations=30, rng=1, block_size=block_size)
        for name in grid.data_vars:
            np.testing.assert_allclose(again[name], grid[name], atol=2e-6, err_msg=name)


def test_results_say_how_to_get_them_again(stacks):
    """Attributes hold settings, seed and versions, and survive a round trip to disk."""
    result = platoscope.profile(stacks[0], stacks[0], n_resamples=0)
    seed = int(result.attrs["seed"])
    again = platoscope.profile(stacks[0], stacks[0], n_resamples=0, rng=seed)
    np.testing.assert_array_equal(result.information_imbalance, again.information_imbalance)
    assert result.attrs["n_samples"] == 150
    assert result.attrs["neighborhood_overlap_chance"] == pytest.approx(10 / 149)
    assert set(json.loads(result.attrs["versions"])) == {"platoscope", "numpy", "scipy", "numba"}


def test_results_survive_netcdf(grid, tmp_path):
    """A labeled result written as netCDF reads back identical."""
    import xarray as xr

    grid.to_netcdf(tmp_path / "grid.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "grid.nc", engine="h5netcdf") as again:
        xr.testing.assert_identical(again.load(), grid)


def test_constant_layers_are_missing_for_cka_only():
    """A constant layer is exactly chance for Δ, and a named missing cell for CKA."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((2, 60, 4))
    A[0] = 3.0
    with pytest.warns(
        PlatoscopeWarning, match=r"CKA \(debiased\) is undefined in 1 of 2 cells.*layer 0 of A"
    ):
        result = platoscope.profile(A, A, measures=["information_imbalance", "cka_debiased"], n_resamples=0)
    assert np.isnan(result.cka_debiased.values).tolist() == [True, False]
    np.testing.assert_allclose(result.information_imbalance.sel(layer=0), 1.0)


@pytest.mark.parametrize("value", [3.0, 0.0, 0.1])
def test_a_constant_layer_ends_nothing_and_is_warned_of_once(value):
    """Where all texts end alike, retrieval is that of chance and CKA missing; zeros are a constant as any other."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((2, 60, 4)).astype(np.float32)
    A[0] = value
    names = ["neighborhood_overlap", "cka_debiased", "cka_biased", "retrieval_at_1"]
    with pytest.warns(PlatoscopeWarning) as caught:
        result = platoscope.compare(A, A, measures=names, n_resamples=3, n_permutations=3, rng=0)
    (warning,) = caught
    assert "CKA (debiased) and CKA (biased) are undefined in 3 of 4 cells" in str(warning.message)
    alone = np.array([[True, True], [True, False]])
    assert np.array_equal(np.isnan(result.cka_debiased.values), alone)
    for shown in (result.retrieval_at_1, result.retrieval_at_1_null_draws.mean("permutation")):
        np.testing.assert_allclose(shown.values[:, alone], 1 / 60)
    np.testing.assert_allclose(result.retrieval_at_1_resamples.values[..., alone], 1 / 15)  # of a quarter
    assert result.retrieval_at_1.values[0, 1, 1] == 1.0


def test_equal_n_draws_a_subset_of_the_items(stacks):
    """With n_samples, a random subset of the items is compared, and strata follow."""
    A, B = stacks
    strata = ["a", "b", "c"] * 50
    result = platoscope.compare(A, B, n_samples=60, n_resamples=0, n_permutations=5, strata=strata, rng=3)
    assert result.attrs["n_samples"] == 60
    assert result.attrs["stratified"] == 1


def test_concatenated_layers_add_squared_distances(stacks):
    """A layer given as a list of arrays is their concatenation."""
    A, _ = stacks
    parts = [[A[0], A[1]], [A[1], A[2]]]
    together = [np.hstack(layer) for layer in parts]
    got = platoscope.profile(parts, together, measures=["information_imbalance"], n_resamples=0)
    np.testing.assert_allclose(got.information_imbalance, 2 / 150)


def test_progress_is_told(stacks):
    """A progress callback hears of every stage and of its end."""
    heard = []
    platoscope.profile(
        stacks[0],
        stacks[0],
        n_resamples=2,
        n_permutations=2,
        rng=0,
        progress=lambda what, done, total: heard.append((what, done, total)),
    )
    stages = {what: (done, total) for what, done, total in heard}
    assert set(stages) == {"preparing layers", "comparing layers", "shuffling pairs", "drawing subsamples"}
    assert all(done == total for done, total in stages.values())


def test_names_are_in_the_attributes(stacks):
    """Grid, profile and spaces say what both sides are called; without names they say nothing."""
    A, B = stacks
    chosen = {"measures": "rsa", "n_resamples": 0}
    for result in (
        platoscope.compare(A, B, names=("en", "it"), **chosen),
        platoscope.profile(A, B, names=["en", "it"], match="relative_depth", **chosen),
        compare_spaces(A, B, spaces=["unit"], names=("en", "it"), match="relative_depth", n_resamples=0),
    ):
        assert (result.attrs["name_a"], result.attrs["name_b"]) == ("en", "it")
    assert "name_a" not in platoscope.compare(A, B, **chosen).attrs


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"match": "index"}, InputError, "got 3 and 2 layers. Use match='relative_depth'"),
        ({"match": "depth"}, InputError, "match must be one of index, relative_depth; got 'depth'"),
        ({"layer_a": 7}, NotFoundError, "A has no layer 7; it has layers 0, 1, 2"),
        ({"layer_a": 0, "layer_b": 0}, InputError, "Fix layer_a or layer_b, not both"),
        ({"layer_a": 0, "measures": ["delta"]}, NotFoundError, "Unknown measure 'delta'"),
        ({"layer_a": 0, "measures": []}, InputError, "at least one measure"),
        ({"layer_a": 0, "n_permutations": -1}, InputError, "from 0 to 1,000,000; got -1"),
        ({"layer_a": 0, "names": "ab"}, InputError, "names must be two texts, of A and of B"),
        (
            {"layer_a": 0, "names": ("en", 3)},
            InputError,
            "the name of B must be a text that is not empty; got 3",
        ),
        ({"layer_a": 0, "progress": "yes"}, InputError, "progress must be True for a bar, or a function"),
        ({"layer_a": 0, "n_samples": 200}, InputError, "between 3 and the 150 items at hand; got 200"),
        (
            {"layer_a": 0, "overlap_neighbors": 40},
            InputError,
            "Subsamples have 38 items, too few for 40 neighbors",
        ),
    ],
)
def test_bad_requests_say_what_to_do(stacks, change, error, said):
    """A request that cannot be met is an error with the values that came."""
    with pytest.raises(error, match=said):
        platoscope.profile(*stacks, **change)


def test_stacks_of_other_things_are_refused(stacks):
    """A single matrix is not a stack, and stacks of different items do not compare."""
    A, B = stacks
    with pytest.raises(InputError, match=r"A must be a stack of layers.*got an array of shape \(150, 6\)"):
        platoscope.compare(A[0], B)
    with pytest.raises(InputError, match="got 150 and 100 rows"):
        platoscope.compare(A, [layer[:100] for layer in B])


def test_semantic_region_holds_the_minimum_and_what_cannot_be_told_from_it():
    """Layers as good as the best are in the region, clearly worse ones are not."""
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((400, 6))
    noise = np.array([3.0, 0.30, 0.30, 3.0])[:, None, None]
    A, B = (shared + noise * rng.standard_normal((4, 400, 6)) for _ in range(2))
    region = platoscope.semantic_region(platoscope.profile(A, B, measures=["information_imbalance"], rng=0))
    assert region.layers == (1, 2)
    assert region.minimum_layer in (1, 2)
    assert region.relative_depths == pytest.approx((1 / 3, 2 / 3))


def test_semantic_region_needs_a_profile_with_resamples(grid):
    """A grid has no semantic region; the error says what has one."""
    with pytest.raises(InputError, match="Use platoscope.profile with n_resamples > 0"):
        platoscope.semantic_region(grid)


def test_n_curve_ends_at_the_full_value(stacks):
    """At the full size every draw is the value of all items, and overlap falls with N at fixed k."""
    X, Y = stacks[0][0], stacks[1][0]
    curve = platoscope.n_curve(X, Y, sizes=[40, 150], n_draws=3, rng=0)
    np.testing.assert_allclose(
        curve.information_imbalance.sel(n_samples=150), [information_imbalance(X, Y)] * 3
    )
    overlap = curve.neighborhood_overlap.mean("draw")
    assert float(overlap.sel(n_samples=40)) > float(overlap.sel(n_samples=150))
    with pytest.raises(InputError, match="each of sizes must be a whole number, from 12 to 150; got 5"):
        platoscope.n_curve(X, Y, sizes=[5, 150])


COMPILING = """
import numpy as np
from numba.core import event
import platoscope
from platoscope.layerwise import compile_kernels, kernel_files

compiled = []

class Listener(event.Listener):
    def on_start(self, event):
        compiled.append(event.data["dispatcher"].py_func.__name__)

    def on_end(self, event):
        pass

event.register("numba:compile", Listener())
compile_kernels()
assert len(compiled) > 10
del compiled[:]
A, B = np.random.default_rng(1).standard_normal((2, 3, 80, 5)).astype(np.float32)
platoscope.compare(A, B, n_resamples=2, n_permutations=2, rng=0)
rows = ["retrieval_at_1", "retrieval_at_5"]
platoscope.profile(A, B, measures=rows, n_resamples=2, n_permutations=2, rng=0)
assert compiled == [], compiled
print("\\n".join(map(str, kernel_files())))
"""


@pytest.mark.slow
def test_compiling_ahead_leaves_nothing_to_compile_for_a_comparison(tmp_path):
    """After `compile_kernels` in a fresh process with an empty cache, comparing float32 stacks compiles nothing."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", COMPILING], env=environment, check=True, capture_output=True, text=True
    )
    # And what `kernel_files` lists is all that was kept.
    kept = sorted(str(path) for path in tmp_path.rglob("*") if path.is_file())
    assert sorted(done.stdout.split()) == kept


FUNCTIONS = {
    "neighborhood_overlap": platoscope.neighborhood_overlap,
    "cka_debiased": platoscope.cka,
    "cknna": platoscope.cknna,
    "rsa": platoscope.rsa,
    "procrustes": platoscope.procrustes,
}


@pytest.mark.parametrize("transform", ["clip", "zscore + unit"])
def test_a_transform_prepares_every_layer_once_on_all_items(stacks, transform):
    """A grid, a profile, a curve over N and the functions agree with measuring the transformed rows."""
    A, B = stacks
    options = {"measures": ["information_imbalance", *FUNCTIONS], "n_resamples": 4, "rng": 0}
    grid = platoscope.compare(A, B, transform=transform, **options)
    rows = [[transform_rows(layer, transform) for layer in side] for side in (A, B)]
    plain = platoscope.compare(*rows, **options)
    assert grid.attrs["transform"] == transform
    assert plain.attrs["transform"] == "none"
    for name in grid.data_vars:
        np.testing.assert_array_equal(grid[name], plain[name], err_msg=name)
    X, Y = A[0], B[0]
    forward = platoscope.information_imbalance(X, Y, transform=transform).forward
    assert forward == pytest.approx(float(grid.information_imbalance[0, 0, 0]))
    for name, function in FUNCTIONS.items():
        assert function(X, Y, transform=transform) == pytest.approx(float(grid[name][0, 0]), abs=1e-6)
    curve = platoscope.n_curve(
        X, Y, sizes=[len(X)], transform=transform, measures=["information_imbalance"], rng=0
    )
    assert float(curve.information_imbalance[0, 0, 0]) == pytest.approx(forward)


def test_options_are_one_record_and_keywords_replace_its_fields(stacks):
    """A record of options gives what its fields give one by one, and a keyword beside it wins."""
    A, B = stacks
    record = ComparisonOptions(
        measures=("information_imbalance",), n_neighbors=3, n_resamples=0, n_permutations=5
    )
    by_record = platoscope.compare(A, B, options=record, rng=0)
    by_words = platoscope.compare(
        A, B, measures=["information_imbalance"], n_neighbors=3, n_resamples=0, n_permutations=5, rng=0
    )
    assert by_record.identical(by_words)
    assert "information_imbalance_p" not in platoscope.compare(A, B, options=record, n_permutations=0, rng=0)


@pytest.mark.parametrize(
    ("function", "lacks"),
    [
        (platoscope.compare, set()),
        (platoscope.profile, set()),
        (
            n_curve,
            {"n_resamples", "resample_fraction", "interval_method", "n_permutations", "alpha", "items"},
        ),
    ],
)
def test_every_option_is_a_keyword_that_replaces_nothing_unless_given(function, lacks):
    """A field of the record that a function does not take as keyword does not apply to it."""
    keywords = inspect.signature(function).parameters
    names = {field.name for field in dataclasses.fields(ComparisonOptions)}
    assert names - keywords.keys() == lacks
    assert {keywords[name].default for name in names - lacks} == {None}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_neighbors", True), ("n_neighbors", 2.0), ("n_neighbors", "1"), ("n_neighbors", 0),
        ("overlap_neighbors", 0), ("n_permutations", 2**70), ("n_resamples", 10**8), ("n_resamples", -1),
        ("resample_fraction", float("nan")), ("alpha", 1), ("alpha", "x"), ("metric", "manhattan"),
        ("overlap_metric", None), ("measures", 3), ("measures", ["rsa", "rsa"]),
        ("transform", "clips"), ("transform", {"a": "unit"}), ("transform", {"a": "unit", "B": "none"}),
    ],
)  # fmt: skip
def test_options_of_the_wrong_type_or_range_are_named(name, value):
    """Every option is checked in one place, and the message names the option and what came."""
    with pytest.raises(InputError, match=name) as caught:
        ComparisonOptions(**{name: value})
    assert repr(value) in str(caught.value) or str(value) in str(caught.value)


def test_each_side_can_be_prepared_in_its_own_way(stacks):
    """A mapping of both sides is what preparing the rows beforehand gives, and the result says so."""
    A, B = stacks
    options = ComparisonOptions(transform={"a": "unit", "b": ("zscore", "unit")}, n_resamples=0)
    assert options.transform_of("b") == ("zscore", "unit")
    assert ComparisonOptions(transform={"a": "unit", "b": ["unit"]}).transform == ("unit",)
    found = platoscope.profile(A, B, options=options, match="relative_depth")
    assert found.attrs["transform"] == "A: unit; B: zscore + unit"
    by_hand = platoscope.profile(
        [transform_rows(layer, "unit") for layer in A],
        [transform_rows(layer, ("zscore", "unit")) for layer in B],
        n_resamples=0,
        match="relative_depth",
    )
    np.testing.assert_array_equal(found.information_imbalance, by_hand.information_imbalance)
    curve = platoscope.n_curve(A[0], B[0], options=options, sizes=[len(A[0])], n_draws=1)
    assert curve.attrs["transform"] == found.attrs["transform"]
    np.testing.assert_array_equal(curve.information_imbalance[0, 0], found.information_imbalance[:, 0])


def test_strata_are_those_of_the_items_in_their_order():
    """A table's index says nothing: its rows are the items, of a subset as well."""
    pandas = pytest.importorskip("pandas")
    X = np.random.default_rng(0).standard_normal((1, 40, 4))
    groups = np.repeat(np.arange(10), 4)
    series = pandas.Series(groups, index=np.random.default_rng(1).permutation(40))

    def null(strata):
        found = platoscope.profile(
            X, X, strata=strata, n_samples=30, measures=["rsa"], n_resamples=0, n_permutations=20, rng=0
        )
        return found.rsa_null_draws.values

    np.testing.assert_array_equal(null(series), null(list(groups)))
    for short, got in ((groups[:39], 39), (np.append(groups, 1), 41)):
        with pytest.raises(InputError, match=f"group of each of the 40 items; got {got} entries"):
            null(short)
    for no_list in (dict(enumerate(groups)), set(range(40)), 4):
        with pytest.raises(InputError, match="strata must be a sequence"):
            null(no_list)
