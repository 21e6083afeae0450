"""Measures and distances of the user's own go wherever those of the package do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist

import platoscope
from platoscope.errors import InputError, PlatoscopeWarning
from platoscope.layerwise import higher_is_similar, take_profile
from platoscope.measures import MEASURES, Measure, calibrate, measure_rows, permutations, subsamples
from platoscope.studies import Settings
from platoscope.testing import references

RNG = np.random.default_rng(0)
SHARED = RNG.standard_normal((90, 4))
A = SHARED + 0.5 * RNG.standard_normal((3, 90, 4))
B = SHARED + 0.5 * RNG.standard_normal((2, 90, 4))
# On a grid, so that distances tie.
GRID_A, GRID_B = np.round(2 * A), np.round(2 * B)


def partner_cosine(X, Y):
    return np.mean((X * Y).sum(1) / np.linalg.norm(X, axis=1) / np.linalg.norm(Y, axis=1))


def spreads(X, Y):
    return X.std() / Y.std(), Y.std() / X.std()


COSINE = measure_rows(partner_cosine, name="partner_cosine", label="cosine of partners", identity=1.0)
SPREADS = measure_rows(spreads, name="spreads", directed=True, higher_is_similar=False)


def manhattan(P, Q):
    return np.abs(P[:, None] - Q[None]).sum(axis=2)


@pytest.fixture(scope="module")
def grid():
    return platoscope.compare(A, B, measures=[COSINE, "rsa", SPREADS], n_permutations=30, rng=1)


def test_an_own_measure_stands_under_its_name_and_label(grid):
    """Its values are those of the function, beside those of the package, which it does not change."""
    want = [[partner_cosine(a, b) for b in B] for a in A]
    np.testing.assert_allclose(grid.partner_cosine, want)
    assert grid.partner_cosine.attrs["long_name"] == "cosine of partners"
    want = [[spreads(a, b)[1] for b in B] for a in A]
    np.testing.assert_allclose(grid.spreads.sel(direction="b_to_a"), want)
    assert grid.attrs["measures"] == '["partner_cosine", "rsa", "spreads"]'
    alone = platoscope.compare(A, B, measures=["rsa"], n_permutations=30, rng=1)
    for name in alone.data_vars:
        np.testing.assert_array_equal(grid[name], alone[name], err_msg=str(name))


def test_which_end_is_similar_is_said_by_the_result_else_by_the_table(grid):
    """A result that lost what it said of its variables is of the table's measures, or it cannot be cut."""
    names = ("partner_cosine", "spreads", "rsa", "nothing")
    assert [higher_is_similar(grid, name) for name in names] == [True, False, True, None]
    bare = grid.drop_attrs().assign_attrs(grid.attrs)
    assert [higher_is_similar(bare, name) for name in names] == [None, None, True, None]
    with pytest.raises(InputError, match="'partner_cosine' means similar: its attribute .* was lost"):
        take_profile(bare, layer_a=1)


def test_an_own_measure_has_intervals_on_the_same_subsamples(grid):
    """Each resampled value is the function on the rows of that subsample."""
    resampling, _ = np.random.default_rng(1).spawn(2)
    sets = subsamples(90, n_resamples=40, fraction=0.25, rng=resampling)
    want = [partner_cosine(A[2][s], B[1][s]) for s in sets]
    np.testing.assert_allclose(grid.partner_cosine_resamples.isel(layer_a=2, layer_b=1), want)
    assert (grid.partner_cosine_low < grid.partner_cosine).all()


def test_an_own_measure_has_nulls_from_the_same_permutations(grid):
    """Each null value is the function on that pairing; p-values and scores follow as for any measure."""
    _, shuffling = np.random.default_rng(1).spawn(2)
    orders = permutations(90, 30, strata=None, rng=shuffling)
    null = np.array([partner_cosine(A[0], B[1][order]) for order in orders])
    cell = grid.isel(layer_a=0, layer_b=1)
    np.testing.assert_allclose(cell.partner_cosine_null_draws, null, atol=1e-6)
    want = calibrate(np.array(partner_cosine(A[0], B[1])), null, best=1.0)
    np.testing.assert_allclose(cell.partner_cosine_p, want.p_value)
    np.testing.assert_allclose(cell.partner_cosine_calibrated, want.score)
    # Lower is more similar: the p-value counts null values that are at most as large.
    null = np.array([spreads(A[0], B[1][order])[0] for order in orders])
    want = (1 + (null <= spreads(A[0], B[1])[0] + 1e-12).sum()) / 31
    np.testing.assert_allclose(cell.spreads_p.sel(direction="a_to_b"), want)


