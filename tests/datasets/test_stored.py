"""The project's own form on disk: written whole, read back equal."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from platoscope.datasets import Pairs, Side, load_pairs, write_pairs
from platoscope.errors import InputError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_text_comes_back_equal(toy: Pairs, tmp_path: Path) -> None:
    """Names, ids, strata, provenance and counts survive; loading appends its own counts."""
    again = load_pairs(str(write_pairs(toy, tmp_path / "new" / "toy")))
    assert (again.name, again.a, again.b, again.ids, again.strata) == (
        toy.name,
        toy.a,
        toy.b,
        toy.ids,
        toy.strata,
    )
    assert again.provenance == toy.provenance
    assert again.counts[: len(toy.counts)] == toy.counts
    assert again.fingerprint() == toy.fingerprint()


def test_titles_come_back_and_are_no_part_of_the_content(toy: Pairs, tmp_path: Path) -> None:
    """What a reader calls the pairs is written, stays with its pair, and changes no fingerprint."""
    titles = tuple(f"title {i}" if i else "" for i in range(len(toy)))
    named = replace(toy, titles=titles)
    assert named.fingerprint() == toy.fingerprint()
    again = load_pairs(str(write_pairs(named, tmp_path / "named")))
    assert again.titles == titles
    assert again.select([1, 0]).titles == (titles[1], "")
    with pytest.raises(InputError, match=rf"titles must have one value per pair \({len(toy)}\), got 1"):
        replace(toy, titles=("one",))


def test_awkward_text_comes_back_equal(tmp_path: Path) -> None:
    """Line ends, tabs, quotes, separators and other scripts within a text survive."""
    texts = ["a\nb", 'c\t"d"', "e\u2028f\u0085g", "日本語 🏂", "h\\n"]
    pairs = Pairs("x", Side("id", "text", texts), Side("id", "text", texts))
    assert load_pairs(str(write_pairs(pairs, tmp_path / "x"))).fingerprint() == pairs.fingerprint()


def test_images_are_copied_as_they_are(tmp_path: Path, encode: Callable[..., bytes]) -> None:
    """Paths and bytes keep their bytes; an open image becomes a PNG of the same pixels."""
    file = tmp_path / "p.PNG"
    file.write_bytes(encode(0))
    images = [file, encode(1, "JPEG"), encode(2, "WEBP")]
    pairs = Pairs("x", Side("image", "image", images), Side("en", "text", list("abc")))
    again = load_pairs(str(write_pairs(pairs, tmp_path / "x")))
    assert again.fingerprint() == pairs.fingerprint()
    assert [path.suffix for path in again.a] == [".png", ".jpg", ".webp"]
    opened = Pairs("y", Side("a", "image", [Image.new("RGB", (2, 2), "red")]), Side("b", "text", ["red"]))
    from_open = load_pairs(str(write_pairs(opened, tmp_path / "y")))
    with Image.open(from_open.a[0]) as image:
        assert image.getpixel((0, 0)) == (255, 0, 0)


def test_a_stored_set_can_be_read_by_other_columns(toy: Pairs, tmp_path: Path) -> None:
    """Columns given in the specification win over those recorded."""
    folder = write_pairs(toy, tmp_path / "toy")
    assert load_pairs(f"{folder}:it,en")[0] == ("uno", "one")


def test_nothing_is_overwritten_and_nothing_is_left_half_written(toy: Pairs, tmp_path: Path) -> None:
    """A folder in use is refused; a failure leaves no trace."""
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "x").touch()
    with pytest.raises(StorageError, match="exists already"):
        write_pairs(toy, tmp_path / "used")
    gone = Pairs("x", Side("i", "image", [tmp_path / "gone.png"]), Side("t", "text", ["a"]))
    with pytest.raises(StorageError, match="cannot be written"):
        write_pairs(gone, tmp_path / "half")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["used"]
    (tmp_path / "empty").mkdir()
    assert load_pairs(str(write_pairs(toy, tmp_path / "empty"))).a == toy.a


@pytest.mark.parametrize(
    "content",
    ["[]", '"x"', "{nope", '{"format": 1, "counts": [3]}', '{"format": 1, "sides": 7}', "[" * 100_000],
)
def test_a_header_of_another_kind_is_a_sentence(tmp_path: Path, content: str) -> None:
    """Whatever stands in dataset.json, the error names the file."""
    folder = write_pairs(Pairs("t", Side("en", "text", ["a"]), Side("it", "text", ["b"])), tmp_path / "t")
    (folder / "checksums.txt").unlink()
    (folder / "dataset.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"dataset\.json .* Make the folder again"):
        load_pairs(str(folder))


def test_an_unknown_format_is_refused(toy: Pairs, tmp_path: Path) -> None:
    """A header of a later version, or a damaged one, is named."""
    folder = write_pairs(toy, tmp_path / "toy")
    (folder / "checksums.txt").unlink()
    header = folder / "dataset.json"
    header.write_text(json.dumps({"format": 99}), encoding="utf-8")
    with pytest.raises(InputError, match="has the format 99; this version reads 1"):
        load_pairs(str(folder))
    header.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="not valid JSON"):
        load_pairs(str(folder))


def test_a_flipped_bit_in_any_file_is_found(tmp_path: Path, encode: Callable[..., bytes]) -> None:
    """Text, header, images and checksums: the file is named, and how to keep a change that was meant."""
    images = Side("image", "image", [encode(0), encode(1)])
    folder = write_pairs(Pairs("x", images, Side("en", "text", ["one", "two"])), tmp_path / "x")
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    assert len(files) == 5
    for file in files:
        content = file.read_bytes()
        middle = len(content) // 2
        file.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        with pytest.raises(StorageError, match="is damaged or was changed: .*remove .*checksums.txt"):
            load_pairs(str(folder))
        file.write_bytes(content)
    (folder / "pairs.jsonl").write_text('{"image": "images/000000_a.png", "en": "three"}\n')
    (folder / "checksums.txt").unlink()
    assert list(load_pairs(str(folder)).b) == ["three"]


def test_what_was_killed_is_swept(toy: Pairs, tmp_path: Path) -> None:
    """A folder that no living process works in goes when the next one is written beside it."""
    left = tmp_path / ".draft-killed"
    (left / "content").mkdir(parents=True)
    (left / "lock").touch()
    folder = write_pairs(toy, tmp_path / "toy")
    assert list(tmp_path.iterdir()) == [folder]
