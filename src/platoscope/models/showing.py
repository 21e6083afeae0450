"""What a loaded model shows of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platoscope.cards import card, cut

if TYPE_CHECKING:
    from platoscope.models.encoder import Encoder

__all__ = ["encoder_card", "encoder_in_short"]


def encoder_in_short(encoder: Encoder, /) -> str:
    """Return what one line says of a model."""
    facts = ", ".join(f"{name} {value}" for name, value in _facts(encoder).items() if value is not None)
    return f"<{type(encoder).__name__} {cut(encoder.name, 200)!r}: {facts}>"


def encoder_card(encoder: Encoder, /) -> str:
    """Return a model as HTML: what it reads, its layers, how it was loaded, provenance."""
    return card(f"{type(encoder).__name__} {encoder.name}", _facts(encoder), more=encoder.provenance)


def _facts(encoder: Encoder, /) -> dict[str, Any]:
    said = encoder.provenance
    return {
        "reads": encoder.modality,
        "layers": encoder.n_layers,
        "features": encoder.n_features or None,
        "longest item": None if encoder.max_tokens is None else f"{encoder.max_tokens:,} tokens",
        "dtype": said.get("dtype"),
        "device": said.get("device"),
    }
