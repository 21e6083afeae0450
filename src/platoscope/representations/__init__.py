"""Layer-wise representations: extracted from models, kept in a store, imported and exported."""

from platoscope.models import ModelOnDemand
from platoscope.representations._group import LAYER_NAMES
from platoscope.representations._units import stored_bytes
from platoscope.representations.alignment import Aligned, align, token_counts
from platoscope.representations.engines import import_sglang, import_vllm
from platoscope.representations.exporting import export, to_dataset
from platoscope.representations.extraction import Wanted, extract, extract_together
from platoscope.representations.housekeeping import (
    ArrayRecord,
    Problem,
    StoreRecord,
    info,
    list_store,
    open_representations,
    remove,
    verify,
)
from platoscope.representations.importing import import_representations
from platoscope.representations.representations import Representations

__all__ = [
    "LAYER_NAMES",
    "Aligned",
    "ArrayRecord",
    "ModelOnDemand",
    "Problem",
    "Representations",
    "StoreRecord",
    "Wanted",
    "align",
    "export",
    "extract",
    "extract_together",
    "import_representations",
    "import_sglang",
    "import_vllm",
    "info",
    "list_store",
    "open_representations",
    "remove",
    "stored_bytes",
    "to_dataset",
    "token_counts",
    "verify",
]
