"""What damage and kills do: bits flipped in all that is kept, and work killed at any moment.

    python benchmarks/attack.py                               # all of it, printed: minutes on two cores (`make attack`)
    python benchmarks/attack.py --quick                       # a tenth of it, to try
    python benchmarks/attack.py --out docs/reliability.md     # and put into the page
    python benchmarks/attack.py --only flips                  # one section

Three things must never be seen: other numbers than before with nothing said (silent), a state that the same command or
`store rm` does not get out of (stuck), and an exception that is not Platoscope's own (traceback). Any of them makes the
exit code 1. A section is a function in `attacking/` that gives rows; `SECTIONS` lists them. POSIX only: it forks.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from attacking.flips import attack_files
from attacking.kills import attack_processes
from measuring.pages import put, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from attacking.rows import Row

SECTIONS: dict[str, Callable[[Path, float], list[Row]]] = {
    "flips": attack_files,
    "kills": attack_processes,
}


def table(rows: Sequence[Row], /) -> str:
    """Write rows as Markdown."""
    lines = ["| What | Done to | Times | Unharmed | Made again or refused | Silent | Stuck | Traceback |"]
    lines.append("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for row in rows:
        counts = [row.counts[name] for name in ("unharmed", "noticed", "silent", "stuck", "traceback")]
        lines.append(f"| {row.what} | {row.target} | {sum(counts)} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines)


def main() -> int:
    """Attack, print the table, and put it into the page if that is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--only", choices=SECTIONS, help="one section")
    parser.add_argument("--out", type=Path, help="page with a place for the table")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")  # every piece of damage makes one, as it should
    rows: list[Row] = []
    for name, attack in SECTIONS.items():
        if asked.only in (None, name):
            began = time.perf_counter()
            with tempfile.TemporaryDirectory() as scratch:
                rows += attack(Path(scratch), 0.1 if asked.quick else 1.0)
            print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
    print(table(rows))
    for row in rows:
        for example in row.examples:
            print(f"{row.what}, {row.target}: {example}", file=sys.stderr)
    if asked.out is not None:
        written = table(rows)
        if asked.only is not None:  # the rows of the other sections stay
            done = {f"| {row.what} " for row in rows}
            kept = [
                line
                for line in shown(asked.out, "attack").splitlines()[2:]
                if not line.startswith(tuple(done))
            ]
            written = "\n".join([written, *kept])
        put(asked.out, "attack", written)
    return int(any(row.counts[name] for row in rows for name in ("silent", "stuck", "traceback")))


if __name__ == "__main__":
    sys.exit(main())
