"""Models: from a name and a batch of items to pooled states of every layer.

Importing this package loads neither torch nor transformers; `load_model` does.
"""

from __future__ import annotations

from platoscope.models.catalog import ModelInfo, catalog
from platoscope.models.describing import describe_model
from platoscope.models.encoder import Encoder
from platoscope.models.loading import load_model
from platoscope.models.naming import name_of
from platoscope.models.on_demand import ModelOnDemand, Shelf
from platoscope.models.pooling import Pooling, parse_poolings
from platoscope.models.untrained import split_untrained, trained_name, untrained_name

__all__ = [
    "Encoder",
    "ModelInfo",
    "ModelOnDemand",
    "Pooling",
    "Shelf",
    "catalog",
    "describe_model",
    "load_model",
    "name_of",
    "parse_poolings",
    "split_untrained",
    "trained_name",
    "untrained_name",
]
