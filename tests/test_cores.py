"""The cores that may be used are those of the affinity, or fewer where control groups say so."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from platoscope import cores
from platoscope.control_groups import Groups
from platoscope.cores import available_cores, granted_cores

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def _granted(folder: Path, groups: str, files: Mapping[str, str]) -> float:
    for name, text in files.items():
        path = folder / "mount" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "groups").write_text(groups)
    return granted_cores(Groups(folder / "groups", folder / "mount"))


V1 = "4:memory:/job\n3:cpu,cpuacct:/job/step\n"


@pytest.mark.parametrize(
    ("groups", "files", "granted"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000\n"}, math.inf),
        ("0::/a/b\n", {"a/cpu.max": "200000 100000\n", "a/b/cpu.max": "max 100000\n"}, 2.0),
        ("0::/a/b\n", {"a/cpu.max": "200000 100000\n", "a/b/cpu.max": "50000 100000\n"}, 0.5),
        ("0::/not/seen/from/here\n", {"cpu.max": "300000 100000\n"}, 3.0),
        (V1, {"cpu/job/cpu.cfs_quota_us": "400000\n", "cpu/job/cpu.cfs_period_us": "100000\n"}, 4.0),
        (V1, {"cpu/job/cpu.cfs_quota_us": "-1\n", "cpu/job/cpu.cfs_period_us": "100000\n"}, math.inf),
        (V1, {"memory/job/cpu.max": "100000 100000\n"}, math.inf),
    ],
)
def test_the_smallest_quota_on_the_way_to_the_group_counts(
    tmp_path: Path, groups: str, files: Mapping[str, str], granted: float
) -> None:
    """Groups of both versions are read, the ones above the own one as well, also where a container hides the way."""
    assert _granted(tmp_path, groups, files) == granted


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    """Where the system has none, the affinity decides."""
    assert granted_cores(Groups(tmp_path / "nothing", tmp_path)) == math.inf


@pytest.mark.parametrize(("granted", "used"), [(2.5, 2), (0.5, 1), (math.inf, 8), (64.0, 8)])
def test_a_quota_lowers_the_cores_of_the_affinity(
    monkeypatch: pytest.MonkeyPatch, granted: float, used: int
) -> None:
    """A quota is rounded down, to one core at least; it gives no core that the affinity does not."""
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(cores, "_own_grant", lambda: granted)
    assert available_cores() == used
