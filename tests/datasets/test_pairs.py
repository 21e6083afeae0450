"""Pairs and sides: aligned, immutable, sampled reproducibly, known by their content."""

from __future__ import annotations

import dataclasses
import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest

from platoscope.datasets import LazyImages, Pairs, Side, require
from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_indexing_gives_both_items(toy: Pairs) -> None:
    """A pair is a tuple of its two items, and a side is a sequence of its own."""
    assert toy[1] == ("two", "due")
    assert toy.a[1] == "two"
    assert toy.b[-2:] == ("cinque", "sei")
    assert next(iter(toy)) == ("one", "uno")
    assert len(toy) == len(toy.a) == 6


def test_pairs_cannot_be_changed(toy: Pairs) -> None:
    """Neither the record nor its items can be assigned to."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        toy.name = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        toy.a.items[0] = "other"  # type: ignore[index]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"b": Side("it", "text", ["uno"])}, "'en' has 6, 'it' has 1"),
        ({"ids": ("a",) * 6}, "'a' comes more than once"),
        ({"ids": ("a", "b")}, r"ids must have one value per pair \(6\), got 2"),
        ({"strata": ("a", "b")}, r"strata must have one value per pair \(6\), got 2"),
    ],
)
def test_what_does_not_fit_is_refused(toy: Pairs, change: dict[str, object], text: str) -> None:
    """Unequal lengths and repeated ids are errors that say both numbers."""
    with pytest.raises(InputError, match=text):
        dataclasses.replace(toy, **change)  # type: ignore[arg-type]


def test_a_side_wants_a_sequence_of_its_modality() -> None:
    """A bare string, an unknown modality and a number among texts are refused by name."""
    with pytest.raises(InputError, match="must be a sequence"):
        Side("en", "text", "one")
    with pytest.raises(InputError, match="must be one of text, image, array; got 'sound'"):
        Side("en", "sound", [])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="text item 1 of side 'en' must be a str, got int"):
        Side("en", "text", ["one", 2])


def test_select_takes_positions_or_a_mask(toy: Pairs) -> None:
    """Items, ids and strata stay together."""
    picked = toy.select([4, 0])
    assert (picked.a.items, picked.ids, picked.strata) == (("five", "one"), ("e", "a"), ("y", "x"))
    assert toy.select(np.array([True, False, False, False, True, False])).ids == ("a", "e")
    with pytest.raises(InputError, match="mask"):
        toy.select(np.array([True]))


def test_equal_seeds_give_equal_samples_in_source_order(toy: Pairs) -> None:
    """A sample is without replacement, reproducible, recorded, and keeps the order."""
    sample = toy.sample(4, 7)
    assert sample.ids == toy.sample(4, 7).ids == tuple(sorted(sample.ids))
    assert sample.ids == toy.sample(4, np.random.default_rng(7)).ids
    assert len({toy.sample(4, seed).ids for seed in range(20)}) > 1
    assert sample.provenance["sample"] == {"n": 4, "of": 6, "seed": 7}
    assert (sample.counts[-1].kept, sample.counts[-1].dropped) == (4, 2)


def test_too_few_pairs_say_where_they_went(toy: Pairs) -> None:
    """The error tells the counts of each step in words."""
    with pytest.raises(
        InputError, match=r"5 pairs are needed, but 'toy' has 4 \(source: 6; sample: -2, left 4\)"
    ):
        require(toy.sample(4, 0), 5)
    with pytest.raises(InputError, match="a whole number, at least 1; got 0"):
        toy.sample(0, 0)
    assert require(toy, 6) is toy


def test_swap_exchanges_the_sides(toy: Pairs) -> None:
    """Swapping twice gives the same pairs."""
    assert toy.swap()[0] == ("uno", "one")
    assert toy.swap().swap() == toy


def test_fingerprint_is_of_the_content(toy: Pairs) -> None:
    """Names and provenance do not matter; order, strata and every character do."""
    other_name = dataclasses.replace(toy, name="b", provenance={"z": 1, "a": 2})
    assert other_name.fingerprint() == toy.fingerprint()
    assert toy.swap().fingerprint() != toy.fingerprint()
    assert toy.select([1, 0, 2, 3, 4, 5]).a.fingerprint() != toy.a.fingerprint()
    assert dataclasses.replace(toy, strata=None).fingerprint() != toy.fingerprint()
    joined = [Side("x", "text", ["ab", "c"]), Side("x", "text", ["a", "bc"]), Side("x", "text", ["abc"])]
    assert len({side.fingerprint() for side in joined}) == 3
    accents = [Side("x", "text", ["\u00e9"]), Side("x", "text", ["e\u0301"])]
    assert accents[0].fingerprint() != accents[1].fingerprint()


def test_an_array_that_was_written_into_is_other_content() -> None:
    """A side holds the user's own arrays, which may change between two calls."""
    arrays = np.zeros((2, 3))
    side = Side("x", "array", arrays)
    before = side.fingerprint()
    assert side.fingerprint() == before
    arrays[1, 2] = 1
    assert side.fingerprint() != before


def test_fingerprint_does_not_change_between_versions(toy: Pairs) -> None:
    """Stores on disk are found by it, so its value is fixed here."""
    assert toy.a.fingerprint().startswith("53e927beba67ec04")
    assert toy.fingerprint().startswith("bb700e32d15c4745")


def test_image_fingerprint_does_not_depend_on_where_the_file_is(
    tmp_path: Path, encode: Callable[..., bytes]
) -> None:
    """A path, its bytes and a lazy sequence of them are one content."""
    content = [encode(0), encode(1)]
    paths = [tmp_path / "p.png", tmp_path / "q.png"]
    for path, bytes_ in zip(paths, content, strict=True):
        path.write_bytes(bytes_)
    sides = [
        Side("x", "image", paths),
        Side("x", "image", [str(path) for path in paths]),
        Side("x", "image", content),
        Side("x", "image", LazyImages(content.__getitem__, range(2))),
    ]
    assert len({side.fingerprint() for side in sides}) == 1


def test_lazy_images_are_read_only_when_asked_for() -> None:
    """Selecting, slicing and counting read nothing."""
    asked: list[int] = []

    def read(row: int) -> bytes:
        asked.append(row)
        return bytes([row])

    side = Side("x", "image", LazyImages(read, range(10, 20)))
    part = side.select([3, 1])[:1]
    assert len(part) == 1
    assert asked == []
    assert part[0] == bytes([13])
    assert asked == [13]


def test_pairs_survive_pickling(toy: Pairs) -> None:
    """Pairs go to worker processes and come back equal."""
    toy.fingerprint()
    assert pickle.loads(pickle.dumps(toy)) == toy
