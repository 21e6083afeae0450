"""``platoscope models``: the models that have a name here."""

from __future__ import annotations

from platoscope.cli.options import AsJson  # noqa: TC001  # Typer reads annotations when it runs
from platoscope.cli.output import print_json, print_table

__all__ = ["models"]


def models(*, as_json: AsJson = False) -> None:
    """List the models of the paper and of the bundle; any other hub id, folder or GGUF file works too."""
    from platoscope.models import catalog
    from platoscope.wording import in_bytes

    known = catalog()
    if as_json:
        print_json(known)
        return
    rows = [
        (
            model.name if model.tower is None else f"{model.name} ({model.tower})",
            model.modality,
            model.n_layers,
            model.n_features,
            in_bytes(model.memory(model.dtype)),
            model.license,
            model.command or model.notes,
        )
        for model in known
    ]
    print_table(("model", "reads", "layers", "width", "weights", "license", "install, notes"), rows)
