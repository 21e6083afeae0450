"""A run keeps what a reader wants to see of its items, and nothing that it may not."""

from __future__ import annotations

import base64
import io
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr

from platoscope import kept
from platoscope.datasets import Pairs, Side
from platoscope.errors import StorageError
from platoscope.studies import read_items
from platoscope.studies.run.run_folder import RunFolder
from platoscope.studies.run.shown_items import items_file, keep_items

if TYPE_CHECKING:
    from pathlib import Path

    from platoscope.studies import KeptItems

TEXTS = ["One\u2028line.\n", '</script><b>"quoted"</b>', "x" * 1001]
STRATA = ("book 1", "book 1", "book 2")


def _pairs(b: Side | None = None, **more: Any) -> Pairs:
    other = Side("it", "text", ["Uno.", "Due.", "Tre."]) if b is None else b
    return Pairs("mine", Side("en", "text", TEXTS), other, ids=("a", "b", "c"), **more)


def _kept(
    folder: RunFolder, pairs: Pairs, sides: tuple[str, str] = ("a", "b"), *, ids: Any = None, named: str = ""
) -> KeptItems:
    """Keep the items and read them back, as those of a comparison of these sides."""
    name = items_file(pairs)
    keep_items(folder, name, pairs)
    comparison = SimpleNamespace(label="x", sides=tuple(SimpleNamespace(side=side) for side in sides))
    labelled = xr.Dataset(coords={"item": list(ids or pairs.ids)}, attrs={"items_file": named or name})
    result = SimpleNamespace(
        plan=SimpleNamespace(comparison=lambda _: comparison), results={"x": labelled}, folder=folder.path
    )
    found = read_items(result, "x")  # type: ignore[arg-type]  # of a result it reads these alone
    assert found is not None
    return found


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Give an empty run folder."""
    made = RunFolder(tmp_path / "run")
    made.prepare()
    return made


def test_texts_names_and_groups_come_back_in_order(folder: RunFolder) -> None:
    """Line breaks and markup are characters like others; a long text is cut, and says so."""
    found = _kept(folder, _pairs(strata=STRATA, provenance={"license": "CC0"}))
    assert (found.pairs, found.license, found.names, found.modalities) == (
        "mine",
        "CC0",
        ("en", "it"),
        ("text", "text"),
    )
    assert (found.ids, found.strata) == (("a", "b", "c"), STRATA)
    assert found.a[:2] == tuple(TEXTS[:2])
    assert found.a[2] == "x" * 999 + "…"
    assert found.b == ("Uno.", "Due.", "Tre.")


def test_sides_are_those_of_the_comparison(folder: RunFolder) -> None:
    """Where A reads side b of the pairs, that is what stands for its items."""
    assert _kept(folder, _pairs(), ("b", "a")).names == ("it", "en")
    assert _kept(folder, _pairs(), ("b", "b")).a == ("Uno.", "Due.", "Tre.")


def test_pictures_become_small_ones(folder: RunFolder) -> None:
    """An image is kept as a thumbnail of at most 96 pixels, whatever its source was."""
    Image = pytest.importorskip("PIL.Image")
    pictures = [Image.new("RGB", size, "red") for size in ((300, 200), (10, 400), (20, 10))]
    found = _kept(folder, _pairs(Side("image", "image", pictures)))
    sizes = []
    for url in found.b:
        head, _, content = url.partition(",")
        assert head == "data:image/webp;base64"
        with Image.open(io.BytesIO(base64.b64decode(content))) as small:
            sizes.append(small.size)
    assert sizes == [(96, 64), (2, 96), (20, 10)]


def test_titles_are_kept_where_texts_may_be(folder: RunFolder) -> None:
    """What a reader calls the items comes back, also where others or none were written before; a license may forbid it."""
    titles = ("first", "", "third")
    for given in (None, titles, titles[::-1]):
        assert _kept(folder, _pairs(titles=given)).titles == (given or ())
    forbidden = _pairs(titles=titles, provenance={"may_be_shown": False})
    assert _kept(folder, forbidden).titles == ()


def test_what_a_license_forbids_is_not_kept(folder: RunFolder) -> None:
    """Of data that may not be shown names and groups are kept, and no text."""
    found = _kept(
        folder, _pairs(strata=STRATA, provenance={"may_be_shown": False, "license": "research only"})
    )
    assert not found.shown
    assert (found.a, found.b, found.ids, found.strata) == ((), (), ("a", "b", "c"), STRATA)
    assert "Uno." not in "".join(path.read_text() for path in folder.path.rglob("*.jsonl"))


def test_a_file_that_is_whole_is_not_written_again_and_one_that_says_more_is(folder: RunFolder) -> None:
    """The same items make no new file; a license that was changed does."""
    pairs = _pairs()
    _kept(folder, pairs)
    file = folder.path / items_file(pairs)
    before = file.stat().st_mtime_ns
    _kept(folder, pairs)
    assert file.stat().st_mtime_ns == before
    assert not _kept(folder, _pairs(provenance={"may_be_shown": False})).shown
    file.write_text("")
    assert _kept(folder, pairs).shown


def test_files_of_other_items_go(folder: RunFolder) -> None:
    """What the run no longer speaks of is deleted, and its checksum with it."""
    first, second = _pairs(), _pairs(strata=STRATA)
    _kept(folder, first)
    _kept(folder, second)
    folder.keep_items([items_file(second)])
    assert kept.noted(folder.path) == [items_file(second)]
    assert kept.problems(folder.path) == []
    folder.keep_items([])
    assert not list((folder.path / "items").iterdir())


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda file: file.unlink(), "it is missing"),
        (lambda file: file.write_text(file.read_text().replace("Uno", "Due")), "damaged or was changed"),
    ],
)
def test_damage_is_named(folder: RunFolder, damage: Any, match: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is not what was written is refused with the way to get it again."""
    pairs = _pairs()
    _kept(folder, pairs)
    damage(folder.path / items_file(pairs))
    monkeypatch.setattr(f"{__name__}.keep_items", lambda *_: None)
    with pytest.raises(StorageError, match=match):
        _kept(folder, pairs)


