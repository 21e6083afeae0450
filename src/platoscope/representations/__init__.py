"""Layer-wise representations: extracted from models, kept in a store, imported and exported."""

from platoscope.representations.extraction import extract
from platoscope.representations.representations import Aligned, Representations, align

__all__ = ["Aligned", "Representations", "align", "extract"]
