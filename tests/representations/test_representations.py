"""`Representations`: indexing, views of tokens, selection, alignment, labels."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest

from platoscope.errors import InputError, NotFoundError
from platoscope.representations import Representations, align, import_representations

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def states() -> np.ndarray:
    """Make states of 3 layers, 5 items, 4 features."""
    return np.random.default_rng(0).standard_normal((3, 5, 4))


@pytest.fixture
def tokens() -> np.ndarray:
    """Make states of 3 layers, 5 items, 6 tokens, 4 features."""
    return np.random.default_rng(1).standard_normal((3, 5, 6, 4)).astype(np.float32)


def test_layers_are_float32_and_indexed_by_position(states: np.ndarray) -> None:
    """r[i] is the layer at position i, negative from the end, whatever its number."""
    r = Representations.from_arrays(states, layers=[0, 6, 12], depth=24)
    assert (len(r), r.n_layers, r.n_items, r.n_features) == (3, 3, 5, 4)
    assert r[1].dtype == np.float32
    assert np.array_equal(r[-1], states[2].astype(np.float32))
    assert r.relative_depth.tolist() == [0.0, 0.25, 0.5]
    assert all(np.array_equal(a, b) for a, b in zip(r, states.astype(np.float32), strict=True))


def test_slices_give_fewer_layers(states: np.ndarray) -> None:
    """r[1:] keeps the numbers of its layers and the depth of the model."""
    later = Representations.from_arrays(states)[1:]
    assert later.layers == (1, 2)
    assert later.relative_depth.tolist() == [0.5, 1.0]
    assert np.array_equal(later[0], states[1].astype(np.float32))


@pytest.mark.parametrize("index", [3, -4])
def test_layer_out_of_range_says_what_there_is(states: np.ndarray, index: int) -> None:
    """An IndexError, so that a plain loop over positions ends, and a sentence."""
    with pytest.raises(IndexError, match=r"there are 3 layers \(numbers 0 to 2\)"):
        Representations.from_arrays(states)[index]


def test_representations_are_immutable(states: np.ndarray) -> None:
    """Attributes cannot be set, and changing a layer that was read changes nothing else."""
    r = Representations.from_arrays(states)
    with pytest.raises(dataclasses.FrozenInstanceError):
        r.pooling = "mean"  # type: ignore[misc]
    layer = r[0]
    layer[:] = 0
    assert np.array_equal(r[0], states[0].astype(np.float32))


def test_squared_distances_of_parts_add_up(tokens: np.ndarray) -> None:
    """concat(k) is never needed as one wide array: its parts are its tokens, last token last."""
    r = Representations.from_arrays(tokens, pooling="concat(6)")
    wide, parts = r[1], r.parts(1)
    assert wide.shape == (5, 24)
    assert r.n_features == 24
    assert np.array_equal(parts[-1], tokens[1, :, -1])
    apart = sum(((part[0] - part[1]) ** 2).sum() for part in parts)
    assert apart == pytest.approx(((wide[0] - wide[1]) ** 2).sum(), rel=1e-6)
    assert np.array_equal(Representations.from_arrays(tokens[:, :, 0]).parts(1)[0], tokens[1, :, 0])


@pytest.mark.parametrize(
    ("pooling", "kept"),
    [
        ("last", [5]),
        ("token(0)", [5]),
        ("token(5)", [0]),
        ("concat(2)", [4, 5]),
        ("tokens(6)", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_rows_of_tokens_hold_other_poolings(tokens: np.ndarray, pooling: str, kept: list[int]) -> None:
    """tokens(k) gives its single tokens and its shorter rows without another pass of the model."""
    r = Representations.from_arrays(tokens, pooling="tokens(6)").with_pooling(pooling)
    assert np.array_equal(r[2], tokens[2][:, kept].reshape(5, -1))
    assert r.n_features == 4 * len(kept)


@pytest.mark.parametrize(
    ("pooling", "kept"),
    [("dct(1)", [0]), ("dct(0-2)", [0, 1, 2]), ("dct(3-3)", [3]), ("dct(2-5)", [2, 3, 4, 5])],
)
def test_frequencies_hold_their_bands(tokens: np.ndarray, pooling: str, kept: list[int]) -> None:
    """dct(m) gives every band of its frequencies as parts, without another pass of the model."""
    r = Representations.from_arrays({"mean": tokens[:, :, 0], "dct(6)": tokens}).with_pooling(pooling)
    assert np.array_equal(r[2], tokens[2][:, kept].reshape(5, -1))
    assert r.n_features == 4 * len(kept)
    assert len(r.parts(1)) == len(kept)
    band = Representations.from_arrays(tokens[:, :, 2:4], pooling="dct(2-3)")
    assert np.array_equal(band.with_pooling("dct(3-3)")[0], tokens[0, :, 3])
    for missing in ("dct(1-2)", "dct(4)", "dct(3-2)", "mean"):
        with pytest.raises(NotFoundError, match=r"only dct\(2-3\)"):
            band.with_pooling(missing)


@pytest.mark.parametrize("pooling", ["mean(2)", "token(6)", "concat(7)", "cls"])
def test_pooling_that_is_not_on_hand_is_named(tokens: np.ndarray, pooling: str) -> None:
    """A mean is not made from tokens, nor a token from too short a row."""
    r = Representations.from_arrays(tokens, pooling="tokens(6)")
    with pytest.raises(NotFoundError, match=r"only tokens\(6\), concat\(6\)"):
        r.with_pooling(pooling)


def test_several_poolings_in_memory(states: np.ndarray, tokens: np.ndarray) -> None:
    """A mapping gives several poolings of the same items; the first is shown."""
    r = Representations.from_arrays({"mean(20)": states, "tokens(6)": tokens})
    assert (r.pooling, r.poolings) == ("mean(20)", ("mean(20)", "tokens(6)", "concat(6)"))
    assert np.array_equal(r.with_pooling("token(1)")[0], tokens[0, :, 4])


def test_select_keeps_order_and_ids(states: np.ndarray) -> None:
    """Ids, row numbers and masks select; selections add up."""
    r = Representations.from_arrays(states, ids=list("abcde"))
    expected = states[1].astype(np.float32)
    assert np.array_equal(r.select(["d", "a"])[1], expected[[3, 0]])
    assert np.array_equal(r.select([-1, 2])[1], expected[[4, 2]])
    assert np.array_equal(r.select(np.array([True, False, True, True, False]))[1], expected[[0, 2, 3]])
    twice = r.select(["e", "c", "a"]).select([2, 0])
    assert twice.ids == ("a", "e")
    assert np.array_equal(twice[1], expected[[0, 4]])


@pytest.mark.parametrize(
    ("items", "error", "match"),
    [
        (["a", "x"], NotFoundError, "1 ids are unknown, the first is 'x'"),
        ([0, 0], InputError, "none twice"),
        ([0, -5], InputError, "none twice"),
        ([5], InputError, "between -5 and 4"),
        ([], InputError, "at least one"),
        (np.array([True]), InputError, r"shape \(5,\)"),
    ],
)
def test_selection_errors(states: np.ndarray, items: object, error: type[Exception], match: str) -> None:
    """Unknown, repeated or no items are refused with what is wrong."""
    with pytest.raises(error, match=match):
        Representations.from_arrays(states, ids=list("abcde")).select(items)  # type: ignore[arg-type]


def test_align_counts_what_it_drops(states: np.ndarray) -> None:
    """Common items come in the order of the first, and each side's loss is counted."""
    a = Representations.from_arrays(states, ids=list("abcde"))
    b = Representations.from_arrays(states[:, :4], ids=list("xecb"))
    aligned = align(a, b)
    assert aligned.a.ids == aligned.b.ids == ("b", "c", "e")
    assert (aligned.dropped_a, aligned.dropped_b) == (2, 1)
    left, right = aligned
    assert np.array_equal(left[0], states[0, [1, 2, 4]].astype(np.float32))
    assert np.array_equal(right[0], states[0, [3, 2, 1]].astype(np.float32))
    with pytest.raises(InputError, match="no id in common"):
        align(a, Representations.from_arrays(states, ids=list("vwxyz")))


