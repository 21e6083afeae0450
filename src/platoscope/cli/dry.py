"""What `platoscope run --dry-run` prints: the plans, and what they would cost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from platoscope.cli.output import print_json, print_table, print_text
from platoscope.errors import StorageError
from platoscope.filenames import why_no_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from platoscope.studies import Plan
    from platoscope.studies.plan.planning import PlanRow

__all__ = ["check_places", "print_plans"]

_TIMED = ("time", "comparing")
_COMPILING = "compiling"  # has been done where comparisons were timed


def check_places(folders: Iterable[Path], store: str | None, cluster: str | None, /) -> None:
    """Refuse what a run would not take for its folder, a store or a cluster, without opening any."""
    from platoscope.cluster import check_cluster
    from platoscope.representations.housekeeping import check_store

    for folder in folders:
        reason = why_no_folder(folder, to_write=True)
        if reason is not None:
            message = f"cannot write {folder}: {reason}. Choose another folder with --out."
            raise StorageError(message)
    check_store(store)
    check_cluster(cluster)


def print_plans(plans: Sequence[Plan], /, *, calibrate: bool, cluster: str | None, as_json: bool) -> None:
    """Print what would be done, and what it would cost here: what workers elsewhere take, this machine does not know."""
    from platoscope.studies.plan.estimates import estimate
    from platoscope.studies.plan.planning import PlanRow

    told = estimate(plans)
    tables = {plan.study.name: plan.describe() for plan in plans}
    if calibrate:
        from platoscope.studies.run.calibrating import comparing_seconds

        told = told.with_comparing(comparing_seconds(plans))
        here = {name: f"{value}; calibrated" for name, value in told.rows() if name in _TIMED}
        tables = {name: list(_calibrated(rows, here, alone=len(plans) == 1)) for name, rows in tables.items()}
    if len(plans) > 1:
        every = [PlanRow("cost", name, value) for name, value in told.rows()]
        if calibrate:
            every = list(_calibrated(every, here, alone=True))
        tables["all of them, what they share counted once"] = every
    if cluster is not None:
        alone = PlanRow("cost", "cluster", f"{cluster}; time and memory are those of one process here")
        tables = {name: [*rows, alone] for name, rows in tables.items()}
    if as_json:
        print_json([{"study": name, "plan": rows} for name, rows in tables.items()])
        return
    for place, (name, rows) in enumerate(tables.items()):
        if place:
            print_text("")
        print_table(("", name, ""), [(row.section, row.item, row.detail) for row in rows])


def _calibrated(rows: Iterable[PlanRow], here: Mapping[str, str], /, *, alone: bool) -> Iterator[PlanRow]:
    """Put what was timed in the place of what was guessed; of several plans only their sum was timed."""
    for row in rows:
        if row.section != "cost" or row.item not in (*_TIMED, _COMPILING):
            yield row
        elif alone and row.item in here:
            yield replace(row, detail=here[row.item])
