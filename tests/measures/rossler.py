"""Two coupled Rössler systems: X drives Y, and Y does not drive X.

Plain floats, each operation by itself: the systems are chaotic, and whatever rounds otherwise ends elsewhere.
"""

from __future__ import annotations

import numpy as np

_EVERY = 100  # steps of integration between two kept points
_STEP = 0.01
_BURN_IN = 200  # points


def _velocity(state, coupling):
    x1, x2, x3, y1, y2, y3 = state
    return (
        -1.015 * x2 - x3,
        1.015 * x1 + 0.15 * x2,
        0.2 + x3 * (x1 - 10.0),
        -0.985 * y2 - y3 + coupling * (x1 - y1),
        0.985 * y1 + 0.15 * y2,
        0.2 + y3 * (y1 - 10.0),
    )


def _moved(state, by, velocity):
    return tuple(s + by * v for s, v in zip(state, velocity, strict=True))


def coupled_rossler(n_points=400, *, coupling=0.15):
    """Return X and Y, each of shape (n_points, 3), by Runge-Kutta of fourth order."""
    state = (1.5, 1.25, 1.0, 1.75, 1.125, 1.875)
    kept = []
    for step in range((_BURN_IN + n_points) * _EVERY):
        k1 = _velocity(state, coupling)
        k2 = _velocity(_moved(state, _STEP / 2, k1), coupling)
        k3 = _velocity(_moved(state, _STEP / 2, k2), coupling)
        k4 = _velocity(_moved(state, _STEP, k3), coupling)
        state = tuple(
            s + _STEP / 6 * (a + 2 * b + 2 * c + d)
            for s, a, b, c, d in zip(state, k1, k2, k3, k4, strict=True)
        )
        if step % _EVERY == _EVERY - 1:
            kept.append(state)
    found = np.array(kept[_BURN_IN:])
    return found[:, :3], found[:, 3:]
