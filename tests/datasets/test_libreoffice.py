"""LibreOffice's help: paragraphs as a reader sees them, aligned on page and id."""

from __future__ import annotations

from pathlib import Path

import pytest

from platoscope.datasets import dataset_info, list_datasets, load_pairs
from platoscope.datasets.folders import debian_folder
from platoscope.datasets.sources.libreoffice import INSIDE
from platoscope.errors import MissingExtraError, NotFoundError

PAGE = """<!DOCTYPE html><html><head><title>t</title>
<script>var x = "<p id='no'>no</p>";</script></head><body>
<header><a class="logo" href="x"><p dir="auto">LibreOffice 7.4 Help</p></a></header>
<div id="DisplayArea">{body}</div><footer><p id="bm_module" dir="auto"></p></footer></body></html>"""


def _page(root: Path, language: str, name: str, body: str) -> None:
    path = root / language / "text" / f"{name}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PAGE.format(body=body), encoding="utf-8")


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """Two languages of two pages, as `dpkg -x` leaves them."""
    root = tmp_path / "unpacked" / INSIDE
    _page(
        root,
        "en-US",
        "swriter/main",
        '<h1 id="hd_1">Title</h1><p id="par_1">Press <span class="switchinline">'
        '<span hidden="true" id="MACx" class="MAC"><span class="k">Cmd</span></span>'
        '<span hidden="true" id="defaultx"><span class="k">Ctrl</span></span></span>'
        "\n +&nbsp;F1 &amp; <i>wait</i>.<br>Then go.</p>"
        '<p id="par_2">Unclosed<p id="par_3">LibreOffice</p><p>No id</p><p id="par_1">Again the first id</p>'
        '<p id="par_4"> </p><p id="par_5">English only</p>',
    )
    _page(
        root,
        "it",
        "swriter/main",
        '<p id="par_1">Premi Ctrl + F1.</p><div><p id="par_2">Non chiuso</p></div>'
        '<p id="par_3">LibreOffice</p>'
        '<p id="par_4">Vuoto</p>',
    )
    _page(
        root,
        "en-US",
        "scalc/a",
        '<p id="par_1">Only in <span class="switchinline"><span id="CALCx">Calc</span></span></p>',
    )
    _page(root, "it", "scalc/a", '<p id="par_1">Solo in Calc</p>')
    return tmp_path / "unpacked"


def test_paragraphs_align_on_page_and_id(unpacked: Path) -> None:
    """Entities, breaks and switches read as on the screen; no heading, script or unshared id comes along."""
    pairs = load_pairs(f"libreoffice:en-it@{unpacked}")
    assert dict(zip(pairs.ids, pairs, strict=True)) == {
        "scalc/a#par_1": ("Only in Calc", "Solo in Calc"),
        "swriter/main#par_1": ("Press Ctrl +\u00a0F1 & wait. Then go.", "Premi Ctrl + F1."),
        "swriter/main#par_2": ("Unclosed", "Non chiuso"),
    }
    assert pairs.strata == ("scalc", "swriter", "swriter")
    assert pairs.provenance["version"] == "LibreOffice 7.4 Help"


def test_untranslated_paragraphs_are_dropped_and_counted(unpacked: Path) -> None:
    """A text equal in both languages is no translation."""
    pairs = load_pairs(f"libreoffice:it-en@{unpacked / INSIDE}")
    assert [(count.step, count.kept, count.dropped) for count in pairs.counts[:2]] == [
        ("source", 4, 0),
        ("untranslated", 3, 1),
    ]


def test_one_language_for_two_models(unpacked: Path) -> None:
    """`same:libreoffice:en` keeps what has no translation."""
    pairs = load_pairs(f"same:libreoffice:en@{unpacked}")
    assert list(pairs.a) == list(pairs.b)
    assert "English only" in list(pairs.a)


def test_missing_languages_are_named_with_their_package(unpacked: Path) -> None:
    """The command names the package of each language."""
    with pytest.raises(MissingExtraError, match=r"needs the package 'libreoffice-help-hu'.*apt-get install"):
        load_pairs(f"libreoffice:en-hu@{unpacked}")
    (unpacked / INSIDE / "de" / "text").mkdir(parents=True)
    with pytest.raises(NotFoundError, match="help pages of en and de share no paragraph"):
        load_pairs(f"libreoffice:en-de@{unpacked}")


def test_packages_unpacked_in_the_data_folder_are_found(
    unpacked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder `debian` in the data folder is searched where nothing is installed."""
    if Path("/", INSIDE).is_dir():
        pytest.skip("the help is installed on this machine and comes first")
    data = unpacked.parent / "data"
    data.mkdir()
    unpacked.rename(data / "debian")
    monkeypatch.setenv("PLATOSCOPE_DATA", str(data))
    assert len(load_pairs("libreoffice:en-it")) == 3
    assert next(info for info in list_datasets() if info.name == "libreoffice").available


def test_every_installed_language_is_taken(unpacked: Path) -> None:
    """Names with a dash are written with an underscore, and help of a language that is in no table is found."""
    for name in ("zh-TW", "nn"):
        _page(unpacked / INSIDE, name, "scalc/a", f'<p id="par_1">{name} 只在</p>')
    assert list(load_pairs(f"libreoffice:en-zh_TW@{unpacked}").b) == ["zh-TW 只在"]
    assert list(load_pairs(f"libreoffice:nn-zh_TW@{unpacked}").a) == ["nn 只在"]
    with pytest.raises(NotFoundError, match="no language 'uk'; it has en, it.*zh_TW, nn"):
        load_pairs(f"libreoffice:en-uk@{unpacked}")


def test_a_link_to_another_language_is_no_language(unpacked: Path) -> None:
    """Debian's Slovak help is a link to the Czech one; English with it would be English with Czech."""
    (unpacked / INSIDE / "sk").symlink_to("it")
    with pytest.raises(NotFoundError, match="no language 'sk'"):
        load_pairs(f"libreoffice:en-sk@{unpacked}")


def test_each_pair_of_languages_is_available_or_not(unpacked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two languages that are there do not make a third one available; its own package is named."""
    if Path("/", INSIDE).is_dir():
        pytest.skip("the help is installed on this machine and comes first")
    (unpacked.parent / "data").mkdir()
    unpacked.rename(unpacked.parent / "data" / "debian")
    monkeypatch.setenv("PLATOSCOPE_DATA", str(unpacked.parent / "data"))
    here, gone = dataset_info("libreoffice:en-it"), dataset_info("libreoffice:en-zh_TW")
    assert here is not None
    assert gone is not None
    assert here.available
    assert not gone.available
    assert "libreoffice-help-zh-tw" in gone.how_to_get


@pytest.mark.bundled
@pytest.mark.usefixtures("real_data")
def test_the_real_help_has_thousands_of_paragraphs() -> None:
    """Installed help of English and Italian gives far more pairs than the paper's studies need."""
    if not all(debian_folder(INSIDE, None, holding=f"{name}/text") for name in ("en-US", "it")):
        pytest.skip("needs apt-get install libreoffice-help-en-us libreoffice-help-it")
    pairs = load_pairs("libreoffice:en-it")
    assert pairs.counts[0].kept > 40_000
    assert len(pairs) > 25_000
    assert not any('class="' in text or "  " in text for side in (pairs.a, pairs.b) for text in side)