def test_without_a_best_value_there_is_no_calibrated_score(grid):
    """A record that does not say what identical representations score gets a p-value and no scale to 1."""
    assert "spreads_p" in grid
    assert "spreads_best_p" in grid
    assert not {"spreads_calibrated", "spreads_best_calibrated"} & set(grid.data_vars)


def test_a_slice_of_a_grid_knows_which_end_of_an_own_measure_is_similar(grid, tmp_path):
    """From a grid that was written and read again, a profile has the same best layer as if computed directly."""
    grid.to_netcdf(tmp_path / "grid.nc", engine="h5netcdf")
    import xarray as xr

    with xr.open_dataset(tmp_path / "grid.nc", engine="h5netcdf") as read:
        taken = take_profile(read, layer_a=1)
    direct = platoscope.profile(A, B, layer_a=1, measures=[COSINE, SPREADS], n_permutations=30, rng=1)
    for name in ("partner_cosine_best_p", "partner_cosine_best_calibrated", "spreads_best_p", "spreads"):
        np.testing.assert_allclose(taken[name].transpose(*direct[name].dims), direct[name])


def test_a_record_says_what_it_can(grid):
    """A measure that declares neither null nor resamples has its value and nothing else."""
    plain = measure_rows(partner_cosine, name="plain", permuted=False, resampled=False)
    result = platoscope.profile(A, B, match="relative_depth", measures=["rsa", plain], n_permutations=5)
    assert {str(n) for n in result.data_vars if str(n).startswith("plain")} == {"plain"}
    assert {"rsa_se", "rsa_p"} <= set(result.data_vars)


def test_a_record_of_ones_own_reads_prepared_layers():
    """A copy of a measure of the package under another name gives the same numbers, nulls and intervals included."""
    mine = replace(MEASURES["information_imbalance"], name="mine", gap=None)
    both = platoscope.profile(
        A, B, match="relative_depth", measures=[mine, "information_imbalance"], n_permutations=9
    )
    for suffix in ("", "_se", "_null", "_calibrated", "_best_p"):
        np.testing.assert_array_equal(both[f"mine{suffix}"], both[f"information_imbalance{suffix}"])


def test_n_curve_takes_own_measures():
    """The last size of a curve is the function on all items."""
    curve = platoscope.n_curve(A[0], B[0], sizes=[40, 90], measures=[SPREADS, "rsa"], n_draws=2, rng=0)
    np.testing.assert_allclose(curve.spreads.isel(n_samples=-1, draw=0), spreads(A[0], B[0]))
    assert curve.rsa.dims == ("draw", "n_samples")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("rsa", "A measure of your own is called 'rsa', as one of the package is; give it another name"),
        ("my measure", "is called 'my measure', which no variable of a result can be"),
        ("layer", "is called 'layer', which no variable"),
        ("rsa_p", "is called 'rsa_p', which no variable"),
        ("hubness_a", "is called 'hubness_a', which no variable"),
    ],
)
def test_names_that_clash_are_refused(name, said):
    """An own measure may not be called as a measure of the package or as anything that stands beside one."""
    with pytest.raises(InputError, match=said):
        platoscope.compare(A, B, measures=[replace(COSINE, name=name)])


def test_a_name_may_come_once():
    """Two measures of one's own of the same name are refused."""
    with pytest.raises(InputError, match="measures must name each one once"):
        platoscope.compare(A, B, measures=[COSINE, replace(SPREADS, name="partner_cosine")])


@pytest.mark.parametrize("measures", [[partner_cosine], [COSINE, 3], []])
def test_what_is_no_measure_is_refused(measures):
    """A bare function is no measure: the message says what is one."""
    with pytest.raises(InputError, match="a list of at least one measure, by name or a Measure of your own"):
        platoscope.compare(A, B, measures=measures)


