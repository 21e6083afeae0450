"""Small data, made by the tests themselves."""

from __future__ import annotations

import io
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from platoscope.datasets import Pairs, Side
from platoscope.datasets.folders import data_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_data_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's data folder and the hub's cache out of the tests."""
    monkeypatch.setenv("PLATOSCOPE_DATA", str(tmp_path_factory.mktemp("data")))


@pytest.fixture
def real_data(_own_data_folder: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give real data back to a test: the folder `$TEST_BUNDLED_DATA`, or else the user's data folder.

    It may hold Debian packages unpacked into `debian`, and npm tarballs (`*.tgz`).
    """
    folder = os.environ.get("TEST_BUNDLED_DATA")
    if folder is None:
        monkeypatch.delenv("PLATOSCOPE_DATA")
    else:
        monkeypatch.setenv("PLATOSCOPE_DATA", folder)
    return data_folder()


@pytest.fixture
def toy() -> Pairs:
    """Six pairs of text in two strata."""
    english = ["one", "two", "three", "four", "five", "six"]
    italian = ["uno", "due", "tre", "quattro", "cinque", "sei"]
    return Pairs(
        "toy",
        Side("en", "text", english),
        Side("it", "text", italian),
        ids=tuple("abcdef"),
        strata=tuple("xxxyyy"),
        provenance={"source": "the tests"},
    )


@pytest.fixture
def encode() -> Callable[..., bytes]:
    """Give the bytes of a small image of random pixels, which the seed tells apart."""

    def encoded(seed: int, kind: str = "PNG") -> bytes:
        pixels = np.random.default_rng(seed).integers(0, 256, size=(5, 7, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind)
        return buffer.getvalue()

    return encoded


@pytest.fixture
def image_classes(tmp_path: Path, encode: Callable[..., bytes]) -> Path:
    """Give a folder of three classes with 5, 4 and 1 images."""
    root = tmp_path / "classes"
    seed = 0
    for name, size in (("cat", 5), ("dog", 4), ("eel", 1)):
        (root / name).mkdir(parents=True)
        for number in range(size):
            (root / name / f"{number}.png").write_bytes(encode(seed))
            seed += 1
    return root
