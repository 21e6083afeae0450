"""Image folders by class, and how same-class pairs are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platoscope.datasets import load_pairs
from platoscope.datasets.classes import same_class_pairs
from platoscope.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


@given(st.lists(st.sampled_from("abc")), st.integers(0, 5))
def test_pairs_share_their_class_and_no_item(labels: list[str], seed: int) -> None:
    """Each class of n items gives n // 2 pairs, and no item is used twice."""
    pairs = same_class_pairs(labels, seed=seed)
    used = [i for pair in pairs for i in pair]
    assert len(set(used)) == len(used)
    assert all(labels[i] == labels[j] for i, j in pairs)
    assert len(pairs) == sum(labels.count(label) // 2 for label in set(labels))
    assert pairs == same_class_pairs(labels, seed=seed)
    assert len(same_class_pairs(labels, seed=seed, per_class=1)) == sum(
        labels.count(x) > 1 for x in set(labels)
    )


def test_folders_are_classes(image_classes: Path) -> None:
    """Five cats and four dogs give two pairs each; a lone eel gives none; the class is the stratum."""
    pairs = load_pairs(str(image_classes))
    assert pairs.strata == ("cat", "cat", "dog", "dog")
    assert pairs.counts[0].note == "10 images of 3 classes, 2 left over"
    assert all(a.parent == b.parent for a, b in pairs)
    assert len({*pairs.a, *pairs.b}) == 8


def test_seed_and_pairs_per_class(image_classes: Path) -> None:
    """The draw is reproducible and can be limited; the seed is in the provenance."""
    one = load_pairs(str(image_classes), pairs_per_class=1, seed=3)
    assert one.strata == ("cat", "dog")
    assert one == load_pairs(str(image_classes), pairs_per_class=1, seed=3)
    assert one.provenance["seed"] == 3
    assert len({load_pairs(str(image_classes), seed=seed).ids for seed in range(8)}) > 1


def test_unreadable_images_are_counted(image_classes: Path) -> None:
    """A broken file costs its pair, and the count says so."""
    (image_classes / "dog" / "0.png").write_bytes(b"broken")
    pairs = load_pairs(str(image_classes))
    assert [(count.step, count.dropped) for count in pairs.counts] == [
        ("source", 0),
        ("unreadable images", 1),
        ("duplicates", 0),
    ]


def test_a_folder_without_classes_is_explained(tmp_path: Path) -> None:
    """The message says what a folder must hold."""
    with pytest.raises(InputError, match=r"two images for each class, or a pairs\.jsonl"):
        load_pairs(str(tmp_path))
    with pytest.raises(InputError, match="pairs_per_class must be a whole number, at least 1; got 0"):
        same_class_pairs("aa", per_class=0)
