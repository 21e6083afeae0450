"""Data sets of the hub, read from local folders of the same format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from platoscope.datasets import LazyImages, load_pairs
from platoscope.errors import InputError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

datasets = pytest.importorskip("datasets", reason="needs datasets: pip install 'platoscope[models]'")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the library write its copies into the test's folder, and leave the network alone."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()


@pytest.fixture
def books(tmp_path: Path) -> Path:
    """Opus Books as the hub lays it out: one folder per pair, a column `translation`."""
    rows = [("one", "uno"), (" two ", "due"), ("three", "uno"), ("four", None)]
    table = datasets.Dataset.from_dict(
        {"id": list("0123"), "translation": [{"en": en, "it": it} for en, it in rows]},
        features=datasets.Features(
            {"id": datasets.Value("string"), "translation": datasets.Translation(languages=["en", "it"])}
        ),
    )
    folder = tmp_path / "opus_books"
    (folder / "en-it").mkdir(parents=True)
    table.to_parquet(folder / "en-it" / "train-00000-of-00001.parquet")
    return folder


def _images(encode: Callable[..., bytes], n: int) -> list[dict[str, Any]]:
    return [{"bytes": encode(seed, "JPEG"), "path": f"{seed}.jpg"} for seed in range(n)]


@pytest.fixture
def imagenet(tmp_path: Path, encode: Callable[..., bytes]) -> Path:
    """Nine images of three classes as the hub lays them out: `data/validation-*`, `image` and `label`."""
    labels = datasets.ClassLabel(names=["tench", "goldfish", "shark"])
    table = datasets.Dataset.from_dict(
        {"image": _images(encode, 9), "label": [0, 1, 0, 1, 0, 1, 0, 1, 2]},
        features=datasets.Features({"image": datasets.Image(), "label": labels}),
    )
    folder = tmp_path / "imagenet"
    (folder / "data").mkdir(parents=True)
    for shard in range(2):
        name = f"validation-0000{shard}-of-00002.parquet"
        table.shard(2, shard, contiguous=True).to_parquet(folder / "data" / name)
    return folder


@pytest.fixture
def flickr(tmp_path: Path, encode: Callable[..., bytes]) -> Path:
    """Three images with five captions each, saved by the library itself."""
    table = datasets.Dataset.from_dict(
        {
            "image": _images(encode, 3),
            "caption": [[f"Caption {i} of {n} ." for i in range(5)] for n in range(3)],
            "img_id": ["10", "20", "30"],
        },
        features=datasets.Features(
            {
                "image": datasets.Image(),
                "caption": datasets.List(datasets.Value("string")),
                "img_id": datasets.Value("string"),
            }
        ),
    )
    folder = tmp_path / "flickr"
    datasets.DatasetDict({"test": table}).save_to_disk(folder)
    return folder


def test_opus_books_in_either_order(books: Path) -> None:
    """The hub's one folder per pair serves both orders; empty translations and repeats are counted."""
    pairs = load_pairs(f"opus_books:en-it@{books}")
    assert list(pairs) == [("one", "uno"), ("two", "due")]
    assert [(count.step, count.dropped) for count in pairs.counts] == [
        ("source", 0),
        ("empty", 1),
        ("duplicates", 1),
    ]
    assert list(load_pairs(f"opus_books:it-en@{books}")) == [("uno", "one"), ("due", "two")]
    assert pairs.provenance["source"] == "Helsinki-NLP/opus_books"


def test_imagenet_gives_pairs_of_a_class(imagenet: Path, encode: Callable[..., bytes]) -> None:
    """By default one pair per class, all images once, read from the shards only when asked for."""
    pairs = load_pairs(f"imagenet@{imagenet}")
    assert pairs.strata == ("tench", "goldfish")
    assert isinstance(pairs.a.items, LazyImages)
    every = load_pairs(f"imagenet@{imagenet}", pairs_per_class=9, seed=1)
    assert every.strata == ("tench", "tench", "goldfish", "goldfish")
    shown = {*every.a, *every.b}
    assert shown == {encode(seed, "JPEG") for seed in range(8)}
    assert every.provenance["pairs_per_class"] == 9
    assert every.ids != load_pairs(f"imagenet@{imagenet}", pairs_per_class=9, seed=2).ids


def test_flickr_captions_are_joined(flickr: Path) -> None:
    """Five captions become one description beside their image."""
    pairs = load_pairs(f"flickr30k@{flickr}")
    assert pairs.b[1] == " ".join(f"Caption {i} of 1 ." for i in range(5))
    assert pairs.ids == ("10", "20", "30")
    assert (pairs.a.modality, pairs.b.modality) == ("image", "text")


def test_what_is_for_research_only_may_not_be_shown(imagenet: Path, flickr: Path, books: Path) -> None:
    """Pictures under such terms stay out of what a run passes on; books whose texts are free do not."""
    forbidden = {
        name: load_pairs(name).may_be_shown for name in (f"imagenet@{imagenet}", f"flickr30k@{flickr}")
    }
    assert set(forbidden.values()) == {False}
    assert load_pairs(f"opus_books:en-it@{books}").may_be_shown


def test_one_saved_table_and_plain_parquet_work_too(flickr: Path, tmp_path: Path) -> None:
    """What `save_to_disk` wrote for one split, and Parquet files without subfolders, are read alike."""
    table = datasets.load_from_disk(str(flickr))["test"]
    table.save_to_disk(tmp_path / "split")
    (tmp_path / "plain").mkdir()
    table.to_parquet(tmp_path / "plain" / "test.parquet")
    prints = {
        load_pairs(f"flickr30k@{folder}").fingerprint()
        for folder in (flickr, tmp_path / "split", tmp_path / "plain")
    }
    assert len(prints) == 1


def test_what_is_not_there_is_named(books: Path, imagenet: Path) -> None:
    """A wrong folder, a missing column, a split that does not exist: one sentence each."""
    with pytest.raises(StorageError, match="no Parquet file of the split 'train'"):
        load_pairs(f"opus_books:en-fr@{books}")
    with pytest.raises(StorageError, match="no Parquet file of the split 'test'"):
        load_pairs(f"imagenet@{imagenet}", split="test")
    (imagenet / "data" / "test-0.parquet").write_bytes(
        (books / "en-it" / "train-00000-of-00001.parquet").read_bytes()
    )
    with pytest.raises(InputError, match="lacks the column 'image'; it has id, translation"):
        load_pairs(f"flickr30k@{imagenet}")


def test_a_split_that_is_not_saved_is_named(flickr: Path) -> None:
    """What `save_to_disk` wrote for several splits lists those it has."""
    with pytest.raises(InputError, match=r"no split 'validation'; it has test\. Choose one with split="):
        load_pairs(f"flickr30k@{flickr}", split="validation")


def test_the_hub_out_of_reach_is_explained() -> None:
    """Offline, the message names the data set, its pinned revision, and the way to a local copy."""
    with pytest.raises(StorageError, match=r"opus_books \(revision 1f9f6191.*opus_books:en-it@FOLDER"):
        load_pairs("opus_books:en-it")
