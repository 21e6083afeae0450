"""Flickr30k: photographs with five captions each, joined into one description as in the paper."""

from __future__ import annotations

from platoscope.datasets.pairs import FilterCount, Pairs, Side
from platoscope.datasets.request import DatasetInfo, DatasetSource, Request, no_variant
from platoscope.datasets.sources._hub import INSTALL, installed, lazy_images, open_table

__all__ = ["SOURCE"]

# A Parquet copy of nlphuji/flickr30k, whose loading script current versions of `datasets` refuse to run.
HUB_ID = "lmms-lab/flickr30k"
REVISION = "0d6d9049be2e08261be315e731e0d8054c1d1c03"


def load(request: Request) -> Pairs:
    """Load images (side `a`) and their captions joined by a space (side `b`)."""
    no_variant(request)
    table, origin = open_table(
        request, HUB_ID, config=None, split="test", revision=REVISION, columns=["image", "caption"]
    )
    captions = [
        " ".join(caption.strip() for caption in row) if not isinstance(row, str) else row.strip()
        for row in table["caption"]
    ]
    ids = table["img_id"] if "img_id" in table.column_names else range(len(captions))
    return Pairs(
        name="flickr30k",
        a=Side("image", "image", lazy_images(table, "image", range(len(captions)))),
        b=Side("caption", "text", captions),
        ids=tuple(str(identifier) for identifier in ids),
        provenance={
            **origin,
            "license": "Flickr terms of use (research only)",
            "may_be_shown": False,
            "languages": ["en"],
        },
        counts=(FilterCount("source", len(captions), 0, "images with their captions joined"),),
    )


def info() -> DatasetInfo:
    """Describe the source."""
    return DatasetInfo(
        name="flickr30k",
        variants=(),
        default=None,
        sides="image-text",
        description="31,783 photographs, each with its five English captions joined.",
        license="Flickr terms of use (research only)",
        how_to_get=f"{INSTALL}; downloads {HUB_ID} (4.4 GB), or flickr30k@FOLDER",
        available=installed(),
        on_hub=True,
    )


SOURCE = DatasetSource("flickr30k", load, info, frozenset({"split", "revision"}))
