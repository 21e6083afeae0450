"""Specifications: one notation for every source, and errors that help."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from platoscope.datasets import dataset_info, list_datasets, load_pairs, most_pairs, write_pairs
from platoscope.datasets.load import SOURCES
from platoscope.errors import InputError, MissingExtraError, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("spec", "error", "text"),
    [
        ("nowhere", NotFoundError, "neither a data set nor a file.*bible, libreoffice"),
        ("nowhere.jsonl", NotFoundError, r"neither a data set nor a file\. Data sets"),
        ("bibel:en-it", NotFoundError, r"neither a data set nor a file\. Did you mean 'bible'\? Data sets"),
        ("bible:", InputError, "with nothing after the mark"),
        ("bible@", InputError, "with nothing after the mark"),
        ("bible:en", InputError, "two different languages, as in bible:en-it; got 'en'"),
        ("bible:en-en", InputError, "two different languages"),
        ("bible:en-it-es", InputError, "two different languages"),
        ("bible:en-xx", NotFoundError, "no language 'xx'; it has en, it, es, fr, de"),
        ("imagenet:val", InputError, "no variants, got 'val'. A local copy is written imagenet@FOLDER"),
        ("stamps:xx", NotFoundError, "no variant 'xx'; it has en, it"),
    ],
)
def test_what_is_not_understood_is_explained(spec: str, error: type[Exception], text: str) -> None:
    """The message says what was given and what there is."""
    with pytest.raises(error, match=text):
        load_pairs(spec)


@pytest.mark.parametrize(
    ("spec", "command"),
    [
        ("emoji", "npm pack emoji-datasource-google@16.0.0 .*, then platoscope data prepare emoji"),
        ("emoji-captions:it", "npm pack emoji-datasource-google@16.0.0"),
        ("stamps:it@/nowhere/at/all", "apt-get install tuxpaint-stamps-default"),
        ("libreoffice:en-de@/nowhere/at/all", "apt-get install libreoffice-help-en-us libreoffice-help-de"),
    ],
)
def test_missing_packages_come_with_their_command(spec: str, command: str) -> None:
    """What is not there is named together with the exact command that gets it."""
    with pytest.raises(MissingExtraError, match=command):
        load_pairs(spec)


def test_no_pair_left_is_an_error(tmp_path: Path) -> None:
    """Where every picture is missing or every text is empty, the message says what was dropped and why."""
    path = tmp_path / "t.csv"
    path.write_text("image,en\na.png,one\nb.png,two\n", encoding="utf-8")
    with pytest.raises(
        InputError, match=r"of the 2 pairs of .* none is left.*unreadable images 2 first: .*a\.png"
    ):
        load_pairs(str(path))
    path.write_text("it,en\n ,one\n ,two\n", encoding="utf-8")
    with pytest.raises(InputError, match="none is left. Dropped: empty 2 a text of white space only"):
        load_pairs(str(path))


def test_options_that_do_not_apply_are_refused() -> None:
    """An option that would silently do nothing is an error that lists those that apply."""
    with pytest.raises(InputError, match="columns does not apply to 'bible'; it takes none"):
        load_pairs("bible", columns=("a", "b"))
    with pytest.raises(InputError, match="seed does not apply to 'opus_books'; it takes revision, split"):
        load_pairs("opus_books", seed=1)
    with pytest.raises(InputError, match="two names, one for each side; got 'en'"):
        load_pairs("x.tmx", columns="en")


def test_the_listing_describes_every_source() -> None:
    """Each source has a description, a license and a way to get it, and says whether it is there."""
    listed = {info.name: info for info in list_datasets()}
    assert list(listed) == list(SOURCES)
    assert next(iter(listed)) == "bible", "the default stands first"
    assert all(info.description and info.license and info.how_to_get for info in listed.values())
    assert {info.sides for info in listed.values()} == {"text-text", "image-text", "image-image"}
    assert not listed["emoji"].available


def test_a_specification_finds_its_description(tmp_path: Path) -> None:
    """Variant, folder and `same:` do not hide the name; a folder decides about what is there."""
    for spec, name in (("bible:en-it", "bible"), ("same:stamps:it", "stamps"), ("emoji@/nowhere", "emoji")):
        info = dataset_info(spec)
        assert info is not None
        assert info.name == name
    elsewhere = [dataset_info(f"emoji@{folder}") for folder in (tmp_path, tmp_path / "nowhere")]
    assert [info.available for info in elsewhere if info is not None] == [True, False]
    assert dataset_info("pairs.jsonl:en,it") is None


def test_same_text_stands_on_both_sides(tmp_path: Path) -> None:
    """`same:` puts side `a` on both sides; only its own repeats are duplicates."""
    path = tmp_path / "t.csv"
    path.write_text("en,it\none,uno\ntwo,uno\none,due\n", encoding="utf-8")
    pairs = load_pairs(f"same:{path}")
    assert list(pairs) == [("one", "one"), ("two", "two")]
    assert pairs.a.fingerprint() == pairs.b.fingerprint()
    assert pairs.name == f"same:{path}"


def test_loading_a_data_set_does_not_load_heavy_libraries() -> None:
    """Importing the package brings neither torch nor the libraries that only some sources need."""
    code = (
        "import sys, platoscope.datasets; "
        "heavy = ('torch', 'transformers', 'datasets', 'PIL', 'pandas', 'pyarrow', 'scipy', 'zarr'); "
        "print([m for m in heavy if m in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert out.stdout.strip() == "[]"


def test_the_lines_of_a_file_bound_its_pairs(tmp_path: Path) -> None:
    """Rows of a table and lines of aligned texts are counted; what only loading tells is left open."""
    (tmp_path / "t.jsonl").write_text('{"en": "a", "it": "b"}\n\n{"en": "c", "it": "d"}\n')
    (tmp_path / "t.csv").write_text("en,it\na,b\n")
    for name in ("c.en", "c.it"):
        (tmp_path / name).write_text("a\n\nb\n")
    (tmp_path / "t.tmx").write_text("<tmx/>")
    write_pairs(load_pairs(str(tmp_path / "t.jsonl")), tmp_path / "folder")
    expected = {"t.jsonl": 2, "t.jsonl:en,it": 2, "t.csv": 1, f"c.en,{tmp_path}/c.it": 3, "folder": 2}
    expected |= {"t.tmx": None, "nowhere.jsonl": None}
    assert {spec: most_pairs(f"{tmp_path}/{spec}") for spec in expected} == expected
    assert most_pairs(f"same:{tmp_path}/t.jsonl") == 2
    assert most_pairs("bible:en-it") is None
