"""Translation memories: segments as text, languages by their codes, no entities."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from platoscope.datasets import load_pairs
from platoscope.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

MEMORY = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4"><header srclang="en"/><body>
<tu tuid="t1">
 <tuv xml:lang="en-US"><seg> Press <bpt i="1">&lt;b&gt;</bpt>F1<ept
 i="1">&lt;/b&gt;</ept> &amp; wait.</seg></tuv>
 <tuv xml:lang="it"><seg>Premi <hi>F1</hi> e aspetta.</seg></tuv>
 <tuv xml:lang="de"><seg>Drücke F1.</seg></tuv>
</tu>
<tu tuid="t2"><tuv xml:lang="en-US"><seg>English only</seg></tuv></tu>
<tu tuid="t3"><tuv lang="EN-us"><seg>Old</seg></tuv><tuv lang="IT"><seg>Vecchio</seg></tuv></tu>
</body></tmx>
"""


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    """Give a memory of three units, one of them without Italian."""
    path = tmp_path / "m.tmx"
    path.write_text(MEMORY, encoding="utf-8")
    return path


def test_two_languages_of_each_unit(memory: Path) -> None:
    """Inline codes are no text, highlighted text is; a plain code finds its regional form."""
    pairs = load_pairs(f"{memory}:en,it")
    assert list(pairs) == [("Press F1 & wait.", "Premi F1 e aspetta."), ("Old", "Vecchio")]
    assert pairs.ids == ("t1", "t3")
    assert [(count.step, count.dropped) for count in pairs.counts[:2]] == [
        ("source", 0),
        ("both languages", 1),
    ]


def test_a_memory_of_two_languages_needs_no_choice(memory: Path) -> None:
    """Its languages are the sides, in the order of its first unit; compression changes nothing."""
    german = ' <tuv xml:lang="de"><seg>Drücke F1.</seg></tuv>\n'
    memory.write_text(MEMORY.replace(german, ""), encoding="utf-8")
    packed = memory.with_name("m.tmx.gz")
    packed.write_bytes(gzip.compress(memory.read_bytes()))
    plain = load_pairs(str(memory))
    assert (plain.a.name, plain.b.name) == ("en-us", "it")
    assert load_pairs(str(packed)).fingerprint() == plain.fingerprint()


def test_more_languages_ask_which(memory: Path) -> None:
    """The first two of three would be a guess; the message lists all and how to say which."""
    with pytest.raises(InputError, match=r"languages de, en-us, it: say which two.*m\.tmx:A,B"):
        load_pairs(str(memory))


def test_entities_of_html_are_their_characters(memory: Path) -> None:
    """Where the file names a DTD, an entity of HTML is read as its character, and no other is lost in silence."""
    memory.write_text(MEMORY.replace("Vecchio", "Perch&eacute;&nbsp;citt&agrave;"), encoding="utf-8")
    assert load_pairs(f"{memory}:en,it").b[1] == "Perché\xa0città"
    memory.write_text(MEMORY.replace("Vecchio", "&company;"), encoding="utf-8")
    with pytest.raises(InputError, match="entity 'company', which it does not define"):
        load_pairs(f"{memory}:en,it")


@pytest.mark.parametrize("encoding", ["klingon", "hex", "utf-7", "big5"])
def test_encodings_that_no_parser_knows_are_a_sentence(tmp_path: Path, encoding: str) -> None:
    """Python's own errors of encodings become one that names the file."""
    path = tmp_path / "e.tmx"
    path.write_text(f'<?xml version="1.0" encoding="{encoding}"?><tmx>+é</tmx>', encoding="utf-8")
    with pytest.raises(
        InputError, match=r"e\.tmx (is not well-formed XML: .* Write it again as UTF-8|has no pairs)"
    ):
        load_pairs(str(path))


def test_absent_languages_are_named_with_those_there(memory: Path) -> None:
    """The message lists the languages of the memory."""
    with pytest.raises(NotFoundError, match="both 'en' and 'hu'; its languages: de, en-us, it"):
        load_pairs(f"{memory}:en,hu")


def test_entity_bombs_and_broken_files_are_refused(tmp_path: Path) -> None:
    """A declared entity is an error before it is expanded, and so is XML that ends early."""
    bomb = tmp_path / "bomb.tmx"
    bomb.write_text('<!DOCTYPE tmx [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><tmx>&b;</tmx>', encoding="utf-8")
    with pytest.raises(InputError, match="declares the XML entity 'a'"):
        load_pairs(str(bomb))
    broken = tmp_path / "broken.tmx"
    broken.write_text(MEMORY[:400], encoding="utf-8")
    with pytest.raises(InputError, match="not well-formed XML"):
        load_pairs(str(broken))
    single = tmp_path / "single.tmx"
    single.write_text(MEMORY.split('<tu tuid="t1">')[0] + "</body></tmx>", encoding="utf-8")
    with pytest.raises(InputError, match="has two languages, so there are no pairs"):
        load_pairs(str(single))
