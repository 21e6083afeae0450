"""Information Imbalance of all items by runs of them is that of the whole."""

from __future__ import annotations

import errno
import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import platoscope
from platoscope import unfinished
from platoscope.errors import InputError, PlatoscopeWarning, StorageError
from platoscope.layerwise import _in_blocks, gallery_curve, imbalance_in_blocks
from platoscope.measures import estimate_imbalance
from platoscope.neighbors import _gallery
from platoscope.representations import Representations
from platoscope.testing.references import information_imbalance

if TYPE_CHECKING:
    from pathlib import Path

N = 230
rng = np.random.default_rng(0)
SMOOTH = rng.standard_normal((N, 6))
CASES = {
    "smooth": SMOOTH,
    "float32": SMOOTH.astype(np.float32),
    "each row twice": np.repeat(SMOOTH[: N // 2], 2, axis=0),
    "few whole numbers": rng.integers(0, 3, (N, 6)).astype(float),
}


@pytest.mark.parametrize(
    "how", [{}, {"n_neighbors": 4}, {"metric": "cosine"}, {"transform": "unit"}], ids=str
)
@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore::platoscope.errors.PlatoscopeWarning")
def test_runs_of_items_give_the_value_of_all(name: str, how: dict[str, Any]) -> None:
    """Whatever the size of a run, ties and near-ties included."""
    if name == "few whole numbers" and how.keys() & {"metric", "transform"}:
        how = how | {"n_neighbors": 2}
    X = CASES[name] + (1.0 if name == "few whole numbers" else 0.0)  # no row is zero
    Y = X[:, :2]
    whole = platoscope.information_imbalance(X, Y, **how)
    for size in (2, 77, N):
        found = imbalance_in_blocks(X, Y, items_per_block=size, **how)
        assert tuple(found) == pytest.approx(tuple(whole), rel=1e-14)


def test_of_items_without_ties_it_is_the_same_number() -> None:
    """To the last bit."""
    Y = SMOOTH[:, :2]
    assert tuple(imbalance_in_blocks(SMOOTH, Y, items_per_block=50)) == tuple(
        platoscope.information_imbalance(SMOOTH, Y)
    )


@pytest.mark.parametrize("spread", [1, 4, 8, 15])
def test_cosines_of_rows_of_all_lengths(spread: int) -> None:
    """Float32 says nothing of rows that are tiny beside others: by runs, in a gallery and of drawn items alike."""
    rng = np.random.default_rng(spread)
    X = rng.standard_normal((40, 5))
    Y = rng.standard_normal((40, 3)) * 10.0 ** rng.uniform(-spread, spread, (40, 1))
    whole = tuple(platoscope.information_imbalance(X, Y, metric="cosine"))
    units = Y / np.linalg.norm(Y, axis=1, keepdims=True)
    assert whole == pytest.approx(information_imbalance(X / np.linalg.norm(X, axis=1, keepdims=True), units))
    assert tuple(imbalance_in_blocks(X, Y, metric="cosine", items_per_block=7)) == pytest.approx(whole)
    curve = gallery_curve(X, Y, queries=40, sizes=[40], overlap_neighbors=1, metric="cosine", rng=0)
    assert tuple(curve.information_imbalance.values.ravel()) == pytest.approx(whole)
    drawn = estimate_imbalance(X, Y, metric="cosine", rng=0)
    assert (drawn.forward.value, drawn.backward.value) == pytest.approx(whole)


def test_dozens_of_tied_items_share_the_place() -> None:
    """None of them is drawn for all, so that the value has no chance in it."""
    X = np.repeat(SMOOTH[:5], N // 5, axis=0)
    found = imbalance_in_blocks(X, SMOOTH, items_per_block=64)
    assert tuple(found) == pytest.approx(tuple(platoscope.information_imbalance(X, SMOOTH)), rel=1e-13)


@pytest.mark.parametrize("same", [True, False])
def test_what_ties_on_both_sides_is_not_cubic(monkeypatch: pytest.MonkeyPatch, same: bool) -> None:
    """Equal items are compared once: not each item with each neighbor and with each that ties with that."""
    rng = np.random.default_rng(0)
    X, Y = (np.where(rng.random((300, 1)) < 0.5, 1.0, rng.standard_normal((300, 4))) for _ in range(2))
    Y = np.where((X == 1).all(axis=1, keepdims=True), 1.0, Y) if same else Y
    exact, pairs = _gallery.exact_between, 0

    def counted(*given: Any) -> Any:
        nonlocal pairs
        pairs += len(given[2])
        return exact(*given)

    monkeypatch.setattr(_gallery, "exact_between", counted)
    found = tuple(imbalance_in_blocks(X, Y))
    assert found == pytest.approx(tuple(platoscope.information_imbalance(X, Y)), rel=1e-13)
    # Without: 150 x 150 x 150 on either side, and half of that.
    assert pairs < 3 * 300**2


def test_a_constant_says_nothing() -> None:
    """And nothing predicts it."""
    assert tuple(imbalance_in_blocks(np.ones((N, 3)), SMOOTH)) == (1.0, 1.0)


def test_files_and_one_layer_are_read(tmp_path: Path) -> None:
    """A .npy file by blocks, Representations of one layer whole."""
    X = SMOOTH.astype(np.float32)
    np.save(tmp_path / "x.npy", X)
    whole = tuple(platoscope.information_imbalance(X, X[:, :2]))
    stored = Representations.from_arrays([X[:, 2:], X[:, :2]])
    assert tuple(imbalance_in_blocks(tmp_path / "x.npy", stored[1:2], items_per_block=100)) == whole


def test_progress_counts_runs() -> None:
    """Each as it is done."""
    told: list[tuple[str, int, int]] = []
    imbalance_in_blocks(SMOOTH, SMOOTH, items_per_block=100, progress=lambda *step: told.append(step))
    assert told == [("comparing items", done, 3) for done in (1, 2, 3)]


def _interrupted(keep_in: Path, after: int, **how: Any) -> None:
    """Begin a call, and interrupt it when so many runs are finished."""

    def stop(_what: str, done: int, _total: int) -> None:
        if done == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imbalance_in_blocks(SMOOTH, SMOOTH[:, :2], items_per_block=50, keep_in=keep_in, progress=stop, **how)


def _runs_computed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Give the list in which every run is noted that is computed from here on."""
    computed: list[tuple[int, int]] = []
    compute = _in_blocks._mean_ranks

    def noted(streams: Any, n_neighbors: int, run: tuple[int, int]) -> Any:
        computed.append(run)
        return compute(streams, n_neighbors, run)

    monkeypatch.setattr(_in_blocks, "_mean_ranks", noted)
    return computed


def test_an_interrupted_call_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs that were finished are not computed again, wherever the same rows lie, and the value is the same."""
    _interrupted(tmp_path / "kept", after=3)
    computed = _runs_computed(monkeypatch)
    np.save(tmp_path / "x.npy", SMOOTH)
    told: list[int] = []
    found = imbalance_in_blocks(
        tmp_path / "x.npy", SMOOTH[:, :2], items_per_block=50, keep_in=tmp_path / "kept",
        progress=lambda _what, done, _total: told.append(done),
    )  # fmt: skip
    assert computed == [(150, 200), (200, 230)]
    assert told == [1, 2, 3, 4, 5]
    assert tuple(found) == tuple(imbalance_in_blocks(SMOOTH, SMOOTH[:, :2], items_per_block=50))


OTHERS: dict[str, Any] = {
    "other rows": {"Y": np.where(np.arange(N)[:, None] == N - 1, 0.5, SMOOTH[:, :2])},
    "another order": {"Y": SMOOTH[::-1, :2]},
    "another precision": {"Y": SMOOTH[:, :2].astype(np.float32)},
    "more neighbors": {"n_neighbors": 2},
    "another metric": {"metric": "cosine"},
    "another transform": {"transform": "unit"},
    "other runs": {"items_per_block": 60},
}


@pytest.mark.parametrize("other", OTHERS)
def test_what_was_kept_of_another_call_is_not_taken(
    other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of other rows, in another order or precision, or with other settings."""
    _interrupted(tmp_path, after=3)
    how = {"Y": SMOOTH[:, :2], "items_per_block": 50} | OTHERS[other]
    Y = how.pop("Y")
    computed = _runs_computed(monkeypatch)
    found = imbalance_in_blocks(SMOOTH, Y, keep_in=tmp_path, **how)
    assert len(computed) == -(-N // how["items_per_block"])
    assert tuple(found) == tuple(imbalance_in_blocks(SMOOTH, Y, **how))


def test_a_damaged_run_is_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a warning that names the file."""
    _interrupted(tmp_path, after=3)
    file = sorted(tmp_path.iterdir())[1]
    content = bytearray(file.read_bytes())
    content[-3] ^= 4
    file.write_bytes(content)
    computed = _runs_computed(monkeypatch)
    with pytest.warns(PlatoscopeWarning, match=f"{file.name} is damaged"):
        found = imbalance_in_blocks(SMOOTH, SMOOTH[:, :2], items_per_block=50, keep_in=tmp_path)
    assert len(computed) == 3
    assert tuple(found) == tuple(imbalance_in_blocks(SMOOTH, SMOOTH[:, :2], items_per_block=50))


def test_a_run_under_the_name_of_another_is_not_taken(tmp_path: Path) -> None:
    """Though its checksum fits."""
    _interrupted(tmp_path, after=3)
    first, second = sorted(tmp_path.iterdir())[:2]
    second.write_bytes(first.read_bytes())
    with pytest.warns(PlatoscopeWarning, match=f"{second.name} holds another run"):
        found = imbalance_in_blocks(SMOOTH, SMOOTH[:, :2], items_per_block=50, keep_in=tmp_path)
    assert tuple(found) == tuple(imbalance_in_blocks(SMOOTH, SMOOTH[:, :2], items_per_block=50))


def test_of_a_file_that_is_written_to_meanwhile_nothing_is_kept(tmp_path: Path) -> None:
    """Numbers of mixed rows are refused, and a later call on the rows of before does not take them."""
    file, Y = tmp_path / "x.npy", SMOOTH[:, :2]

    def change(_what: str, done: int, _total: int) -> None:
        if done == 2:
            with file.open("r+b") as opened:
                opened.seek(-SMOOTH.nbytes, os.SEEK_END)
                opened.write(SMOOTH[::-1].tobytes())

    np.save(file, SMOOTH)
    with pytest.raises(InputError, match=r"X was changed while its rows were read: .*x\.npy"):
        imbalance_in_blocks(file, Y, items_per_block=50, keep_in=tmp_path / "kept", progress=change)
    np.save(file, SMOOTH)
    found = imbalance_in_blocks(file, Y, items_per_block=50, keep_in=tmp_path / "kept")
    assert tuple(found) == tuple(imbalance_in_blocks(SMOOTH, Y, items_per_block=50))


def test_a_file_that_another_took_the_place_of_is_read_on(tmp_path: Path) -> None:
    """The rows are those that the call began with."""

    def replace(_what: str, _done: int, _total: int) -> None:
        np.save(tmp_path / "new.npy", SMOOTH[::-1])
        (tmp_path / "new.npy").replace(tmp_path / "x.npy")

    np.save(tmp_path / "x.npy", SMOOTH)
    found = imbalance_in_blocks(tmp_path / "x.npy", SMOOTH[:, :2], items_per_block=50, progress=replace)
    assert tuple(found) == tuple(imbalance_in_blocks(SMOOTH, SMOOTH[:, :2], items_per_block=50))


SPELLED: dict[str, dict[str, Any]] = {
    "numbers of NumPy": {"n_neighbors": np.int64(1), "items_per_block": np.int64(50)},
    "a list of steps": {"transform": [], "metric": np.str_("euclidean")},
}


@pytest.mark.parametrize("spelled", SPELLED)
def test_an_equal_call_is_one_however_it_is_written(
    spelled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows laid out otherwise in memory, and arguments of other types, are the same."""
    _interrupted(tmp_path, after=3)
    computed = _runs_computed(monkeypatch)
    Y = np.asfortranarray(SMOOTH[:, :2]).astype(">f8")
    imbalance_in_blocks(SMOOTH, Y, keep_in=tmp_path, **{"items_per_block": 50} | SPELLED[spelled])
    assert computed == [(150, 200), (200, 230)]


def test_a_folder_that_fills_up_stops_no_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said that no more is kept, and the value comes."""

    def full(_path: Path, _content: bytes) -> OSError:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(unfinished, "remember", full)
    with pytest.warns(PlatoscopeWarning, match="No space left on device"):
        found = imbalance_in_blocks(SMOOTH, SMOOTH[:, :2], items_per_block=50, keep_in=tmp_path)
    assert tuple(found) == tuple(imbalance_in_blocks(SMOOTH, SMOOTH[:, :2], items_per_block=50))


def test_a_folder_that_cannot_be_written_is_refused_before_rows_are_read(tmp_path: Path) -> None:
    """With a sentence that names it."""
    (tmp_path / "a file").write_text("")
    with pytest.raises(StorageError, match="keep_in"):
        imbalance_in_blocks(tmp_path / "none.npy", SMOOTH, keep_in=tmp_path / "a file")


REFUSED: dict[str, tuple[tuple[Any, Any], dict[str, Any], str]] = {
    "other items": ((SMOOTH, SMOOTH[1:]), {}, "230 and 229"),
    "another metric": ((SMOOTH, SMOOTH), {"metric": "hamming"}, "by blocks"),
    "a transform that learns": ((SMOOTH, SMOOTH), {"transform": "zscore"}, "by blocks"),
    "a run of one": ((SMOOTH, SMOOTH), {"items_per_block": 1}, "items_per_block"),
    "too many neighbors": ((SMOOTH, SMOOTH), {"n_neighbors": N}, "n_neighbors"),
    "another file": (("x.csv", SMOOTH), {}, "import_representations"),
    "no such file": (("no/where.npy", SMOOTH), {}, "cannot be read"),
    "several layers": (
        (Representations.from_arrays([SMOOTH, SMOOTH]), SMOOTH),
        {},
        "one layer, such as stored\\[12:13\\]; it has 2",
    ),
    "arrays for workers": (
        (SMOOTH, SMOOTH),
        {"cluster": "local:2"},
        "X is in memory. Save it with numpy.save",
    ),
    "other ids": (
        (
            Representations.from_arrays([SMOOTH], ids=[f"a{i}" for i in range(N)]),
            Representations.from_arrays([SMOOTH], ids=[f"b{i}" for i in range(N)]),
        ),
        {},
        "other ids",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_compared_is_refused(case: str) -> None:
    """With a sentence, before anything is computed."""
    (X, Y), how, words = REFUSED[case]
    with pytest.raises(InputError, match=words):
        imbalance_in_blocks(X, Y, **how)


@pytest.mark.parametrize("size", [1e307, 1e-300])
def test_values_near_the_limits_of_float64(size: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sum of a hundred of them is beyond it, their mean is not; some rows are equal, and blocks are read one by one."""
    monkeypatch.setattr("platoscope.neighbors._streams._BLOCK_BYTES", 1)
    rng = np.random.default_rng(0)
    X = size * np.repeat(1.0 + rng.random((50, 3)), 2, axis=0)
    Y = rng.standard_normal((100, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = imbalance_in_blocks(X, Y, items_per_block=40)
        whole = estimate_imbalance(X, Y, n_queries=100, n_references=100, rng=0)
    expected = platoscope.information_imbalance(X, Y)
    assert np.allclose(tuple(found), tuple(expected), rtol=1e-12)
    assert np.allclose([whole.forward.value, whole.backward.value], tuple(expected), rtol=1e-12)
