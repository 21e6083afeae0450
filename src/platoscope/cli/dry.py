"""What `platoscope run --dry-run` prints: the plans, and what they would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.cli.output import print_json, print_table, print_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platoscope.studies import Plan

__all__ = ["check_places", "print_plans"]


def check_places(store: str | None, cluster: str | None, /) -> None:
    """Refuse what a run would not take for a store or a cluster, without opening either."""
    from platoscope.cluster import check_cluster
    from platoscope.representations.housekeeping import check_store

    check_store(store)
    check_cluster(cluster)


def print_plans(plans: Sequence[Plan], /, *, calibrate: bool, cluster: str | None, as_json: bool) -> None:
    """Print what would be done, and what it would cost here: what workers elsewhere take, this machine does not know."""
    from platoscope.studies.plan.estimates import estimate
    from platoscope.studies.plan.planning import PlanRow

    told = estimate(plans)
    if calibrate:
        from platoscope.studies.run.calibrating import comparing_seconds

        told = told.with_comparing(comparing_seconds(plans))
    tables = {plan.study.name: plan.describe() for plan in plans}
    if len(plans) > 1 or calibrate:
        title = "all of them, what they share counted once" if len(plans) > 1 else "calibrated here"
        tables[title] = [PlanRow("cost", name, value) for name, value in told.rows()]
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