def test_items_of_another_result_and_of_another_version_are_refused(folder: RunFolder) -> None:
    """The file must list the items of the result, in their order, in the form that this version writes."""
    with pytest.raises(StorageError, match="other items"):
        _kept(folder, _pairs(), ids=("b", "a", "c"))
    pairs = _pairs()
    name = items_file(pairs)
    header = json.loads((folder.path / name).read_text().split("\n")[0])
    folder.write_items(name, [header, *({"name": i} for i in pairs.ids)])
    with pytest.raises(StorageError, match="not of this version"):
        _kept(folder, pairs)


@pytest.mark.parametrize("named", ["../secret.jsonl", "items/../../0123456789abcdef.jsonl", "config.json"])
def test_no_other_file_is_read(folder: RunFolder, named: str) -> None:
    """A result from elsewhere may name any file; only one of items within the folder is opened."""
    with pytest.raises(StorageError, match="which is none"):
        _kept(folder, _pairs(), named=named)


def test_results_of_items_are_packed_and_come_back_as_they_were(folder: RunFolder) -> None:
    """Ranks take less than two bytes each on disk, and names of items come back whole."""
    rng = np.random.default_rng(0)
    ranks = rng.integers(1, 1000, (2, 5, 1000)).astype(float)
    names = [f"Vers {i}: ünï" for i in range(1000)]
    result = xr.Dataset({"neighbor_rank": (("direction", "layer", "item"), ranks)}, {"item": names})
    folder.write_result("x", result)
    read = folder.read_result("x")
    assert read is not None
    assert read.identical(result)
    assert (folder.path / "results" / "x.nc").stat().st_size < 2 * ranks.size + 30_000
