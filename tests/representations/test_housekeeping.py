"""Listing, describing, verifying and removing what is in a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from platoscope.datasets import Pairs, Side, shuffle_words
from platoscope.errors import InputError, NotFoundError, StorageError
from platoscope.representations import (
    Representations,
    extract,
    info,
    list_store,
    open_representations,
    remove,
    verify,
)

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

N_ITEMS = 50


@pytest.fixture
def stored(fake: ModuleType, tmp_path: Path, small_units: int) -> Representations:
    """Extract two poolings of 50 sentences into tmp_path."""
    return extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=tmp_path)


def test_listing_says_what_is_there(stored: Representations, fake: ModuleType, tmp_path: Path) -> None:
    """Each group with model, size, poolings and how much is done; info() says the same of one."""
    extract(fake.FakeEncoder(), fake.sentences(3), pooling="last", store=tmp_path)
    records = list_store(tmp_path)
    assert sorted(record.n_items for record in records) == [3, N_ITEMS]
    record = info(tmp_path, stored.key[:10])
    assert record in records
    assert (record.model, record.data, record.n_layers) == ("fake", "items", 4)
    assert [array.pooling for array in record.arrays] == ["mean(3)", "tokens(2)"]
    assert [array.shape for array in record.arrays] == [(4, N_ITEMS, 6), (4, N_ITEMS, 2, 6)]
    assert all(array.complete for array in record.arrays)
    assert record.size > 4 * N_ITEMS * 6 * 3 * 4


def test_shuffled_words_are_told_from_the_texts(fake: ModuleType, tmp_path: Path) -> None:
    """A list shows which of two groups of the same data has its words in a random order."""
    texts = Side("en", "text", [f"{text} twice or three times" for text in fake.sentences(5)])
    pairs = Pairs("toy", texts, texts)
    for each in (pairs, shuffle_words(pairs, seed=0)):
        extract(fake.FakeEncoder(), each, pooling="last", store=tmp_path)
    assert sorted(record.data for record in list_store(tmp_path)) == ["toy en", "toy en, words shuffled"]


def test_unfinished_arrays_show_and_cannot_be_opened(stored: Representations, tmp_path: Path) -> None:
    """An array that lacks a unit is no result; the complete ones stay usable."""
    next(tmp_path.glob("*/mean_3/c.0.0.0")).unlink()
    record = info(tmp_path, stored.key)
    assert [array.done_items for array in record.arrays] == [N_ITEMS - 16, N_ITEMS]
    assert open_representations(stored.key, store=tmp_path).pooling == "tokens(2)"
    with pytest.raises(NotFoundError, match=r"'mean\(3\)' is not complete .* complete are: tokens\(2\)"):
        open_representations(stored.key, store=tmp_path, pooling="mean(3)")


def test_verify_names_unit_and_items(stored: Representations, fake: ModuleType, tmp_path: Path) -> None:
    """Every damaged unit is found, with the items in it; nothing else is."""
    assert verify(tmp_path) == ()
    damaged = next(tmp_path.glob("*/tokens_2/c.0.3.0.0"))
    content = bytearray(damaged.read_bytes())
    content[50] ^= 1
    damaged.write_bytes(content)
    (problem,) = verify(tmp_path, stored.key[:6])
    order = fake.FakeEncoder().batches(fake.FakeEncoder().lengths(fake.sentences(N_ITEMS)))
    assert (problem.pooling, problem.unit, problem.unfinished) == ("tokens(2)", 3, False)
    assert problem.items == tuple(str(i) for i in np.concatenate(order)[48:])
    assert problem.reason == "its checksum does not match (layer at position 0)"


def test_verify_reports_a_damaged_plan(stored: Representations, tmp_path: Path) -> None:
    """Without its order a group is lost: that is one problem of the group."""
    (tmp_path / stored.key / "order" / "c.0").write_bytes(b"x")
    (problem,) = verify(tmp_path)
    assert (problem.pooling, problem.unit) == ("", None)
    assert f"platoscope store rm {stored.key[:12]} --store {tmp_path}" in problem.reason


def test_remove_takes_one_group(stored: Representations, fake: ModuleType, tmp_path: Path) -> None:
    """The group is gone, the other one is not."""
    other = extract(fake.FakeEncoder(), fake.sentences(3), pooling="last", store=tmp_path)
    assert remove(tmp_path, stored.key[:9]).key == stored.key
    assert [record.key for record in list_store(tmp_path)] == [other.key]
    with pytest.raises(NotFoundError, match="0 groups"):
        remove(tmp_path, stored.key)


def test_ambiguous_and_empty_keys_are_refused(
    stored: Representations, fake: ModuleType, tmp_path: Path
) -> None:
    """A beginning that fits several groups, or none, is named with their number."""
    letters = [stored.key[0]]
    while len(set(letters)) == len(letters):  # there are 16
        more = fake.sentences(len(letters))
        letters.append(extract(fake.FakeEncoder(), more, pooling="last", store=tmp_path).key[0])
    with pytest.raises(NotFoundError, match=r"2 groups in .* begin with"):
        info(tmp_path, letters[-1])
    with pytest.raises(InputError, match="key must be a key or its first characters"):
        remove(tmp_path, "")


@pytest.mark.parametrize("url", ["foo://bar", "foo+bar://x", "http://[", "github://nobody"])
def test_a_url_that_cannot_be_opened_is_one_sentence(url: str) -> None:
    """Whatever fsspec or the package of a protocol makes of a URL, the store is named with what a store is."""
    pytest.importorskip("fsspec")
    with pytest.raises(StorageError, match="The store .* cannot be opened: .*s3://BUCKET/FOLDER"):
        list_store(url)
