"""An extraction that is killed, damaged or run twice at once ends with the same bits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from platoscope.errors import StorageError
from platoscope.models import Pooling
from platoscope.representations import (
    Representations,
    extract,
    list_store,
    open_representations,
    remove,
    stored_bytes,
    verify,
)
from platoscope.representations._local import LocalFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

N_ITEMS = 50  # units of 16 rows: 3 whole ones and one of 2 rows; batches of 7 cross their borders


def _start(fake: ModuleType, store: Path, kill_at: str = "") -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(fake.__file__), str(store), str(N_ITEMS), "16", kill_at],
        stderr=subprocess.PIPE,
    )


def _finish(process: subprocess.Popen[bytes]) -> int:
    _, errors = process.communicate(timeout=120)
    assert process.returncode in (0, -signal.SIGKILL), errors.decode()
    return process.returncode


def _content(representations: Representations) -> list[np.ndarray]:
    return [layer for pooling in ("mean(3)", "concat(2)") for layer in representations.with_pooling(pooling)]


def _units(store: Path) -> dict[str, bytes]:
    """Every file that holds states, byte by byte, without the key of the group in its name."""
    return {
        str(f.relative_to(store)): f.read_bytes() for f in store.glob("*/*/c.0.*") if f.suffix != ".partial"
    }


@pytest.fixture
def untouched(fake: ModuleType, tmp_path: Path, small_units: int) -> Representations:
    """Return what comes out of a run that nothing happened to."""
    return extract(
        fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=tmp_path / "untouched"
    )


@pytest.mark.parametrize(
    "kill_at",
    ["encode:1", "encode:3", "encode:8", "replace:1", "replace:6", "replace:11", "replace:15", "replace:19"],
)
def test_killed_run_goes_on_to_identical_bits(
    fake: ModuleType, tmp_path: Path, untouched: Representations, kill_at: str
) -> None:
    """SIGKILL in a forward pass or before a file gets its name changes no bit of the finished store."""
    store = tmp_path / "killed"
    assert _finish(_start(fake, store, kill_at)) == -signal.SIGKILL
    resumed = extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=store)
    assert _units(store) == _units(tmp_path / "untouched")
    assert all(np.array_equal(a, b) for a, b in zip(_content(resumed), _content(untouched), strict=True))


def test_run_killed_from_outside_again_and_again_ends_with_identical_bits(
    fake: ModuleType, tmp_path: Path, untouched: Representations
) -> None:
    """Kills in ever later forward passes and file moves, each on what the last one left, change no bit."""
    store = tmp_path / "killed"
    for moment in ("replace:3", "encode:2", "replace:7", "encode:4", "replace:2", "encode:3"):
        _finish(_start(fake, store, moment))
    assert _finish(_start(fake, store)) == 0
    assert _units(store) == _units(tmp_path / "untouched")


def test_resume_computes_only_what_is_missing(fake: ModuleType, tmp_path: Path, small_units: int) -> None:
    """After an interruption only batches that touch an unfinished unit are run."""
    encoder = fake.FakeEncoder()
    whole_encode = encoder.encode

    def interrupted(items: Any, /, poolings: Any) -> Any:
        if len(encoder.encoded) == 5:
            raise KeyboardInterrupt
        return whole_encode(items, poolings)

    encoder.encode = interrupted
    with pytest.raises(KeyboardInterrupt):
        extract(encoder, fake.sentences(N_ITEMS), pooling="last", store=tmp_path)
    again = fake.FakeEncoder()
    progress: list[tuple[int, int]] = []
    extract(
        again,
        fake.sentences(N_ITEMS),
        pooling="last",
        store=tmp_path,
        progress=lambda d, t, _: progress.append((d, t)),
    )
    # 35 rows were run and 32 of them make two whole units: the batch of rows 28-34 comes once more.
    assert sum(len(batch) for batch in again.encoded) == N_ITEMS - 28
    assert progress[0] == (28, N_ITEMS)
    assert progress[-1] == (N_ITEMS, N_ITEMS)


def test_resumed_run_keeps_the_plan_of_the_first(
    fake: ModuleType, tmp_path: Path, untouched: Representations
) -> None:
    """A machine that would batch differently runs the stored batches: bits depend on the batch."""
    store = tmp_path / "killed"
    _finish(_start(fake, store, "encode:4"))
    resumed = extract(
        fake.FakeEncoder(batch_size=13), fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=store
    )
    assert all(np.array_equal(a, b) for a, b in zip(_content(resumed), _content(untouched), strict=True))


def test_two_processes_at_once_leave_one_whole_store(
    fake: ModuleType, tmp_path: Path, untouched: Representations
) -> None:
    """Four processes that are asked for the same at the same time all succeed, and the content is right."""
    store = tmp_path / "shared"
    processes = [_start(fake, store) for _ in range(4)]
    assert [_finish(process) for process in processes] == [0, 0, 0, 0]
    assert _units(store) == _units(tmp_path / "untouched")
    assert [entry.name for entry in store.iterdir() if entry.name.startswith(".")] == []


@pytest.mark.parametrize("at", range(8))
def test_a_group_that_is_removed_while_it_is_made_can_be_made_again(
    fake: ModuleType, tmp_path: Path, untouched: Representations, at: int
) -> None:
    """Whenever it goes, the process that was making it says so, nothing of it comes back, and the next one starts anew."""
    store, key = tmp_path / "raced", untouched.key

    class Removing(fake.FakeEncoder):  # type: ignore[misc,name-defined]
        batch = 0

        def encode(self, *arguments: Any, **keywords: Any) -> Any:
            if self.batch == at:
                remove(store, key)
            self.batch += 1
            return super().encode(*arguments, **keywords)

    with pytest.raises(StorageError, match="it was removed meanwhile. Run again|metadata .*missing"):
        extract(Removing(), fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=store)
    assert {entry.name for entry in store.iterdir()} <= {"zarr.json"}
    again = extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=store)
    assert verify(store) == ()
    assert all(np.array_equal(a, b) for a, b in zip(_content(again), _content(untouched), strict=True))


def test_units_of_other_batches_are_not_written_into_a_group_that_was_made_anew(
    fake: ModuleType, tmp_path: Path, untouched: Representations
) -> None:
    """Between removal and writing, a process with another batch size may have begun: its rows have another order."""
    store, key = tmp_path / "raced", untouched.key

    class Replacing(fake.FakeEncoder):  # type: ignore[misc,name-defined]
        batch = 0

        def encode(self, *arguments: Any, **keywords: Any) -> Any:
            if self.batch == 0:
                remove(store, key)
                extract(
                    fake.FakeEncoder(batch_size=3),
                    fake.sentences(N_ITEMS),
                    pooling=fake.POOLINGS,
                    store=store,
                )
            self.batch += 1
            return super().encode(*arguments, **keywords)

    with pytest.raises(StorageError, match="it was removed meanwhile"):
        extract(Replacing(), fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=store)
    assert verify(store) == ()
    again = extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=store)
    alone = extract(
        fake.FakeEncoder(batch_size=3),
        fake.sentences(N_ITEMS),
        pooling=fake.POOLINGS,
        store=tmp_path / "alone",
    )
    assert all(np.array_equal(a, b) for a, b in zip(_content(again), _content(alone), strict=True))


def _unit_files(store: Path, array: str) -> list[Path]:
    return sorted(store.glob(f"*/{array}/c.0.*"))


@pytest.mark.parametrize("unit", [1, 3], ids=["whole unit", "last unit"])
@pytest.mark.parametrize("harm", ["flip a bit", "cut", "empty", "delete", "break the index"])
def test_damage_is_named_and_only_its_unit_is_computed_again(
    fake: ModuleType, tmp_path: Path, untouched: Representations, harm: str, unit: int
) -> None:
    """Reading a damaged unit names it; the same extraction repairs it with the batches that touch it."""
    store = tmp_path / "untouched"
    before = _units(store)
    damaged = _unit_files(store, "mean_3")[unit]
    whole = damaged.read_bytes()
    changed = bytearray(whole)
    if harm == "flip a bit":
        changed[len(whole) // 2] ^= 4
    elif harm == "cut":
        del changed[-100:]
    elif harm == "empty":
        changed.clear()
    elif harm == "break the index":
        changed[-10] ^= 1
    if harm == "delete":
        damaged.unlink()
    else:
        damaged.write_bytes(changed)

    if harm == "break the index":  # read by Zarr, and looked at by verify() and extract(), but not by us
        assert all(np.isfinite(layer).all() for layer in _content(untouched))
    else:
        with pytest.raises(StorageError, match=rf"Unit {unit}, .*mean_3.*Run the same extraction again"):
            _content(untouched)
    encoder = fake.FakeEncoder()
    extract(encoder, fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=store)
    assert _units(store) == before
    assert sum(len(batch) for batch in encoder.encoded) <= (28 if unit == 1 else 8)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_unwritable_folder_is_one_sentence(fake: ModuleType, tmp_path: Path) -> None:
    """A folder without write permission is a StorageError."""
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(StorageError, match="Cannot write"):
        extract(fake.FakeEncoder(), fake.sentences(5), pooling="last", store=tmp_path / "closed" / "store")


@pytest.mark.parametrize(
    ("place", "reason"), [("file/store", "Not a directory"), ("x" * 300, "File name too long")]
)
def test_a_store_that_cannot_be_made_is_one_sentence(
    fake: ModuleType, tmp_path: Path, place: str, reason: str
) -> None:
    """One inside a file, and one of a name that no folder can have: nothing is there, and nothing is damaged."""
    (tmp_path / "file").write_text("x")
    assert list_store(tmp_path / place) == ()
    with pytest.raises(StorageError, match=f"Cannot write .* {reason}"):
        extract(fake.FakeEncoder(), fake.sentences(5), pooling="last", store=tmp_path / place)


def test_full_disk_counts_nothing_half_written(
    fake: ModuleType, tmp_path: Path, untouched: Representations
) -> None:
    """When the disk refuses a unit, it is a StorageError, and what was whole before still is."""
    store = tmp_path / "full"
    program = (
        "import resource, runpy, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2500, 2500))\n"  # the units of concat(2) are larger
        f"sys.argv = ['x', {str(store)!r}, '{N_ITEMS}', '16', '']\n"
        "from platoscope.errors import StorageError\n"
        "try:\n"
        f"    runpy.run_path({str(fake.__file__)!r}, run_name='__main__')\n"
        "except StorageError as error:\n"
        "    print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("Cannot write unit 0 of ")
    assert "File too large" in run.stdout
    assert len(run.stdout.splitlines()) == 1
    assert _unit_files(store, "tokens_2") == []
    assert list(store.glob("**/*.partial")) == []
    resumed = extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=store)
    assert all(np.array_equal(a, b) for a, b in zip(_content(resumed), _content(untouched), strict=True))


def test_leftovers_of_killed_writers_are_swept_after_a_day(
    fake: ModuleType, tmp_path: Path, small_units: int
) -> None:
    """A partial file goes when it is a day old; a younger one may belong to a living process."""
    # While units are written: what is made before them takes ten moves.
    _finish(_start(fake, tmp_path, "replace:15"))
    _finish(_start(fake, tmp_path, "replace:3"))
    left = list(tmp_path.glob("**/*.partial"))
    assert len(left) == 2
    assert all(path.name.startswith("c.") for path in left)
    os.utime(left[0], (0, 0))
    extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=tmp_path)
    assert list(tmp_path.glob("**/*.partial")) == left[1:]


def test_leftovers_in_the_root_and_in_the_group_are_swept_too(
    fake: ModuleType, tmp_path: Path, untouched: Representations
) -> None:
    """What Zarr and a half-built group leave outside any array goes after a day, and nothing else does."""
    store = tmp_path / "killed"
    assert _finish(_start(fake, store, "replace:1")) == -signal.SIGKILL
    left = [path for path in store.iterdir() if path.suffix == ".partial"]
    assert any(path.is_dir() for path in left), "a half-built group; of metadata Zarr writes several at once"
    assert _finish(_start(fake, store, "encode:3")) == -signal.SIGKILL
    group = store / untouched.key
    for place in (store, group):
        left.append(place / "zarr.0123.partial")
        left[-1].write_text("{")
    for path in left:
        os.utime(path, (0, 0))
    young = [store / "zarr.4567.partial", group / "zarr.4567.partial", store / ".4567.partial"]
    for path in young[:2]:
        path.write_text("{")
    young[2].mkdir()
    foreign = store / "notes.txt"
    foreign.write_text("mine")
    os.utime(foreign, (0, 0))
    extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=store)
    assert [path for path in left if path.exists()] == []
    assert all(path.exists() for path in (*young, foreign))
    assert _units(store) == _units(tmp_path / "untouched")


def test_sweeping_minds_no_other_sweeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A leftover that another process has just removed is no error."""
    folder = LocalFolder(tmp_path)
    monkeypatch.setattr(folder, "names", lambda _: frozenset({"gone.partial"}))
    folder.sweep("")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_two_ranks_of_torchrun_leave_one_whole_store(
    load_file: Callable[[Path], ModuleType], tmp_path: Path
) -> None:
    """Ranks do not share a model: each loads DeepSeek-V3 and reads, and the store holds the states of one process."""
    pytest.importorskip("torch")
    from platoscope.models import load_model
    from platoscope.testing.models import save_tiny_model

    program = Path(__file__).with_name("two_ranks.py")
    ranks = load_file(program)
    folder = str(save_tiny_model("deepseek_v3", tmp_path / "deepseek"))
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    done = subprocess.run(
        [*command, str(program), folder, str(tmp_path / "two")],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert verify(tmp_path / "two") == ()
    model = load_model(folder, dtype="float32", device="cpu", batch_tokens=256)
    alone = extract(model, ranks.sentences(60), pooling=ranks.POOLINGS, store=tmp_path / "one")
    (record,) = list_store(tmp_path / "two")
    found = open_representations(record.key, store=tmp_path / "two", pooling=ranks.POOLINGS[0])
    assert found.ids == alone.ids
    for pooling in ranks.POOLINGS:
        for ours, theirs in zip(alone.with_pooling(pooling), found.with_pooling(pooling), strict=True):
            # Ranks have one thread each; products of other numbers of threads may differ in the last bits.
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n_items", [5, 16, 17, N_ITEMS])
def test_what_a_plan_says_of_the_disk_is_what_a_store_takes(
    fake: ModuleType, tmp_path: Path, small_units: int, n_items: int
) -> None:
    """The last unit is filled up; beside the numbers lie checksums, marks, and where in the file each layer is."""
    encoder = fake.FakeEncoder()
    found = extract(encoder, fake.sentences(n_items), pooling=fake.POOLINGS, store=tmp_path)
    vectors = {str(pooling): Pooling.parse(pooling).n_vectors for pooling in fake.POOLINGS}
    said = sum(
        stored_bytes((encoder.n_layers, n_items, each, found[0].shape[-1])) for each in vectors.values()
    )
    taken = sum(file.stat().st_size for file in tmp_path.glob("*/*/c.0.*"))
    n_files = len(vectors) * -(-n_items // min(small_units, n_items))
    assert taken == said + n_files * (encoder.n_layers * 36 + 4)
