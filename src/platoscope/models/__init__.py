"""Models: from a name and a batch of items to pooled states of every layer.

Importing this package loads neither torch nor transformers; `load_model` does.
"""

from __future__ import annotations

from platoscope.models.encoder import Encoder
from platoscope.models.loading import load_model
from platoscope.models.pooling import Pooling, parse_poolings

__all__ = ["Encoder", "Pooling", "load_model", "parse_poolings"]
