"""What came of an attack."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Row"]

_EXAMPLES = 3


@dataclass
class Row:
    """One kind of attack on one kind of thing.

    Parameters
    ----------
    what : str
        What is done: "one bit flipped".
    target : str
        To what.
    counts : Counter
        How often it ended ``unharmed`` (everything is as before), ``noticed`` (refused with a sentence, or made again),
        ``silent`` (something else came out), ``stuck`` (it cannot be put right), or in a ``traceback``.
    examples : list of str
        The first few that should not have been.
    """

    what: str
    target: str
    counts: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def add(self, outcome: str, detail: str = "", /) -> None:
        """Count one attack."""
        self.counts[outcome] += 1
        if outcome not in ("unharmed", "noticed") and len(self.examples) < _EXAMPLES:
            self.examples.append(f"{outcome}: {detail}")
