"""A folder with a folder of images for each class: pairs of one class, no image twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.datasets.classes import same_class_pairs
from platoscope.datasets.images import IMAGE_SUFFIXES
from platoscope.datasets.pairs import FilterCount, Pairs, Side
from platoscope.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from platoscope.datasets.request import DatasetOptions

__all__ = ["load_image_folder"]


def load_image_folder(root: Path, options: DatasetOptions, /) -> Pairs:
    """Load same-class pairs; the class, which is the name of the subfolder, is the stratum.

    Parameters
    ----------
    root : Path
        `root/CLASS/...images...`; images in deeper folders belong to the class of the first.
    options : DatasetOptions
        `pairs_per_class` (by default all that the images give) and `seed` (0).

    Raises
    ------
    InputError
        If there are no classes with two images.
    """
    images = [
        path
        for path in sorted(root.rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES and len(path.relative_to(root).parts) > 1
    ]
    labels = [path.relative_to(root).parts[0] for path in images]
    seed = options.seed or 0
    drawn = same_class_pairs(labels, per_class=options.pairs_per_class, seed=seed)
    if not drawn:
        message = (
            f"{root} must hold a folder of at least two images for each class, or a pairs.jsonl; "
            f"found {len(images)} images in {len(set(labels))} class folders."
        )
        raise InputError(message)
    note = f"{len(images)} images of {len(set(labels))} classes, {len(images) - 2 * len(drawn)} left over"
    return Pairs(
        name=root.name,
        a=Side("image_a", "image", [images[i] for i, _ in drawn]),
        b=Side("image_b", "image", [images[j] for _, j in drawn]),
        ids=tuple(f"{images[i].relative_to(root).as_posix()} {images[j].name}" for i, j in drawn),
        strata=tuple(labels[i] for i, _ in drawn),
        provenance={
            "source": str(root),
            "license": "not stated",
            "strata": "class",
            "pairs_per_class": options.pairs_per_class,
            "seed": seed,
        },
        counts=(FilterCount("source", len(drawn), 0, note),),
    )
