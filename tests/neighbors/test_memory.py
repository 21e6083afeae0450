"""Memory that is at hand is that of the machine, or less where control groups say so."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from platoscope.control_groups import Groups
from platoscope.errors import MemoryPlanError
from platoscope.neighbors import _memory, available_memory, require_memory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

V1 = "4:memory:/job/step\n3:cpu,cpuacct:/job\n"


def _groups(folder: Path, listed: str, files: Mapping[str, str]) -> Groups:
    for name, text in files.items():
        path = folder / "mount" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "listed").write_text(listed)
    return Groups(folder / "listed", folder / "mount")


@pytest.mark.parametrize(
    ("listed", "files", "left"),
    [
        ("0::/\n", {"memory.max": "1000\n", "memory.current": "300\n"}, 700),
        ("0::/\n", {"memory.max": "max\n", "memory.current": "300\n"}, math.inf),
        ("0::/\n", {"memory.max": "1000\n", "memory.current": "1200\n"}, 0),
        (
            "0::/\n",
            {
                "memory.max": "1000\n",
                "memory.current": "900\n",
                "memory.stat": "anon 500\ninactive_file 400\n",
            },
            500,
        ),
        (
            "0::/a/b\n",
            {
                "a/memory.max": "1000\n",
                "a/memory.current": "800\n",
                "a/b/memory.max": "600\n",
                "a/b/memory.current": "100\n",
            },
            200,
        ),
        ("0::/not/seen/from/here\n", {"memory.max": "1000\n", "memory.current": "300\n"}, 700),
        (
            V1,
            {
                "memory/job/step/memory.limit_in_bytes": "9223372036854771712\n",
                "memory/job/step/memory.usage_in_bytes": "300\n",
                "memory/job/memory.limit_in_bytes": "1000\n",
                "memory/job/memory.usage_in_bytes": "700\n",
                "memory/job/memory.stat": "inactive_file 1\ntotal_inactive_file 100\n",
            },
            400,
        ),
        (V1, {"cpu/job/memory.limit_in_bytes": "1\n", "cpu/job/memory.usage_in_bytes": "0\n"}, math.inf),
    ],
)
def test_the_group_that_leaves_least_counts(
    tmp_path: Path, listed: str, files: Mapping[str, str], left: float
) -> None:
    """Groups of both versions are read, the ones above the own one as well; files that are not in use count as free."""
    assert _memory.left_in_groups(_groups(tmp_path, listed, files)) == left


@pytest.mark.parametrize(("left", "available"), [(5_000, 5_000), (0, 1), (math.inf, None)])
def test_a_group_lowers_what_the_machine_has(
    monkeypatch: pytest.MonkeyPatch, left: float, available: int | None
) -> None:
    """What a group leaves is what there is, and a full group is not one that says nothing."""
    monkeypatch.setattr(_memory, "left_in_groups", lambda _: left)
    monkeypatch.setattr(_memory, "_left_on_machine", lambda: 1e9)
    assert available_memory() == (available or 1e9)


def test_a_plan_over_the_limit_of_a_group_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is computed, and with the way out."""
    monkeypatch.setattr(_memory, "left_in_groups", lambda _: 2e9)
    with pytest.raises(
        MemoryPlanError, match=r"needs 3\.0 GB of memory and [\d.]+ GB are available\. Take fewer"
    ):
        require_memory(3_000_000_000, "A matrix", "Take fewer items.")


def test_what_needs_next_to_nothing_reads_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small arrays are prepared by the thousand; from where it could matter on, the limit is asked for."""
    monkeypatch.setattr(_memory, "available_memory", lambda: 1)
    require_memory(16 << 20, "A matrix", "Take fewer items.")
    with pytest.raises(MemoryPlanError, match=r"^A matrix needs"):
        require_memory((16 << 20) + 1, "A matrix", "Take fewer items.")