@pytest.mark.parametrize(
    ("returned", "directed", "said"),
    [
        ((1.0, 2.0), False, r"'bad' must return one number; got dtype float64 and shape \(2,\)"),
        (1.0, True, r"'bad' must return two numbers \(A→B, B→A\); got dtype float64 and shape \(\)"),
        ("high", False, "'bad' must return one number; got dtype <U4"),
        (None, False, "'bad' must return one number; got dtype object"),
    ],
)
def test_a_function_that_returns_something_else(returned, directed, said):
    """What the function should have returned, and what it did, stand in the message."""
    bad = measure_rows(lambda X, Y: returned, name="bad", directed=directed)
    with pytest.raises(InputError, match=said):
        platoscope.compare(A, B, measures=[bad])


@pytest.mark.parametrize("field", ["scores", "null", "resamples"])
def test_a_record_that_returns_another_shape(field):
    """Every function of a record is held to its shape, which the message spells out."""
    bad = replace(COSINE, **{field: lambda *arguments: np.zeros(3)})
    with pytest.raises(
        InputError, match=f"{field} of measure 'partner_cosine' must return real numbers of shape"
    ):
        platoscope.compare(A, B, measures=[bad], n_permutations=4)


@pytest.mark.parametrize("block_size", [None, 13])
def test_an_own_distance_is_that_of_its_values(block_size):
    """Δ, overlap and RSA by a function equal the loops over its values, ties included, in blocks or not."""
    result = platoscope.compare(
        GRID_A, GRID_B, metric=manhattan, overlap_metric=manhattan, block_size=block_size, n_resamples=5,
        measures=["information_imbalance", "neighborhood_overlap", "rsa"], n_permutations=5, rng=0,
    )  # fmt: skip
    for i, X in enumerate(GRID_A):
        for j, Y in enumerate(GRID_B):
            cell = result.isel(layer_a=i, layer_b=j)
            DX, DY = cdist(X, X, "cityblock"), cdist(Y, Y, "cityblock")
            want = references.information_imbalance(DX, DY, metric="precomputed")
            np.testing.assert_allclose(cell.information_imbalance, want, rtol=1e-12)
            overlap = references.neighborhood_overlap(DX, DY, metric="precomputed")
            np.testing.assert_allclose(cell.neighborhood_overlap, overlap, rtol=1e-12)
    given = platoscope.compare(
        [cdist(X, X, "cityblock") for X in GRID_A], [cdist(Y, Y, "cityblock") for Y in GRID_B],
        metric="precomputed", overlap_metric="precomputed", n_resamples=5,
        measures=["information_imbalance", "neighborhood_overlap", "rsa"], n_permutations=5, rng=0,
    )  # fmt: skip
    for name in given.data_vars:
        np.testing.assert_allclose(result[name], given[name], rtol=1e-6, err_msg=str(name))
    assert result.attrs["metric"] == "manhattan"


@pytest.mark.parametrize("metric", ["hamming", manhattan])
def test_every_measure_reads_its_own_distances(metric):
    """Whatever the metric of Δ, the overlap has cosine neighbors and CKA the products of rows, as their functions do."""
    result = platoscope.compare(A, B, metric=metric, measures=[*MEASURES, COSINE], n_permutations=3, rng=0)
    X, Y = A[0], B[1]
    cell = result.isel(layer_a=0, layer_b=1)
    np.testing.assert_allclose(cell.neighborhood_overlap, platoscope.neighborhood_overlap(X, Y))
    np.testing.assert_allclose(cell.cka_debiased, platoscope.cka(X, Y), atol=1e-6)
    np.testing.assert_allclose(cell.cknna, platoscope.cknna(X, Y), atol=1e-6)
    np.testing.assert_allclose(cell.rsa, platoscope.rsa(X, Y, metric=metric), atol=1e-6)
    np.testing.assert_allclose(cell.retrieval_at_1[0], platoscope.retrieval(X, Y).forward[1])
    np.testing.assert_allclose(cell.partner_cosine, partner_cosine(X, Y))
    delta = platoscope.information_imbalance(X, Y, metric=metric)
    np.testing.assert_allclose(cell.information_imbalance, delta)
    curve = platoscope.n_curve(X, Y, metric=metric, sizes=[90], n_draws=1, measures=list(MEASURES))
    np.testing.assert_allclose(curve.neighborhood_overlap[0, 0], platoscope.neighborhood_overlap(X, Y))


