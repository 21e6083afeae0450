"""Checks that every measure shares."""

from __future__ import annotations

from typing import Any

from platoscope.errors import InputError
from platoscope.neighbors import OwnMetric, Space, Transform, as_space

__all__ = ["check_same_items", "two_spaces"]


def check_same_items(n_x: int, n_y: int, /) -> None:
    """Raise an `InputError` unless both sides have the same number of rows."""
    if n_x != n_y:
        message = (
            f"X and Y must describe the same items: got {n_x} and {n_y} rows. "
            "Align them by id first (platoscope.representations.align)."
        )
        raise InputError(message)


def two_spaces(
    X: Any, Y: Any, metric: str | OwnMetric, /, *, transform: Transform = "none"
) -> tuple[Space, Space]:
    """Return both representations prepared for `metric`, of the same items."""
    A, B = (as_space(Z, name, metric, transform) for Z, name in ((X, "X"), (Y, "Y")))
    check_same_items(A.n_samples, B.n_samples)
    return A, B
