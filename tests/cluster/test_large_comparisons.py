"""A comparison that is most of a study is computed by all workers, and is what one process computes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from platoscope.studies import execute, get_study, make_plan
from platoscope.studies.run import splitting
from platoscope.studies.run.kept_parts import KeptParts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path
    from types import ModuleType

    import xarray as xr

    from platoscope.cluster import Cluster
    from platoscope.studies import Plan

pytestmark = pytest.mark.filterwarnings("ignore::platoscope.errors.PlatoscopeWarning")

STUDY = """
name = "one"
question = "Is one comparison shared?"

[settings]
n = 400
n_resamples = 6
n_permutations = 20
dtype = "float32"

[[comparison]]
label = "large"
kind = "{kind}"
a = {{ model = "tiny", side = "a", pooling = "mean" }}
b = {{ model = "tiny", side = "b", pooling = "mean" }}
items = {{ data = "many.jsonl", minimum = 1, maximum = 500{texts} }}
{more}
"""
GRID, SHUFFLED = ("grid", ""), ("grid", 'shuffle = "strata"')
PROFILE, SWEEP = ("profile", ""), ("sweep", 'fixed = { side = "a", depth = 0.5 }')
DISTANCES, SPACES = ("token_distance", "distances = [1, 2, 3, 5]"), ("spaces", "distances = [1, 2, 3, 5]")
MATRIX = ("matrix", 'fixed = { side = "a", layer = 1 }')


@pytest.fixture(scope="module")
def plan_of(workplace: Path) -> Callable[[tuple[str, str]], Plan]:
    """Give what plans a study of one comparison; of a matrix, of three texts."""
    known = (workplace / "many.jsonl").read_text(encoding="utf-8")
    (workplace / "more.jsonl").write_text(
        known.replace("o ", "as ").replace('"it"', '"es"'), encoding="utf-8"
    )

    def plan(what: tuple[str, str]) -> Plan:
        file = workplace / "one.toml"
        texts = ', together = ["many.jsonl", "more.jsonl"]' if what is MATRIX else ""
        file.write_text(STUDY.format(kind=what[0], more=what[1], texts=texts), encoding="utf-8")
        return make_plan(get_study(str(file)))

    return plan


@pytest.fixture
def log(cluster: Cluster, on_workers: ModuleType, tmp_path: Path) -> Iterator[Path]:
    """Give the file in which workers note what they did."""
    yield tmp_path / "log"
    cluster.client.run(on_workers.unwatch)


def _parts(log: Path) -> list[tuple[str, str]]:
    """Give each part that was finished, and by whom."""
    lines = [line.split("\t") for line in log.read_text(encoding="utf-8").splitlines()]
    return [(name, pid) for kind, name, pid in lines if kind == "part"]


def _story(cluster: Cluster, places: set[str]) -> str:
    """Tell what the scheduler did with the parts at these places, for a failure that is rare."""
    told = cluster.client.run_on_scheduler(
        lambda dask_scheduler: list(map(str, dask_scheduler.transition_log))
    )
    return "\n".join(line for line in told if any(f"-{place}-of-" in line for place in places))


def _here(plan: Plan, folder: Path, one_core: Callable[[], AbstractContextManager[None]]) -> xr.Dataset:
    with one_core():
        return execute(plan, out=folder / "here", store=folder / "store").results["large"]


@pytest.mark.parametrize(
    "what",
    [GRID, SHUFFLED, PROFILE, SWEEP, MATRIX, DISTANCES, SPACES],
    ids=["grid", "shuffled", "profile", "sweep", "matrix", "distances", "spaces"],
)
def test_one_comparison_is_shared_by_all_workers(
    what: tuple[str, str],
    plan_of: Callable[[tuple[str, str]], Plan],
    cluster: Cluster,
    on_workers: ModuleType,
    one_core: Callable[[], AbstractContextManager[None]],
    log: Path,
    tmp_path: Path,
) -> None:
    """Every worker has a part of it, no part is computed twice, and numbers are the same to the last bit."""
    plan = plan_of(what)
    here = _here(plan, tmp_path, one_core)
    cluster.client.run(on_workers.watch, str(log), wait=0.2)
    there = execute(plan, out=tmp_path / "there", store=tmp_path / "store", cluster=cluster)
    assert there.results["large"].drop_attrs().identical(here.drop_attrs())
    names = [name for name, _ in _parts(log)]
    # Blocks of layers for either worker, and runs of draws of what reads all layers at once; or distances between tokens.
    assert sorted(names) == [f"large {place}" for place in range(2 if what in (DISTANCES, SPACES) else 4)]
    assert len({pid for _, pid in _parts(log)}) == 2


def _interrupt(plan: Plan, folder: Path, cluster: Cluster | None, n_kept: int) -> set[str]:
    """Begin, and interrupt when so many parts are kept; give which these are."""
    add, parts = KeptParts.add, folder / "there" / "parts"

    def stop(self: KeptParts, comparison: str, cut: int, place: int, part: Any) -> None:
        add(self, comparison, cut, place, part)
        if len(list(parts.iterdir())) == n_kept:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KeptParts, "add", stop)
        with pytest.raises(KeyboardInterrupt):
            execute(plan, out=folder / "there", store=folder / "store", cluster=cluster)
    return {file.name.partition("-")[2] for file in parts.iterdir()}


def test_parts_that_were_finished_are_kept_when_the_run_is_interrupted(
    plan_of: Callable[[tuple[str, str]], Plan],
    cluster: Cluster,
    on_workers: ModuleType,
    one_core: Callable[[], AbstractContextManager[None]],
    log: Path,
    tmp_path: Path,
) -> None:
    """Each of them is computed once, however often that happens, even where the last one was there; then they go."""
    plan = plan_of(GRID)
    here = _here(plan, tmp_path, one_core)
    names = _interrupt(plan, tmp_path, cluster, 2)
    cluster.client.run(on_workers.watch, str(log))
    _interrupt(plan, tmp_path, cluster, 4)
    computed = {f"{name.split()[1]}-of-4.part" for name, _ in _parts(log)}
    assert len(names) == len(computed) == 2
    assert not computed & names
    there = execute(plan, out=tmp_path / "there", store=tmp_path / "store", cluster=cluster)
    assert len(_parts(log)) == 2
    assert there.results["large"].drop_attrs().identical(here.drop_attrs())
    assert not (tmp_path / "there" / "parts").exists()


@pytest.mark.parametrize("what", [GRID, MATRIX], ids=["grid", "matrix"])
def test_a_run_that_workers_began_goes_on_without_them(
    what: tuple[str, str],
    plan_of: Callable[[tuple[str, str]], Plan],
    cluster: Cluster,
    one_core: Callable[[], AbstractContextManager[None]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What they finished is not computed again, and what is finished here is kept as well."""
    plan = plan_of(what)
    here = _here(plan, tmp_path, one_core)
    names = _interrupt(plan, tmp_path, cluster, 2)
    computed: list[str] = []
    compute = splitting.compute_part

    def watched(task: Any, wanted: int, place: int) -> Any:
        computed.append(f"{place}-of-{wanted}.part")
        return compute(task, wanted, place)

    monkeypatch.setattr(splitting, "compute_part", watched)
    with one_core():
        _interrupt(plan, tmp_path, None, 3)
        there = execute(plan, out=tmp_path / "there", store=tmp_path / "store")
    assert len(computed) == len(set(computed)) == 2
    assert not set(computed) & names
    assert there.results["large"].drop_attrs().identical(here.drop_attrs())
    assert not (tmp_path / "there" / "parts").exists()