def test_distances_alone_cannot_answer_for_rows():
    """With precomputed distances, measures that read rows or other distances are named."""
    D = cdist(A[0], A[0])
    with pytest.raises(InputError, match=r"cannot answer for neighborhood_overlap \(cosine\), cka_debiased"):
        platoscope.compare([D], [D], metric="precomputed")


@pytest.mark.parametrize("measure", [name for name, found in MEASURES.items() if found.reads != "metric"])
def test_distances_are_never_read_as_rows(measure):
    """Nor where nothing is asked for that reads the distances."""
    D = cdist(A[0], A[0])
    with pytest.raises(InputError, match=rf"which cannot answer for {measure}"):
        platoscope.compare([D], [D], metric="precomputed", measures=measure)


def test_a_distance_is_asked_for_in_bounded_pieces(monkeypatch):
    """No call gets more rows than keep rows × rows × features within the bound, and all pairs are asked for."""
    monkeypatch.setattr("platoscope.neighbors._metrics._BROADCAST_BYTES", 8 * 4 * 20 * 20)
    seen = []

    def counted(P, Q):
        seen.append((len(P), len(Q)))
        return manhattan(P, Q)

    value = platoscope.information_imbalance(A[0], B[0], metric=counted)
    assert max(map(max, seen)) == 20
    assert sum(p * q for p, q in seen) == 2 * 90 * 90
    assert value == platoscope.information_imbalance(A[0], B[0], metric=manhattan)


def test_a_distance_need_not_be_smallest_to_the_row_itself():
    """Negative inner products order others as they say, whatever an item's product with itself is."""

    def product(P, Q):
        return -P @ Q.T

    twice = np.repeat(GRID_A[0][:40], 2, axis=0)
    other = GRID_B[0][:80]
    got = platoscope.information_imbalance(twice, other, metric=product)
    DX, DY = -twice @ twice.T, -other @ other.T
    want = references.information_imbalance(DX, DY, metric="precomputed")
    np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        (
            lambda P, Q: np.zeros(len(P)),
            r"must return real distances of shape \(90, 90\) .* got dtype float64",
        ),
        (lambda P, Q: np.full((len(P), len(Q)), np.nan), "gave 8100 non-finite distances of layer 0 of A"),
        (lambda P, Q: manhattan(P, Q) * 1j, "got dtype complex128"),
    ],
)
def test_distances_of_another_kind_are_refused(metric, said):
    """A function that returns another shape, other numbers or none is an error that says so."""
    with pytest.raises(InputError, match=said):
        platoscope.compare(A, B, metric=metric, measures=["information_imbalance"])


def test_a_metric_must_be_hashable():
    """Neighbors are remembered under their metric, so an object that has no hash is refused."""

    class Unhashable:
        __hash__ = None

        def __call__(self, P, Q):
            return manhattan(P, Q)

    with pytest.raises(InputError, match="must be hashable"):
        platoscope.compare(A, B, metric=Unhashable())


@pytest.mark.parametrize(
    "change",
    [
        {"measures": (COSINE,)},
        {"grid_measures": (COSINE,)},
        {"metric": manhattan},
        {"overlap_metric": manhattan},
    ],
)
def test_studies_know_names_only(change):
    """The settings of a study refuse what cannot be written down, and say what takes it."""
    with pytest.raises(InputError, match=r"a study knows (measures|metrics) by name.*platoscope\.compare"):
        Settings(**change)


def test_defaults_of_a_record():
    """Title, label and family are the name where they are left out; nothing is promised that was not said."""
    bare = Measure(name="bare", directed=False, higher_is_similar=True, scores=COSINE.scores)
    assert (bare.title, bare.label, bare.family) == ("bare", "bare", "bare")
    assert np.isnan(bare.identity(10, None))
    assert bare.null is None


def centered_in_place(X, Y):
    X -= X.mean(axis=0) - 1
    Y *= 2
    return float((X * Y).sum())


def manhattan_in_place(P, Q):
    P -= 1
    Q -= 1
    return manhattan(P, Q)


