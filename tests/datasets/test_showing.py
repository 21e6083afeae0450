"""What pairs show of themselves: short as text, with small pictures as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from platoscope.datasets import Pairs, Side
from platoscope.datasets.images import LazyImages
from platoscope.datasets.pairs import FilterCount

if TYPE_CHECKING:
    from pathlib import Path


def test_the_text_counts_and_shows_the_first() -> None:
    """Counts, the first three pairs on one line each, and what filters dropped; the rest is not there."""
    long = ["in  two\nlines " + "word " * 10_000, *(f"text {i}" for i in range(999))]
    pairs = Pairs(
        "corpus",
        Side("en", "text", long),
        Side("it", "text", long),
        strata=tuple(str(i % 7) for i in range(1000)),
        counts=(
            FilterCount("source", 1010, 0),
            FilterCount("duplicates", 1000, 10),
            FilterCount("short", 1000, 0),
        ),
    )
    lines = repr(pairs).splitlines()
    assert lines[0] == "<Pairs 'corpus': 1,000 pairs, en (text) and it (text), in 7 strata>"
    assert lines[1].startswith("  0: 'in two lines word")
    assert lines[2:] == ["  1: 'text 0' | 'text 0'", "  2: 'text 1' | 'text 1'", "  of 1,010: duplicates −10"]
    assert len(repr(pairs)) < 500
    assert repr(pairs.b).startswith("<Side 'it': 1,000 texts: 'in two lines")
    assert repr(pairs.select([])).startswith(
        "<Pairs 'corpus': 0 pairs, en (text) and it (text), in 0 strata>"
    )


def test_images_are_small_pictures(tmp_path: Path) -> None:
    """HTML has thumbnails of the first three, and a sentence for what cannot be read; the text reads nothing."""
    rng = np.random.default_rng(0)
    files = []
    for i in range(5):
        path = tmp_path / f"{i}.png"
        Image.fromarray(rng.integers(0, 256, (400, 300, 3), np.uint8)).save(path)
        files.append(path)
    files[1].write_bytes(b"no picture")
    reads: list[int] = []

    def read(row: int) -> bytes:
        reads.append(row)
        return files[row].read_bytes()

    pairs = Pairs(
        "pictures", Side("image", "image", files), Side("again", "image", LazyImages(read, range(5)))
    )
    assert "0: 0.png | image" in repr(pairs)
    assert not reads
    html = pairs._repr_html_()
    assert html.count("data:image/webp") == 4
    assert "cannot be read as an image" in html
    assert len(html) < 60_000
    assert reads == [0, 1, 2]
