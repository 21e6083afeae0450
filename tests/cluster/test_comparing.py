"""Models that a cluster reads and compares give what one process gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from typer.testing import CliRunner

from platoscope import compare_models
from platoscope.cli.app import app
from platoscope.datasets import load_pairs
from platoscope.errors import ClusterError, InputError
from platoscope.layerwise import _in_blocks, compare_many, imbalance_in_blocks, read_models
from platoscope.testing.models import save_tiny_model

if TYPE_CHECKING:
    from pathlib import Path

    from platoscope.cluster import Cluster
    from platoscope.layerwise import ModelReadings

pytestmark = pytest.mark.filterwarnings("ignore::platoscope.errors.PlatoscopeWarning")


@pytest.fixture(scope="module")
def models(workplace: Path) -> list[str]:
    """Give three models of two architectures."""
    made = {"tiny": "llama", "other": "gpt2", "third": "llama"}
    for seed, (name, kind) in enumerate(made.items()):
        if not (workplace / name).exists():
            save_tiny_model(kind, workplace / name, seed=seed)
    return [str(workplace / name) for name in made]


@pytest.fixture(scope="module")
def read(models: list[str], workplace: Path) -> ModelReadings:
    """Read one side with all of them."""
    return read_models(
        models, load_pairs(str(workplace / "pairs.jsonl")), side="en", store=workplace / "store of three"
    )


def test_every_two_models_are_compared_by_workers(read: ModelReadings, cluster: Cluster) -> None:
    """The table is the same to the last bit, and progress counts pairs of models."""
    stacks = dict(zip(read.names, read.stacks, strict=True))
    told: list[tuple[str, int, int]] = []
    there = compare_many(stacks, cluster=cluster, progress=lambda *step: told.append(step))
    assert there.identical(compare_many(stacks))
    assert told == [("comparing models", done, 3) for done in (1, 2, 3)]


def test_models_in_memory_cannot_be_sent(read: ModelReadings, cluster: Cluster) -> None:
    """What workers cannot read is refused before anything is computed, with the way out."""
    stacks = {"stored": read.stacks[0], "array": np.zeros((2, 90, 3))}
    with pytest.raises(
        InputError, match="those of 'array' are in memory. Give what platoscope.extract returns"
    ):
        compare_many(stacks, cluster=cluster)


def test_models_in_a_store_that_workers_do_not_see(
    workplace: Path, models: list[str], cluster: Cluster
) -> None:
    """A store in the memory of this process is nowhere else."""
    read = read_models(models[:2], load_pairs(str(workplace / "pairs.jsonl")), store="memory://two")
    with pytest.raises(ClusterError, match="does not see memory://two.*--store"):
        compare_many(dict(zip("ab", read.stacks, strict=True)), cluster=cluster)


def test_two_models_are_read_by_workers(
    workplace: Path, models: list[str], cluster: Cluster, tmp_path: Path
) -> None:
    """The profile is that of models read here."""
    asked: dict[str, Any] = {"n_resamples": 0, "rng": 0, "side": "en"}
    pairs = load_pairs(str(workplace / "pairs.jsonl"))
    there = compare_models(*models[:2], pairs, store=tmp_path / "there", cluster=cluster, **asked)
    here = compare_models(*models[:2], pairs, store=tmp_path / "here", **asked)
    assert there.drop_attrs().identical(here.drop_attrs())


def test_the_command_takes_a_cluster(
    workplace: Path, models: list[str], cluster: Cluster, tmp_path: Path
) -> None:
    """Models are read and compared by its workers; its address stands on stderr."""
    pairs = ["--pairs", str(workplace / "pairs.jsonl"), "--side", "en"]
    asked = ["compare", *models, *pairs, "--store", str(tmp_path / "store")]
    there = CliRunner().invoke(app, [*asked, "--cluster", cluster.address])
    here = CliRunner().invoke(app, asked)
    assert there.exit_code == here.exit_code == 0, there.output
    assert there.stdout == here.stdout
    assert f"Cluster: 2 workers at {cluster.address}, dashboard {cluster.dashboard}" in there.stderr


def test_runs_of_items_are_compared_by_workers(
    read: ModelReadings, workplace: Path, cluster: Cluster, tmp_path: Path
) -> None:
    """Of files and of stored layers, with the bits of one process; what is kept is that of one process, too."""
    rng = np.random.default_rng(0)
    files = [workplace / name for name in ("x of runs.npy", "y of runs.npy")]
    X = rng.standard_normal((300, 8))
    for file, rows in zip(files, (X, X[:, :3]), strict=True):
        np.save(file, rows)
    layers = [stack[1:2] for stack in read.stacks[:2]]
    for two in (files, layers):
        there = imbalance_in_blocks(*two, items_per_block=40, cluster=cluster, keep_in=tmp_path / "there")
        assert tuple(there) == tuple(imbalance_in_blocks(*two, items_per_block=40, keep_in=tmp_path / "here"))
    kept = [
        {file.name: file.read_bytes() for file in (tmp_path / place).iterdir()} for place in ("there", "here")
    ]
    assert len(kept[0]) == 8 + 3
    assert kept[0] == kept[1]


def test_a_file_that_changes_meanwhile_is_not_compared(workplace: Path) -> None:
    """A worker that reads other rows than the process that asks says so."""
    file = workplace / "changes.npy"
    rows = np.random.default_rng(0).standard_normal((100, 4))
    np.save(file, rows)
    work = _in_blocks._Work("a call", (file, file), "euclidean", ("none",), 1)
    before = _in_blocks._Rows.of(work).fingerprint
    np.save(file, rows + np.eye(100, 4))
    with pytest.raises(ClusterError, match="reads other rows than this process"):
        _in_blocks._there(work, before, (0, 50))
