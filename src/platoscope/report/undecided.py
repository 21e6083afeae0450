"""What stays undecided in runs, and whether more items would decide it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from platoscope.report.markdown import link_to, of_users, table
from platoscope.studies.judge.power import WITHIN_REACH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from platoscope.studies import Plan
    from platoscope.studies.design.records import Verdict

__all__ = ["list_undecided"]

_FEW, _NEAR, _NO_NUMBER = "too few items", "near its threshold", "no number of items"
_REASONS = {
    _FEW: "for lack of power (what was seen is more than a standard error from its threshold, so that at most "
    f"{WITHIN_REACH:.1f} times the items would decide it)",
    _NEAR: "because what was seen is within a standard error of its threshold, where the N that would decide it is a guess",
    _NO_NUMBER: "that no number of items within reach would decide, for the reason that the verdict gives",
}


def list_undecided(runs: Iterable[tuple[Plan, Sequence[Verdict], Mapping[str, Any]]], /) -> str:
    """List what was judged and not decided, and say of each whether items are what is missing.

    `runs` are plans with their verdicts and summaries.
    """
    judged, rows = 0, []
    for plan, verdicts, summary in runs:
        judged += sum(verdict.answer != "not computed here" for verdict in verdicts)
        for verdict in verdicts:
            if verdict.answer == "not decided":
                n, needed = _items(plan, verdict, summary), verdict.n_to_decide
                would = "–" if needed is None else f"{needed:,}"
                why = _NO_NUMBER if needed is None else _FEW if needed <= WITHIN_REACH * n else _NEAR
                rows.append([link_to(plan.study), of_users(verdict.statement), f"{n:,}", would, why])
    if not rows:
        return ""
    counts = Counter(row[-1] for row in rows)
    told = "; ".join(f"{counts[why]} {meaning}" for why, meaning in _REASONS.items() if counts[why])
    return "\n\n".join(
        [
            "## What stays undecided",
            f"Of {judged} statements that were judged, {len(rows)} are not decided: {told}.",
            table(["study", "statement", "items", "would decide", "why"], rows),
        ]
    )


def _items(plan: Plan, verdict: Verdict, summary: Mapping[str, Any], /) -> int:
    """Return the fewest items of the comparisons that a verdict is about; those asked for, where the run does not say."""
    rows = summary.get("rows", ())
    found = [row["n_samples"] for row in rows if row["label"] in verdict.needs or not verdict.needs]
    return min(found, default=plan.settings.n)
