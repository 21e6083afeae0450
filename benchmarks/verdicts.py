"""How often each rule of the verdicts errs, on made-up profiles whose truth is known.

    python benchmarks/verdicts.py                              # all of it, printed: five minutes of one core
    python benchmarks/verdicts.py --out docs/verdicts.md       # and put into the page
    python benchmarks/verdicts.py --jobs 4                     # by four processes
    python benchmarks/verdicts.py --only minimum --repeats 50  # rules whose name has the word, to try
    python benchmarks/verdicts.py --power                      # the spread that `platoscope plan` rests on

Of each rule three shares are printed, at each N: held where the statement is true (bar: at least 0.8), held where
it is false (at most 0.05; the worst of the ways in which it is false here), and did not hold where it is true (at
most 0.05). `measuring/made_up.py` says how profiles are made, `measuring/statements.py` what is true and false.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from measuring.pages import put

if TYPE_CHECKING:
    from collections.abc import Sequence

    from measuring.statements import Case

SIZES = (500, 1000)
HELD_TRUE, HELD_FALSE, FAILED_TRUE = 0.8, 0.05, 0.05


@dataclass(frozen=True)
class Shares:
    """What a rule answered at one N."""

    held_true: float
    held_false: float
    failed_true: float

    @property
    def missed(self) -> bool:
        """Tell whether a bar is missed."""
        return self.held_true < HELD_TRUE or self.held_false > HELD_FALSE or self.failed_true > FAILED_TRUE

    def cells(self) -> list[str]:
        """Give the cells of a table, what misses its bar in bold."""
        told = (
            (self.held_true, self.held_true < HELD_TRUE),
            (self.held_false, self.held_false > HELD_FALSE),
            (self.failed_true, self.failed_true > FAILED_TRUE),
        )
        return [f"**{value:.2f}**" if missed else f"{value:.2f}" for value, missed in told]


def measure(case: Case, n_samples: int, *, repeats: int, n_resamples: int) -> Shares:
    """Judge a statement `repeats` times on each of its truths."""
    from measuring.made_up import draw

    answers = [
        [
            case.statement.check(
                draw(truths, n_samples, n_resamples, np.random.default_rng([seed, n_samples]))
            ).answer
            for seed in range(repeats)
        ]
        for truths in (case.true, *case.false)
    ]
    return Shares(
        np.mean([answer == "held" for answer in answers[0]]),
        max(np.mean([answer == "held" for answer in each]) for each in answers[1:]),
        np.mean([answer == "did not hold" for answer in answers[0]]),
    )


def measure_one(name: str, /, *, options: argparse.Namespace) -> list[Shares]:
    """Measure the rule of that name at every N; a process of its own finds the case again by its name."""
    from measuring.statements import CASES

    case = next(case for case in CASES if case.name == name)
    return [measure(case, n, repeats=options.repeats, n_resamples=options.resamples) for n in options.n]


def table(rows: Sequence[tuple[str, list[Shares]]], sizes: Sequence[int]) -> str:
    """Write the table, and the names of the rules that miss a bar."""
    head = [
        f"{what}, N = {n:,}" for n in sizes for what in ("held, true", "held, false", "did not hold, true")
    ]
    lines = [f"| rule | {' | '.join(head)} |", f"| --- |{' --- |' * len(head)}"]
    lines += [
        f"| {name} | {' | '.join(cell for one in shares for cell in one.cells())} |" for name, shares in rows
    ]
    missed = [
        f"{name} (N = {' and '.join(f'{n:,}' for n, one in zip(sizes, shares, strict=True) if one.missed)})"
        for name, shares in rows
        if any(one.missed for one in shares)
    ]
    told = f"Missing a bar: {'; '.join(missed)}." if missed else "No rule misses a bar."
    return "\n".join([*lines, "", told])


def main() -> None:
    """Measure the chosen rules."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="WORD", help="rules whose name has one of these words")
    parser.add_argument("--repeats", type=int, default=200, help="profiles per truth")
    parser.add_argument("--resamples", type=int, help="subsamples per profile; those of studies by default")
    parser.add_argument("--n", type=int, nargs="+", default=SIZES, help="numbers of items")
    parser.add_argument("--jobs", type=int, default=1, help="processes that share the rules")
    parser.add_argument("--out", type=Path, metavar="PAGE", help="page whose table is replaced")
    parser.add_argument(
        "--power", action="store_true", help="measure the spread of Δ from draw to draw instead"
    )
    options = parser.parse_args()
    if options.power:
        from measuring.spread import spread

        print("\n".join(spread()))
        return
    from measuring.statements import CASES
    from platoscope.studies import Settings

    options.resamples = options.resamples or Settings().n_resamples
    names = [
        case.name for case in CASES if not options.only or any(word in case.name for word in options.only)
    ]
    rows = []
    with ProcessPoolExecutor(options.jobs) as pool:
        for name, shares in zip(names, pool.map(partial(measure_one, options=options), names), strict=True):
            rows.append((name, shares))
            print(name, *(cell for one in shares for cell in one.cells()), flush=True)
    text = table(rows, options.n)
    if options.out is None:
        print(text)
        return
    put(options.out, "verdicts", text)


if __name__ == "__main__":
    main()