def test_what_a_function_changes_in_place_is_its_own():
    """Neither the user's arrays nor what another pair, permutation or piece of a matrix sees."""
    clean = measure_rows(lambda X, Y: centered_in_place(X.copy(), Y.copy()), name="m")
    rough = measure_rows(centered_in_place, name="m")
    given = A.copy(), B.copy()
    want = platoscope.compare(A, B, measures=[clean], metric=manhattan, n_permutations=9, rng=0)
    got = platoscope.compare(*given, measures=[rough], n_permutations=9, rng=0)
    for name in ("m", "m_null_draws", "m_resamples"):
        np.testing.assert_array_equal(got[name], want[name])
    found = platoscope.information_imbalance(given[0][0], given[1][0], metric=manhattan_in_place)
    assert found == platoscope.information_imbalance(A[0], B[0], metric=manhattan)
    np.testing.assert_array_equal(given[0], A)
    np.testing.assert_array_equal(given[1], B)


def test_a_null_that_is_undefined_leaves_no_p_value():
    """NaN is not smaller than what was observed: counting it so made p-values too small."""

    def correlation(X, Y):
        found = np.corrcoef(X[:, 0], Y[:, 0])[0, 1]
        return found if abs(found) > 0.05 else np.nan

    holes = measure_rows(correlation, name="holes", identity=1.0)
    with pytest.warns(
        PlatoscopeWarning, match="undefined on some shuffled pairings in 2 cells, whose p-values"
    ):
        found = platoscope.profile(A[:2], B, measures=[holes], n_resamples=0, n_permutations=60, rng=0)
    assert np.isfinite(found.holes).all()
    for part in ("p", "p_adjusted", "threshold", "calibrated"):
        assert found[f"holes_{part}"].isnull().all(), part
    assert "holes_best_p" not in found
    assert "holes_best_p" not in take_profile(
        platoscope.compare(A[:2], B, measures=["rsa"], n_resamples=0, n_permutations=60, rng=0), layer_a=0
    )


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", 3, "name of a measure must be a text"),
        ("scores", None, "scores of measure 'm' must be a function"),
        ("sampled", 3, "sampled of measure 'm' must be a function"),
        ("identity", None, "identity of measure 'm' must be a function"),
        ("chance", 0.5, "chance of measure 'm' must be a function"),
        ("directed", "yes", "directed of measure 'm' must be True or False"),
        ("higher_is_similar", None, "higher_is_similar of measure 'm' must be True or False"),
        ("label", 3, "label of measure 'm' must be a text"),
        ("reads", "colors", "reads of measure 'm' must be one of metric"),
        ("gap", "difference", "has one direction, so that it can have neither gap nor left_out"),
    ],
)
def test_a_record_with_a_bad_field_is_refused_when_it_is_made(field, value, message):
    """Not where a grid first needs it."""
    with pytest.raises(InputError, match=message):
        replace(replace(COSINE, name="m"), **{field: value})


@pytest.mark.parametrize(("field", "value"), [("identity", "1"), ("chance", None)])
def test_a_level_of_a_function_is_a_number(field, value):
    """A text would fail only where a null is scored."""
    with pytest.raises(InputError, match=f"{field} must be a finite number"):
        measure_rows(partner_cosine, name="m", **{field: value})
    with pytest.raises(InputError, match="takes a function of two arrays"):
        measure_rows(0.5, name="m")


def test_no_measure_writes_over_another():
    """What a measure calls the difference of its directions is a variable as well."""
    for gap in ("asymmetry", "rsa"):
        with pytest.raises(InputError, match=gap):
            platoscope.profile(A[:2], B, measures=["information_imbalance", replace(SPREADS, gap=gap), "rsa"])
    with pytest.raises(InputError, match="share a name: spreads"):
        platoscope.profile(A[:2], B, measures=[replace(SPREADS, name="m", gap="spreads"), SPREADS])


def test_a_ragged_answer_is_refused():
    """NumPy makes no array of it."""
    ragged = measure_rows(lambda X, Y: [1, [2, 3]], name="m")
    with pytest.raises(InputError, match="'m' must return one number"):
        platoscope.profile(A[:2], B, measures=[ragged], n_resamples=0)
