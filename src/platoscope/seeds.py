"""Where chance comes from: the generator of an argument `rng`, and what a result says of it."""

from __future__ import annotations

import numpy as np

from platoscope.checks import whole_number

__all__ = ["fresh_seed", "generator", "seed_in_words", "seeded"]


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


def seeded(rng: int | np.random.Generator | None, /) -> tuple[np.random.Generator, int | None]:
    """Return a generator, and the seed that gives it again; None of one that was passed, whose seed is not known.

    Raises
    ------
    InputError
        As `generator`.
    """
    seed = fresh_seed() if rng is None else rng
    return generator(seed), None if isinstance(seed, np.random.Generator) else int(seed)


def seed_in_words(seed: int | None, /) -> str:
    """Write down what `seeded` says of a seed."""
    return "a generator passed by the caller" if seed is None else str(seed)
