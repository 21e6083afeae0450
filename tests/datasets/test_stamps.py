"""Tux Paint's stamps: images and their captions by language."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platoscope.datasets import load_pairs
from platoscope.datasets.folders import debian_folder
from platoscope.datasets.sources.stamps import INSIDE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def stamps(tmp_path: Path, encode: Callable[..., bytes]) -> Path:
    """Give a heron, a flower twice, a stamp without Italian, one without caption, and a letter."""
    root = tmp_path / INSIDE
    captions = {
        "animals/birds/heron": "A heron.\nfr.utf8=Un héron.\nit.utf8=Un airone. \n",
        "plants/flower": "A flower.\nit.utf8=Un fiore.\n",
        "plants/flower2": "A flower.\nit.utf8=Un altro fiore.\n",
        "food/pie": "A pie.\nit.utf8=\nita.utf8=no\n",
        "food/mirror": None,
        "symbols/a": "The letter A.\nit.utf8=La lettera A.\n",
    }
    for seed, (name, caption) in enumerate(captions.items()):
        path = root / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(seed))
        if caption is not None:
            path.with_suffix(".txt").write_text(caption, encoding="utf-8")
    return tmp_path


def test_captions_by_language(stamps: Path) -> None:
    """English is the first line, the others are marked; symbols are no objects."""
    italian = load_pairs(f"stamps:it@{stamps}")
    assert list(italian.b) == ["Un airone.", "Un fiore.", "Un altro fiore."]
    assert italian.ids[0] == "animals/birds/heron"
    assert italian.strata == ("animals", "plants", "plants")
    assert [(count.step, count.kept, count.dropped) for count in italian.counts[:2]] == [
        ("source", 5, 0),
        ("captioned", 3, 2),
    ]


def test_repeated_captions_are_dropped(stamps: Path) -> None:
    """Two flowers of one caption are one pair; the bare name is English."""
    english = load_pairs(f"stamps@{stamps / INSIDE}")
    assert list(english.b) == ["A heron.", "A pie.", "A flower."]
    assert english.counts[-1].dropped == 1


@pytest.mark.bundled
@pytest.mark.usefixtures("real_data")
def test_the_real_stamps() -> None:
    """Tux Paint's package has 498 stamps of different English captions outside symbols."""
    if debian_folder(INSIDE, None) is None:
        pytest.skip("needs apt-get install tuxpaint-stamps-default")
    assert len(load_pairs("stamps:en")) == 498