@pytest.mark.slow
def test_a_worker_that_is_killed_at_a_part_costs_that_part(
    plan_of: Callable[[tuple[str, str]], Plan],
    cluster: Cluster,
    on_workers: ModuleType,
    one_core: Callable[[], AbstractContextManager[None]],
    log: Path,
    tmp_path: Path,
) -> None:
    """Another worker computes it, and none of those that were finished."""
    plan = plan_of(GRID)
    here = _here(plan, tmp_path, one_core)
    dies, other = sorted(cluster.client.scheduler_info()["workers"])
    before = cluster.client.run(os.getpid)
    cluster.client.run(on_workers.watch, str(log), workers=[other], wait=0.2)
    cluster.client.run(on_workers.watch, str(log), workers=[dies], die_at=0)
    there = execute(plan, out=tmp_path / "there", store=tmp_path / "store", cluster=cluster)
    assert there.results["large"].drop_attrs().identical(here.drop_attrs())
    cluster.client.wait_for_workers(2, timeout=300)
    assert before[dies] not in cluster.client.run(os.getpid).values()
    kept = [name for name, pid in _parts(log) if pid == str(before[other])]
    assert kept
    again = {name.split()[-1] for name in kept if kept.count(name) > 1}
    assert not again, _story(cluster, again)
