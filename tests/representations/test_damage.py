"""No file of a store can be damaged, cut or lost so that other numbers come out of it."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from platoscope.errors import NotFoundError, PlatoscopeWarning, StorageError
from platoscope.representations import (
    Representations,
    _units,
    extract,
    info,
    list_store,
    open_representations,
    remove,
    verify,
)
from platoscope.representations._unit_bytes import checksum_of

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

N_ITEMS = 20  # units of 16 rows: a whole one and one of 4 rows

METADATA = ["zarr.json", "mean_3/zarr.json", "tokens_2/zarr.json", "order/zarr.json", "batch_sizes/zarr.json"]
VECTORS = ["order/c.0", "batch_sizes/c.0"]
UNITS = ["mean_3/c.0.0.0", "mean_3/c.0.1.0", "tokens_2/c.0.1.0.0"]
# Needed to go on with an extraction, not to read what is there.
UNREAD = ["lengths/c.0", "lengths/zarr.json"]


@pytest.fixture
def stored(fake: ModuleType, tmp_path: Path, small_units: int) -> Representations:
    """Extract two poolings of 20 sentences into tmp_path."""
    return extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=tmp_path)


def _read_all(key: str, store: Path) -> list[np.ndarray]:
    stored = open_representations(key, store=store)
    return [layer for pooling in ("mean(3)", "concat(2)") for layer in stored.with_pooling(pooling)]


def _flips(content: bytes, step: int) -> list[bytes]:
    return [
        content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :]
        for place in range(0, len(content), step)
    ]


@pytest.mark.parametrize("name", [*METADATA, *VECTORS])
def test_one_flipped_bit_is_refused_and_its_file_named(
    stored: Representations, tmp_path: Path, name: str
) -> None:
    """Wherever in metadata, order or batches a bit is wrong, reading is an error that says what to do."""
    file = tmp_path / stored.key / name
    for content in _flips(file.read_bytes(), 1 if name in VECTORS else 7):
        file.write_bytes(content)
        with pytest.raises(
            StorageError, match=r"(damaged|not those|has no metadata).*[Rr]emove the group"
        ) as error:
            _read_all(stored.key, tmp_path)
        assert f"{stored.key[:12]}" in str(error.value)
        assert verify(tmp_path)


@pytest.mark.parametrize("name", UNITS)
def test_one_flipped_bit_of_a_state_is_refused_and_its_unit_named(
    stored: Representations, tmp_path: Path, name: str
) -> None:
    """Every layer of a unit has its checksum; what is wrong in the index alone, which is not read, shows in verify."""
    file = tmp_path / stored.key / name
    content = file.read_bytes()
    index = 4 * 16 + 4
    before = _read_all(stored.key, tmp_path)
    for place, changed in zip(range(0, len(content), 13), _flips(content, 13), strict=True):
        file.write_bytes(changed)
        if place < len(content) - index:
            with pytest.raises(StorageError, match=r"Unit .* checksum .*Run the same extraction again"):
                _read_all(stored.key, tmp_path)
        else:
            assert all(
                np.array_equal(a, b) for a, b in zip(before, _read_all(stored.key, tmp_path), strict=True)
            )
        (problem,) = verify(tmp_path)
        assert problem.unit == int(name.split(".")[2])


@pytest.mark.parametrize("harm", ["half", "empty", "missing"])
@pytest.mark.parametrize("name", [*METADATA, *VECTORS, *UNITS])
def test_files_that_are_cut_or_missing_are_refused(
    stored: Representations, tmp_path: Path, name: str, harm: str
) -> None:
    """Half a file, an empty one and none at all are errors with a way out, and no check calls the store whole."""
    file = tmp_path / stored.key / name
    _harm(file, harm)
    with pytest.raises(
        (StorageError, NotFoundError), match=r"extract again|extraction again|Extract it with"
    ):
        _read_all(stored.key, tmp_path)
    assert verify(tmp_path)


@pytest.mark.parametrize("harm", ["flip", "half", "empty", "missing"])
@pytest.mark.parametrize("name", UNREAD)
def test_damage_to_what_reading_needs_not_shows_in_verify(
    stored: Representations, tmp_path: Path, name: str, harm: str
) -> None:
    """The lengths of the items are read to go on with an extraction only: numbers stay, and verify says it."""
    before = _read_all(stored.key, tmp_path)
    _harm(tmp_path / stored.key / name, harm)
    assert all(np.array_equal(a, b) for a, b in zip(before, _read_all(stored.key, tmp_path), strict=True))
    (problem,) = verify(tmp_path)
    assert "lengths" in problem.reason


def _harm(file: Path, harm: str) -> None:
    content = file.read_bytes()
    if harm == "missing":
        file.unlink()
    else:
        cut = {"half": content[: len(content) // 2], "empty": b""}
        file.write_bytes(cut[harm] if harm in cut else _flips(content, len(content) // 2)[1])


@pytest.mark.parametrize("name", METADATA[:2])
@pytest.mark.parametrize("harm", ["flip", "missing"])
def test_damaged_group_is_listed_and_can_be_removed(
    stored: Representations, fake: ModuleType, tmp_path: Path, name: str, harm: str
) -> None:
    """One damaged group hides no other, says what is wrong, and goes by its key as its error advises."""
    other = extract(fake.FakeEncoder(), fake.sentences(3), pooling="last", store=tmp_path)
    _harm(tmp_path / stored.key / name, harm)
    assert {record.key for record in list_store(tmp_path)} == {stored.key, other.key}
    lost = not (harm == "missing" and name == "mean_3/zarr.json")  # then the other pooling is whole
    assert ("store rm" in info(tmp_path, stored.key).damage) == lost
    assert remove(tmp_path, stored.key[:12]).key == stored.key
    assert verify(tmp_path) == ()
    assert [record.key for record in list_store(tmp_path)] == [other.key]


def test_lost_metadata_of_an_array_come_back_with_its_extraction(
    stored: Representations, fake: ModuleType, tmp_path: Path
) -> None:
    """An array without metadata is made anew, and the other one is not touched."""
    before = _read_all(stored.key, tmp_path)
    (tmp_path / stored.key / "mean_3" / "zarr.json").unlink()
    (problem,) = verify(tmp_path)
    assert (problem.pooling, problem.reason) == ("mean_3", "its metadata are missing")
    extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=tmp_path)
    assert verify(tmp_path) == ()
    assert all(np.array_equal(a, b) for a, b in zip(before, _read_all(stored.key, tmp_path), strict=True))


def test_a_group_without_metadata_is_extracted_anew(
    stored: Representations, fake: ModuleType, tmp_path: Path
) -> None:
    """Nothing can be read of it: it is listed, and its extraction replaces it and says so."""
    before = _read_all(stored.key, tmp_path)
    (tmp_path / stored.key / "zarr.json").unlink()
    (problem,) = verify(tmp_path)
    assert "has no metadata" in problem.reason
    with pytest.warns(PlatoscopeWarning, match="had no metadata.*extracted anew"):
        extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=tmp_path)
    assert verify(tmp_path) == ()
    assert all(np.array_equal(a, b) for a, b in zip(before, _read_all(stored.key, tmp_path), strict=True))
    assert {entry.name for entry in tmp_path.iterdir()} == {stored.key, "zarr.json"}


def test_metadata_that_are_no_file_lock_nothing(
    stored: Representations, tmp_path: Path, fake: ModuleType
) -> None:
    """Whatever the system says of it, the group is listed as damaged and can be removed."""
    other = extract(fake.FakeEncoder(), fake.sentences(3), pooling="last", store=tmp_path)
    (tmp_path / stored.key / "zarr.json").unlink()
    (tmp_path / stored.key / "zarr.json").mkdir()
    assert [bool(record.damage) for record in list_store(tmp_path)].count(True) == 1
    assert {problem.key for problem in verify(tmp_path)} == {stored.key}
    remove(tmp_path, stored.key)
    assert [record.key for record in list_store(tmp_path)] == [other.key]


def _without_digests(store: Path) -> None:
    """Make of a store one as it was written before metadata had digests."""
    for file in store.glob("*/**/zarr.json"):
        metadata = json.loads(file.read_text())
        metadata["attributes"].pop("digest")
        file.write_text(json.dumps(metadata))


def test_stores_from_before_the_digests_open_as_ever(
    stored: Representations, fake: ModuleType, tmp_path: Path
) -> None:
    """Metadata without a digest are read, and another pooling is added beside them."""
    before = _read_all(stored.key, tmp_path)
    _without_digests(tmp_path)
    assert all(np.array_equal(a, b) for a, b in zip(before, _read_all(stored.key, tmp_path), strict=True))
    extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling="token(3)", store=tmp_path)
    assert verify(tmp_path) == ()


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("zarr.json", "n_items"),
        ("zarr.json", "platoscope"),
        ("zarr.json", "attributes"),
        ("mean_3/zarr.json", "shape"),
        ("mean_3/zarr.json", "chunk_grid"),
        ("mean_3/zarr.json", "plan"),
        ("order/zarr.json", "shape"),
    ],
)
def test_metadata_without_a_digest_that_lack_something_are_refused(
    stored: Representations, tmp_path: Path, name: str, word: str
) -> None:
    """Where no digest stands, what is needed and not there is named as damage all the same."""
    _without_digests(tmp_path)
    file = tmp_path / stored.key / name
    file.write_text(file.read_text().replace(f'"{word}"', f'"{word}_"'))
    with pytest.raises(StorageError, match="metadata.*store rm"):
        _read_all(stored.key, tmp_path)


@pytest.mark.parametrize("what", ["folder", "link"])
def test_a_unit_that_is_no_file_is_missing(stored: Representations, tmp_path: Path, what: str) -> None:
    """All others are looked at; to write there is a sentence."""
    unit = tmp_path / stored.key / UNITS[0]
    unit.unlink()
    if what == "folder":
        unit.mkdir()
    else:
        unit.symlink_to(unit.name)
    (problem,) = verify(tmp_path)
    assert (problem.pooling, problem.reason) == ("mean(3)", "it is missing")
    with pytest.raises(StorageError, match="it is missing"):
        _read_all(stored.key, tmp_path)


def test_a_group_under_the_name_of_another_is_refused(
    stored: Representations, fake: ModuleType, tmp_path: Path
) -> None:
    """Its states would be those of other items or of another model."""
    other = extract(fake.FakeEncoder(), fake.sentences(N_ITEMS)[::-1], pooling="mean(3)", store=tmp_path)
    mine, its = tmp_path / stored.key, tmp_path / other.key
    mine.rename(tmp_path / "aside")
    its.rename(mine)
    (tmp_path / "aside").rename(its)
    for key in (stored.key, other.key):
        with pytest.raises(StorageError, match="of another group than its name says.*store rm"):
            open_representations(key, store=tmp_path)
    with pytest.raises(StorageError, match="of another group"):
        extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling="mean(3)", store=tmp_path)
    assert {problem.key for problem in verify(tmp_path)} == {stored.key, other.key}


@pytest.mark.parametrize(
    ("source", "text"),
    [("other", "written with other batches"), ("tokens_2", r"holds tokens\(2\), and not what it is called")],
)
def test_an_array_in_the_place_of_another_is_refused(
    stored: Representations, fake: ModuleType, tmp_path: Path, source: str, text: str
) -> None:
    """That of another group, or of another pooling of its own."""
    group = tmp_path / stored.key
    shutil.rmtree(group / "mean_3")
    if source == "other":
        items = [
            *fake.sentences(N_ITEMS)[1:],
            "one that is much longer than any of the others and so is in another batch",
        ]
        other = extract(fake.FakeEncoder(), items, pooling="mean(3)", store=tmp_path)
        assert other.key != stored.key
        shutil.copytree(tmp_path / other.key / "mean_3", group / "mean_3")
    else:
        shutil.copytree(group / source, group / "mean_3")
    for what in (
        lambda: open_representations(stored.key, store=tmp_path),
        lambda: extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling="mean(3)", store=tmp_path),
    ):
        with pytest.raises(StorageError, match=f"{text}.*store rm"):
            what()
    (problem,) = (problem for problem in verify(tmp_path) if problem.key == stored.key)
    assert re.search(text, problem.reason)


def test_a_unit_in_the_place_of_another_is_made_again(
    stored: Representations, fake: ModuleType, tmp_path: Path
) -> None:
    """One of another unit, of the same unit of another group with equal batches, and one whose layers were exchanged."""
    before = _read_all(stored.key, tmp_path)
    extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling="token(3)", store=tmp_path)
    twin = extract(fake.FakeEncoder(name="twin"), fake.sentences(N_ITEMS), pooling="mean(3)", store=tmp_path)
    group, other = tmp_path / stored.key, tmp_path / twin.key
    assert twin.key != stored.key
    assert (group / "order/c.0").read_bytes() == (other / "order/c.0").read_bytes()
    unit = group / "mean_3/c.0.0.0"
    content = unit.read_bytes()
    length = (len(content) - 4 * 16 - 4) // 4
    others = {
        "another unit": (group / "mean_3/c.0.1.0").read_bytes(),
        "another array": (group / "token_3/c.0.0.0").read_bytes(),
        "another group": (other / "mean_3/c.0.0.0").read_bytes(),
        "another layer": content[length : 2 * length] + content[:length] + content[2 * length :],
    }
    for wrong in others.values():
        assert len(wrong) == len(content)
        unit.write_bytes(wrong)
        (problem,) = verify(tmp_path)
        assert (problem.key, problem.pooling, problem.unit) == (stored.key, "mean(3)", 0)
        assert "the checksum of its place does not match" in problem.reason
        with pytest.raises(StorageError, match="Unit 0, layer position 0.*its place.*same extraction again"):
            _read_all(stored.key, tmp_path)
        encoder = fake.FakeEncoder()
        extract(encoder, fake.sentences(N_ITEMS), pooling="mean(3)", store=tmp_path)
        assert encoder.encoded
        assert unit.read_bytes() == content
    assert all(np.array_equal(a, b) for a, b in zip(before, _read_all(stored.key, tmp_path), strict=True))


def test_lengths_of_another_group_are_refused(
    stored: Representations, fake: ModuleType, tmp_path: Path
) -> None:
    """They are as many, and whole."""
    items = [f"{text} more" for text in fake.sentences(N_ITEMS)]
    other = extract(fake.FakeEncoder(), items, pooling="mean(3)", store=tmp_path)
    shutil.copytree(tmp_path / other.key / "lengths", tmp_path / stored.key / "lengths", dirs_exist_ok=True)
    (problem,) = verify(tmp_path)
    assert problem.key == stored.key
    assert "lengths' " in problem.reason
    assert "is not that of this group" in problem.reason


@pytest.mark.parametrize("name", ["zarr.json", "mean_3/zarr.json", "order/zarr.json"])
def test_metadata_without_end_are_damage(stored: Representations, tmp_path: Path, name: str) -> None:
    """Python gives JSON up that lies deeper than its calls can."""
    (tmp_path / stored.key / name).write_text("[" * 100_000)
    with pytest.raises(StorageError, match="metadata.*emove the group"):
        _read_all(stored.key, tmp_path)
    assert verify(tmp_path)


@pytest.mark.parametrize("name", ["lengths", "batch_sizes"])
def test_a_vector_in_the_place_of_the_order_is_a_problem_of_its_group(
    stored: Representations, fake: ModuleType, tmp_path: Path, name: str
) -> None:
    """It has each item twice or not at all; the other groups are looked at."""
    other = extract(fake.FakeEncoder(), fake.sentences(N_ITEMS)[::-1], pooling="mean(3)", store=tmp_path)
    shutil.copytree(tmp_path / stored.key / name, tmp_path / stored.key / "order", dirs_exist_ok=True)
    (tmp_path / other.key / "mean_3/c.0.0.0").unlink()
    with pytest.raises(StorageError, match="not those that it was made with.*emove the group"):
        _read_all(stored.key, tmp_path)
    found = {problem.key: problem.reason for problem in verify(tmp_path)}
    assert "not those that it was made with" in found[stored.key]
    assert found[other.key] == "it is missing"


@pytest.mark.parametrize("wrong", ["16", 1.5, None, [], True, 8, -100_000, 2**70])
def test_marks_that_no_version_has_written_are_damage(
    stored: Representations, tmp_path: Path, wrong: object
) -> None:
    """Where no digest says so."""
    _without_digests(tmp_path)
    file = tmp_path / stored.key / "mean_3/zarr.json"
    metadata = json.loads(file.read_text())
    metadata["attributes"]["mark_bytes"] = wrong
    file.write_text(json.dumps(metadata))
    with pytest.raises(StorageError, match="metadata.*marks of .* bytes.*store rm"):
        open_representations(stored.key, store=tmp_path)


@pytest.mark.parametrize("offset", [2**63 - 1, 2**63, 2**64 - 1])
def test_an_index_that_points_beyond_the_file_is_damage(
    stored: Representations, tmp_path: Path, offset: int
) -> None:
    """It is read where a chunk is not in its place, and its checksum is right here."""
    unit = tmp_path / stored.key / UNITS[0]
    content = bytearray(unit.read_bytes())
    content[0] ^= 1
    index = len(content) - 4 * 16 - 4
    content[index : index + 8] = offset.to_bytes(8, "little")
    content[-4:] = checksum_of(bytes(content[index:-4]))
    unit.write_bytes(content)
    (problem,) = verify(tmp_path)
    assert (problem.unit, "its index gives" in problem.reason) == (0, True)
    with pytest.raises(StorageError, match="Unit 0, layer position 0.*its index gives"):
        _read_all(stored.key, tmp_path)


def test_arrays_from_before_the_marks_are_read_and_gone_on_with(
    fake: ModuleType, tmp_path: Path, small_units: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their units have nothing behind a chunk, and stay as they are."""
    new = extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=tmp_path / "new")
    with monkeypatch.context() as before:
        before.setattr(_units, "MARK_BYTES", 0)
        old = extract(
            fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=tmp_path / "old"
        )
    _without_digests(tmp_path / "old")
    for file in (tmp_path / "old").glob("*/*/zarr.json"):
        metadata = json.loads(file.read_text())
        metadata["attributes"].pop("mark_bytes", None)
        file.write_text(json.dumps(metadata))
    unit = tmp_path / "old" / old.key / UNITS[0]
    content = unit.read_bytes()
    assert len(content) == (tmp_path / "new" / new.key / UNITS[0]).stat().st_size - 4 * 16
    unit.unlink()
    extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=tmp_path / "old")
    assert unit.read_bytes() == content
    assert verify(tmp_path / "old") == ()
    both = zip(_read_all(new.key, tmp_path / "new"), _read_all(old.key, tmp_path / "old"), strict=True)
    assert all(np.array_equal(a, b) for a, b in both)


def test_ids_that_are_not_of_all_items_are_refused(stored: Representations, tmp_path: Path) -> None:
    """Where no digest says so."""
    _without_digests(tmp_path)
    file = tmp_path / stored.key / "zarr.json"
    metadata = json.loads(file.read_text())
    metadata["attributes"]["platoscope"]["ids"] = [f"item {i}" for i in range(N_ITEMS - 1)]
    file.write_text(json.dumps(metadata))
    with pytest.raises(StorageError, match="another number of ids than of items"):
        open_representations(stored.key, store=tmp_path)
