"""Finished parts of a comparison are found again by what they are of, and are gone when it is finished."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest

from platoscope.errors import PlatoscopeWarning
from platoscope.layerwise import as_stack, part_to_bytes, split_comparison
from platoscope.measures import ComparisonOptions
from platoscope.studies.run import kept_parts
from platoscope.studies.run.kept_parts import KeptParts

if TYPE_CHECKING:
    from pathlib import Path

    from platoscope.layerwise import FoundPart


@pytest.fixture(scope="module")
def part() -> FoundPart:
    """Give what a part of a small comparison is."""
    rng = np.random.default_rng(0)
    A, B = ([rng.standard_normal((30, 4)) for _ in range(2)] for _ in range(2))
    options = ComparisonOptions(measures=("information_imbalance",), n_resamples=0)
    return split_comparison(as_stack(A), as_stack(B), 2, options=options, strata=None, seed=0).compute(0)


def test_parts_are_found_by_their_comparison_and_cut(part: FoundPart, tmp_path: Path) -> None:
    """The cut is that of which the largest share is there; those of other comparisons are not taken."""
    parts = KeptParts(tmp_path / "parts")
    assert parts.of("one") == (None, {})
    for cut, places in ((4, (0, 2)), (3, (1, 2))):
        for place in places:
            parts.add("one", cut, place, part)
    parts.add("other", 8, 5, part)
    cut, found = parts.of("one")
    assert (cut, list(found)) == (3, [1, 2])
    assert [part_to_bytes(one) for one in found.values()] == [part_to_bytes(part)] * 2
    assert _cut(parts, "other") == 8


@pytest.mark.parametrize("name", ["0-of-0", "0-of-1", "07-of-4", "0-of-999999999999", "0-of-٣"])
def test_a_part_that_was_renamed_says_nothing(name: str, part: FoundPart, tmp_path: Path) -> None:
    """Neither what it holds nor into how many parts the comparison was cut."""
    parts = KeptParts(tmp_path / "parts")
    parts.add("one", 4, 0, part)
    parts.add("one", 4, 1, part)
    first, second = sorted((tmp_path / "parts").iterdir())
    second.rename(first.with_name(first.name.replace("0-of-4", name)))
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        cut, found = parts.of("one")
    assert (cut, list(found)) == (4, [0])


def _cut(parts: KeptParts, comparison: str) -> int | None:
    return parts.of(comparison)[0]


def test_those_of_another_version_are_not_taken(
    part: FoundPart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its numbers may be others."""
    parts = KeptParts(tmp_path / "parts")
    parts.add("one", 2, 0, part)
    monkeypatch.setattr(kept_parts, "version", lambda _name: "another")
    assert _cut(parts, "one") is None


@pytest.mark.parametrize("damage", ["a bit", "other bytes with a checksum", "another part"])
def test_a_damaged_part_is_left_out_with_a_warning(part: FoundPart, tmp_path: Path, damage: str) -> None:
    """The others stay."""
    parts = KeptParts(tmp_path / "parts")
    for place in (0, 1):
        parts.add("one", 2, place, part)
    (file,) = (tmp_path / "parts").glob("*-1-of-2.part")
    if damage == "a bit":
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif damage == "another part":
        file.write_bytes(next((tmp_path / "parts").glob("*-0-of-2.part")).read_bytes())
    else:
        kept_parts.kept.remember(file, f"{file.name}\nsomething else".encode())
    with pytest.warns(PlatoscopeWarning, match=file.name):
        assert list(parts.of("one")[1]) == [0]


def test_what_is_finished_goes(part: FoundPart, tmp_path: Path) -> None:
    """And the folder with the last of them, but no file of somebody else's."""
    parts = KeptParts(tmp_path / "parts")
    parts.forget_others([])
    for comparison in ("one", "two"):
        parts.add(comparison, 2, 0, part)
    parts.forget_others(["two"])
    assert (_cut(parts, "one"), _cut(parts, "two")) == (None, 2)
    (tmp_path / "parts" / "notes.txt").write_text("mine")
    parts.forget_others([])
    assert [file.name for file in (tmp_path / "parts").iterdir()] == ["notes.txt"]
    (tmp_path / "parts" / "notes.txt").unlink()
    parts.forget_others([])
    assert not (tmp_path / "parts").exists()


def test_where_no_part_can_be_kept_the_work_goes_on(part: FoundPart, tmp_path: Path) -> None:
    """With a warning."""
    (tmp_path / "parts").write_text("a file")
    with pytest.warns(PlatoscopeWarning, match="cannot be kept in"):
        KeptParts(tmp_path / "parts").add("one", 2, 0, part)
