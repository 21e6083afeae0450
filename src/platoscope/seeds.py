"""Where chance comes from: the generator of an argument `rng`, and what a result says of it."""

from __future__ import annotations

import numpy as np

from platoscope.checks import whole_number

__all__ = ["fresh_seed", "generator", "seeded"]


def generator(rng: object, /) -> np.random.Generator:
    """Return the generator itself, or that of a seed (None draws one).

    Raises
    ------
    InputError
        If it is neither a generator nor a whole number of at least 0.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    return np.random.default_rng(None if rng is None else whole_number("rng", rng, low=0))


def fresh_seed() -> int:
    """Draw a seed, so that even an unseeded result says how to get it again."""
    return int(np.random.SeedSequence().generate_state(1)[0])


def seeded(rng: int | np.random.Generator | None, /) -> tuple[np.random.Generator, str]:
    """Return a generator, and what to write down as its seed.

    Raises
    ------
    InputError
        As `generator`.
    """
    if rng is None:
        rng = fresh_seed()
    if isinstance(rng, np.random.Generator):
        return rng, "a generator passed by the caller"
    return generator(rng), str(rng)
