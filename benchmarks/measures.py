"""What the measures cost, against the matrix products that they need and against other packages.

    python benchmarks/measures.py --peers peers/bin/python --out docs/performance.md   # all of it: half an hour
    python benchmarks/measures.py --only pair grid                                     # some sections, printed
    python benchmarks/measures.py --only nulls --quick                                 # small sizes, to try

Both sides of a ratio run in one process or in two that wait for each other, in turn, on ``--cores`` cores;
medians. Peers live in an environment of their own (DADApy needs NumPy 1):

    python -m venv peers
    peers/bin/pip install dadapy==0.3.4 calibrated-similarity==0.1.1 repsim==0.1.5 ckatorch==1.0.3 pytorch-cka==1.1.3

Virtual machines may give freed memory back to their host, and wait for it when it is needed again. ``--keep-memory``
leaves that out, of both sides. The table does not say so.

Without ``--peers`` the section of that name is left out. ``--out`` replaces the table of a page; rows of sections
that were not run stay.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from dataclasses import replace
from pathlib import Path

from measuring import SECTIONS

KEEPS_FREED = "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184"


def main() -> None:
    """Run the chosen sections."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="SECTION",
                        help=", ".join(SECTIONS))  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="small sizes, for which no bar is meant")
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter of the environment with the peers")
    parser.add_argument("--cores", type=int, default=2, help="cores that everything runs on")
    parser.add_argument(
        "--large", type=int, nargs="+", metavar="N", help="item counts of the section 'large'"
    )
    parser.add_argument("--layers", type=int, metavar="L", help="layers of either side of a grid (33)")
    parser.add_argument(
        "--ways", nargs="+", metavar="WAY", help="transforms of the section 'transform' (all)"
    )
    parser.add_argument("--repeats", type=int, metavar="TIMES", help="turns of a pair (7), a third for grids")
    parser.add_argument("--keep-memory", action="store_true",
                        help="let the process keep the memory that it frees, of either side (glibc)")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="PAGE", help="page whose table is replaced")
    options = parser.parse_args()
    if options.keep_memory and os.environ.get("GLIBC_TUNABLES") != KEEPS_FREED:
        os.environ["GLIBC_TUNABLES"] = KEEPS_FREED  # read when a process begins
        os.execv(sys.executable, [sys.executable, *sys.argv])
    # Before NumPy and its BLAS count the cores; other processes that are started here inherit it.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    _run(options)


def _run(options: argparse.Namespace) -> None:
    from measuring.table import HEADER, Row, Sizes, machine, write_into

    sizes = (
        Sizes(800, 512, 256, 5, (4000, 8000), 10, (20, 100), 3)
        if options.quick
        else Sizes(3000, 4096, 2048, 33, (10_000, 20_000, 40_000, 100_000), 200, (200, 1000), 7)
    )
    if options.large:
        sizes = replace(sizes, large=tuple(options.large))
    if options.layers:
        sizes = replace(sizes, n_layers=options.layers)
    if options.repeats:
        sizes = replace(sizes, repeats=options.repeats)
    print(f"{machine()}\n\n{HEADER}", flush=True)
    rows: list[Row] = []
    for name in options.only:
        if name == "peers" and not options.peers:
            continue
        module = importlib.import_module(f"measuring.{SECTIONS[name]}")
        section = getattr(module, name.replace("-", "_"), None) or getattr(module, f"{name}_")
        for row in section(sizes, options):
            if options.quick:
                row = replace(row, bar="")
            print(row, flush=True)
            rows.append(row)
    if options.out:
        write_into(options.out, rows)


if __name__ == "__main__":
    main()