def test_files_without_ids_are_not_cut_to_one_length(states: np.ndarray, tmp_path: Path) -> None:
    """Which items of the longer file the shorter one lacks is unknown; of a selection in memory it is known."""
    np.save(tmp_path / "long.npy", states)
    np.save(tmp_path / "short.npy", states[:, :4])
    long, short = (import_representations(tmp_path / f"{name}.npy") for name in ("long", "short"))
    with pytest.raises(InputError, match="A has 5 items and B 4"):
        align(long, short)
    in_memory = Representations.from_arrays(states)
    assert align(in_memory, in_memory.select(range(4))).a.n_items == 4


@pytest.mark.parametrize(
    ("arrays", "keywords", "match"),
    [
        (np.zeros((2, 3)), {}, r"must have shape \(n_items, n_features\)"),
        ([np.zeros((4, 2)), np.zeros((3, 2))], {}, r"layer 1 has shape \(3, 2\)"),
        (np.zeros((2, 4, 3)), {"pooling": "tokens(2)"}, r"\(n_items, 2, n_features\)"),
        (np.zeros((2, 4, 3), complex), {}, "complex128"),
        (np.zeros((0, 4, 3)), {}, "hold no layer"),
        (np.zeros((2, 4, 3)), {"ids": ["a"]}, "each of the 4 items, got 1"),
        (np.zeros((2, 4, 3)), {"ids": ["a", "b", "c", "b"]}, "'b' comes more than once"),
        (np.zeros((2, 4, 3)), {"layers": [1]}, "2 different numbers"),
        (
            np.zeros((2, 4, 3)),
            {"layers": [0, 5], "depth": 3},
            r"between 0 and depth, which is 3 here; got \(0, 5\)",
        ),
        (np.zeros((2, 4, 3)), {"layers": [-1, 0]}, r"between 0 and depth, which is 0 here; got \(-1, 0\)"),
        ({}, {}, "empty mapping"),
        ({"last": np.zeros((1, 2, 3))}, {"pooling": "mean"}, "already names them"),
        ({"last": np.zeros((1, 2, 3)), "mean": np.zeros((1, 3, 3))}, {}, "same layers and items"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arrays: object, keywords: dict[str, object], match: str) -> None:
    """Every disagreement of shapes, ids and names says what was expected."""
    with pytest.raises(InputError, match=match):
        Representations.from_arrays(arrays, **keywords)  # type: ignore[arg-type]


def test_what_float32_would_change_is_refused() -> None:
    """Numbers beyond it, below it, or that differ in digits that it has not; what it rounds like any float is read."""
    X = np.random.default_rng(0).standard_normal((20, 4))
    for wrong in (X * 1e300, X * 1e-300, 1 + X * 1e-12, np.arange(80).reshape(20, 4) + 2**60):
        with pytest.raises(InputError, match=r"^layer 1, of (float|int)64, does not fit into float32"):
            Representations.from_arrays([X, wrong])[1]
    for right in (X, 1 + X * 1e-3, np.full((20, 4), 0.1), np.zeros((20, 4)), np.arange(80).reshape(20, 4)):
        layer = Representations.from_arrays([right])[0]
        np.testing.assert_allclose(layer, right, rtol=1e-6)


def test_xarray_is_labelled(states: np.ndarray) -> None:
    """Layers, depth, ids and provenance stand with the numbers."""
    r = Representations.from_arrays(states, ids=list("abcde"), layers=[0, 2, 4], provenance={"model": "m"})
    labelled = r.to_xarray()
    assert labelled.dims == ("layer", "item", "feature")
    assert labelled.sel(layer=2, item="c").values.tolist() == states[1, 2].astype(np.float32).tolist()
    assert labelled.coords["relative_depth"].values.tolist() == [0.0, 0.5, 1.0]
    assert labelled.attrs["model"] == "m"


def test_key_follows_content(states: np.ndarray) -> None:
    """Equal content has one key, other content another."""
    key = Representations.from_arrays(states).key
    assert key == Representations.from_arrays(states.copy()).key
    assert key != Representations.from_arrays(states + 1).key


def test_repr_teaches(states: np.ndarray) -> None:
    """The text form says what it is and how to go on."""
    text = repr(Representations.from_arrays({"last": states, "mean": states}))
    assert "3 layers (0–2 of 2) × 5 items × 4 features" in text
    assert "r.with_pooling(...) has also: mean" in text
