"""ImageNet-1k: pairs of images of one class, as in the paper's Figure 6a."""

from __future__ import annotations

from platoscope.datasets.classes import same_class_pairs
from platoscope.datasets.pairs import FilterCount, Pairs, Side
from platoscope.datasets.request import DatasetInfo, DatasetSource, Request, no_variant
from platoscope.datasets.sources._hub import INSTALL, installed, lazy_images, open_table

__all__ = ["SOURCE"]

HUB_ID = "ILSVRC/imagenet-1k"
REVISION = "49e2ee26f3810fb5a7536bbf732a7b07389a47b5"


def load(request: Request) -> Pairs:
    """Load same-class pairs of the validation split, by default one pair of each of the 1,000 classes.

    Images stay where they are until one is asked for. The class is the stratum.
    """
    no_variant(request)
    table, origin = open_table(
        request, HUB_ID, config=None, split="validation", revision=REVISION, columns=["image", "label"]
    )
    labels = table["label"][:]
    chosen = request.options.pairs_per_class
    per_class = 1 if chosen is None else chosen
    seed = request.options.seed or 0
    drawn = same_class_pairs(labels, per_class=per_class, seed=seed)
    names = getattr(table.features["label"], "names", None)
    strata = [str(names[labels[i]]) if names else str(labels[i]) for i, _ in drawn]
    return Pairs(
        name="imagenet",
        a=Side("image_a", "image", lazy_images(table, "image", [i for i, _ in drawn])),
        b=Side("image_b", "image", lazy_images(table, "image", [j for _, j in drawn])),
        ids=tuple(f"{i}-{j}" for i, j in drawn),
        strata=tuple(strata),
        provenance={
            **origin,
            "license": "ImageNet terms of access (research only)",
            "may_be_shown": False,
            "strata": "class",
            "pairs_per_class": per_class,
            "seed": seed,
        },
        counts=(
            FilterCount("source", len(labels) // 2, 0, f"{len(labels)} images of {len(set(labels))} classes"),
            FilterCount(
                "same class", len(drawn), len(labels) // 2 - len(drawn), f"{per_class} pairs per class"
            ),
        ),
    )


def info() -> DatasetInfo:
    """Describe the source."""
    return DatasetInfo(
        name="imagenet",
        variants=(),
        default=None,
        sides="image-image",
        description="ImageNet-1k, two images of a class, no image twice; by default one pair of each class.",
        license="ImageNet terms of access (research only)",
        how_to_get=f"{INSTALL}; accept the terms of {HUB_ID} and log in (hf auth login), or imagenet@FOLDER",
        available=installed(),
        on_hub=True,
    )


SOURCE = DatasetSource("imagenet", load, info, frozenset({"split", "revision", "pairs_per_class", "seed"}))
