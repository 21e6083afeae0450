"""Pairs of things that mean the same: sentences and translations, images and captions, one text twice."""

from platoscope.datasets.counting import most_pairs
from platoscope.datasets.filters import (
    drop_duplicates,
    drop_empty,
    drop_unreadable,
    equal_size,
    filter_lengths,
    tokens_per_character,
)
from platoscope.datasets.images import LazyImages, open_image, thumbnail
from platoscope.datasets.load import dataset_info, list_datasets, load_pairs
from platoscope.datasets.near_duplicates import drop_close, drop_near_duplicates
from platoscope.datasets.pairs import FilterCount, Pairs, Side, require
from platoscope.datasets.prepare import prepare_data, prepared_folders
from platoscope.datasets.request import DatasetInfo
from platoscope.datasets.stored import write_pairs
from platoscope.datasets.words import shuffle_words

__all__ = [
    "DatasetInfo",
    "FilterCount",
    "LazyImages",
    "Pairs",
    "Side",
    "dataset_info",
    "drop_close",
    "drop_duplicates",
    "drop_empty",
    "drop_near_duplicates",
    "drop_unreadable",
    "equal_size",
    "filter_lengths",
    "list_datasets",
    "load_pairs",
    "most_pairs",
    "open_image",
    "prepare_data",
    "prepared_folders",
    "require",
    "shuffle_words",
    "thumbnail",
    "tokens_per_character",
    "write_pairs",
]
