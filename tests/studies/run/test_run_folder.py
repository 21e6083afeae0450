"""The folder of a run: whole files or none, honest names, and nothing left that speaks of another run."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr

from platoscope import kept
from platoscope.errors import NotFoundError, PlatoscopeWarning, StorageError
from platoscope.filenames import file_name
from platoscope.studies import execute, get_study, load_run, make_plan, verify_run
from platoscope.studies.run import computing
from platoscope.studies.run.run_folder import DIGEST, RunFolder

if TYPE_CHECKING:
    from pathlib import Path

    from platoscope.studies import Plan

pytestmark = pytest.mark.filterwarnings("ignore::platoscope.errors.PlatoscopeWarning")


def _result(value: float = 0.5, *, digest: str = "d") -> xr.Dataset:
    return xr.Dataset({"cka": ("layer", np.full(4, value))}, attrs={"label": "x", DIGEST: digest})


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Give a folder that holds one result."""
    folder = RunFolder(tmp_path / "run")
    folder.prepare()
    folder.write_result("x", _result())
    return folder


@pytest.fixture
def result_file(folder: RunFolder) -> Path:
    """Give the file of that result."""
    return folder.path / "results" / "x.nc"


@pytest.mark.parametrize("kept", [0, 1, 100, 1000, -1])
def test_a_result_cut_short_is_computed_again_or_named(
    folder: RunFolder, result_file: Path, kept: int
) -> None:
    """A run that goes on takes a damaged file for none; who reads a finished run is told which file it is."""
    result_file.write_bytes(result_file.read_bytes()[:kept])
    assert "x" not in folder.kept_results({"x": "d"})
    with pytest.raises(StorageError, match=r"x\.nc is damaged"):
        folder.read_result("x")


def test_a_file_of_something_else_is_no_result(folder: RunFolder, result_file: Path) -> None:
    """Text, zeros and a folder in the place of a result are as good as a damaged one."""
    size = result_file.stat().st_size
    for content in (b"not a result\n", bytes(size)):
        result_file.write_bytes(content)
        assert "x" not in folder.kept_results({"x": "d"})
    result_file.unlink()
    result_file.mkdir()
    assert "x" not in folder.kept_results({"x": "d"})
    with pytest.raises(StorageError, match="is damaged or was changed"):
        folder.read_result("x")


def test_a_result_is_kept_for_its_digest_only(folder: RunFolder) -> None:
    """A result of other items, models or settings, or of a version that wrote no digest, is not taken."""
    kept = folder.kept_results({"x": "d"})["x"]
    assert kept.identical(_result())
    assert folder.kept_results({"x": "other"}) == {}
    assert folder.read_result("y") is None
    folder.write_result("x", _result().drop_attrs())
    assert "x" not in folder.kept_results({"x": "d"})


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff\xfe", b'"\xff"', b"null", b"[" * 99_999])
def test_damaged_json_is_named(folder: RunFolder, content: bytes) -> None:
    """A file cut short, of another encoding or that holds something else is an error with its path."""
    (folder.path / "summary.json").write_bytes(content)
    with pytest.raises(StorageError, match=r"summary\.json is damaged"):
        folder.read_json("summary")


def test_any_flipped_bit_of_a_result_is_found(folder: RunFolder, result_file: Path) -> None:
    """No damaged file reaches HDF5, which it can stop for ever; the run says what is computed again."""
    content = result_file.read_bytes()
    for position in range(0, len(content), len(content) // 40):
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        result_file.write_bytes(damaged)
        with pytest.warns(
            PlatoscopeWarning, match=r"1 of the results in .* are damaged .*computed again: x\."
        ):
            assert folder.kept_results({"x": "d"}) == {}
        with pytest.raises(StorageError, match="its checksum does not match.*Run the study again"):
            folder.read_result("x")
    result_file.write_bytes(content)
    assert folder.kept_results({"x": "d"})["x"].identical(_result())


def test_what_is_not_there_or_no_file_is_named(folder: RunFolder) -> None:
    """No file means no finished run; a folder in its place cannot be read."""
    with pytest.raises(NotFoundError, match=r"no finished run: there is no verdicts\.json"):
        folder.read_json("verdicts")
    (folder.path / "verdicts.json").mkdir()
    with pytest.raises(StorageError, match=r"cannot read .*verdicts\.json"):
        folder.read_json("verdicts")


def test_an_interrupted_write_leaves_the_file_before_it(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stops a write, the old file is whole and no draft is left."""

    def stop(error: BaseException) -> None:
        def write(_data: xr.Dataset, path: Path, **_options: object) -> None:
            path.write_bytes(b"half")
            raise error

        monkeypatch.setattr("platoscope.studies.run.netcdf.write_netcdf", write)

    for error, expected in (
        (KeyboardInterrupt(), KeyboardInterrupt),
        (OSError(errno.ENOSPC, "No space left on device"), StorageError),
    ):
        stop(error)
        with pytest.raises(expected):
            folder.write_result("x", _result(0.9))
        assert not list(folder.path.rglob(".draft-*"))
    kept = folder.kept_results({"x": "d"})["x"]
    assert kept.identical(_result(0.5))


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are POSIX")
def test_a_full_disk_is_an_error_and_not_the_end_of_the_process(tmp_path: Path) -> None:
    """Where a result no longer fits, the old one stays, and the process lives to say so."""
    code = """
import resource, sys
import numpy as np, xarray as xr
from pathlib import Path
from platoscope.errors import StorageError
from platoscope.studies.run.run_folder import RunFolder
folder = RunFolder(Path(sys.argv[1]))
folder.prepare()
folder.write_result("x", xr.Dataset({"a": ("x", np.arange(9.0))}))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    folder.write_result("x", xr.Dataset({"a": ("x", np.random.default_rng(0).random(90_000))}))
except StorageError as error:
    print(error)
print(folder.read_result("x").sizes["x"])
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("cannot write")
    assert done.stdout.splitlines()[-1] == "9"


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="nothing is reserved there")
def test_a_file_system_that_reserves_nothing_is_written_to(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some (ZFS, NFS) refuse to reserve room and have it."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr("os.posix_fallocate", refuse)
    folder.write_result("x", _result(0.9))
    kept = folder.read_result("x")
    assert kept is not None
    assert kept.identical(_result(0.9))


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only disk and a file in the way are errors that name the folder."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot write .*file.*--out"):
        RunFolder(tmp_path / "file" / "run").prepare()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(StorageError, match="Read-only file system"):
        RunFolder(tmp_path / "run").prepare()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_without_the_right_to_write_is_refused(tmp_path: Path) -> None:
    """The rights of the folder decide, not whether it exists."""
    (tmp_path / "run" / "results").mkdir(parents=True)
    (tmp_path / "run").chmod(0o500)
    with pytest.raises(StorageError, match="cannot write"):
        RunFolder(tmp_path / "run").prepare()


@pytest.mark.parametrize("name", ["日本語", "Übung é", "مرحبا", "🦉 owl", "e\u0301", "a\nb", "..", "CON", ""])
def test_any_label_has_a_file_that_reads_back(tmp_path: Path, name: str) -> None:
    """Labels of any script and sign become files in the folder of results, of which each is read by its label."""
    folder = RunFolder(tmp_path / f"run {name.strip('.')}".replace("\n", " "))
    folder.prepare()
    folder.write_result(name, _result(0.25))
    folder.write_result("x", _result(0.75))
    assert len(list((folder.path / "results").iterdir())) == 2
    found = folder.read_result(name)
    assert found is not None
    assert found["cka"][0] == 0.25


def test_long_labels_have_files_of_their_own(tmp_path: Path) -> None:
    """A label with a long path in it is cut to what a file system takes, and stays different from others."""
    folder = RunFolder(tmp_path)
    labels = [f"model /{'ä' * 200}/pairs {i}.jsonl" for i in range(3)]
    folder.prepare()
    for i, label in enumerate(labels):
        folder.write_result(label, _result(float(i)))
    for i, label in enumerate(labels):
        found = folder.read_result(label)
        assert found is not None
        assert found["cka"][0] == i


def test_labels_that_look_alike_have_results_of_their_own(tmp_path: Path) -> None:
    """A space and an underscore, a character and its number, a capital: each label reads back its own."""
    folder = RunFolder(tmp_path)
    folder.prepare()
    labels = ["m_n", "m n", "M n", "f(x)", "f-28-x-29-", "f=28=x=29="]
    for i, label in enumerate(labels):
        folder.write_result(label, _result(float(i)))
    assert [float(folder.read_result(label)["cka"][0]) for label in labels] == [0, 1, 2, 3, 4, 5]  # type: ignore[index]


def _plan(**more: Any) -> Plan:
    """Plan a study that needs no model: one result of synthetic data."""
    return make_plan(
        get_study("rank-synthetic"), **{"n": 48, "n_resamples": 2, "n_permutations": 2, "seed": 0, **more}
    )


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_an_interrupted_second_run_leaves_no_verdicts_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After other settings were started in a folder, it holds no finished run until they are done."""
    execute(_plan(), out=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(computing, "compute", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            execute(_plan(seed=1), out=tmp_path)
    with pytest.raises(NotFoundError, match="no finished run"):
        load_run(tmp_path)
    again = execute(_plan(seed=1), out=tmp_path)
    assert load_run(tmp_path).plan.settings.seed == 1
    fresh = execute(_plan(seed=1), out=tmp_path / "fresh")
    for label, dataset in fresh.results.items():
        assert dataset.identical(again.results[label])


def test_a_finished_run_stays_finished_when_there_is_nothing_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking again for what is there takes nothing away, even where it fails on the way."""
    execute(_plan(), out=tmp_path)
    monkeypatch.setattr("platoscope.studies.run.workbench.Workbench.extract", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        execute(_plan(), out=tmp_path)
    assert load_run(tmp_path).verdicts


def test_two_runs_in_one_folder_do_not_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose folder another one has taken meanwhile says so instead of judging results of both."""
    compute = computing.compute

    def start_another(task: Any) -> xr.Dataset:
        monkeypatch.setattr(computing, "compute", compute)
        execute(_plan(seed=1), out=tmp_path)
        return compute(task)

    monkeypatch.setattr(computing, "compute", start_another)
    with pytest.raises(StorageError, match="another run was started"):
        execute(_plan(), out=tmp_path)


def test_every_damaged_file_of_a_run_is_found_and_made_again(tmp_path: Path) -> None:
    """A flipped bit in any file, its checksum included, is named; running again repairs all but pictures."""
    first = execute(_plan(), out=tmp_path)
    assert verify_run(tmp_path) == ()
    (tmp_path / "notes.txt").write_text("a file of the user's own is nobody's problem")
    files = sorted(file for file in tmp_path.rglob("*") if file.is_file() and file.name != "notes.txt")
    assert len(files) == 6 + len(first.results)
    whole = {file: file.read_bytes() for file in files}
    for file, content in whole.items():
        middle = len(content) // 2
        file.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        assert file.relative_to(tmp_path).as_posix() in {problem.file for problem in verify_run(tmp_path)}
        if file.name not in ("results.csv", "checksums.txt"):
            with pytest.raises(StorageError, match="^" + re.escape(str(file)) + " is damaged or was changed"):
                load_run(tmp_path)
        if file.name != "results.csv":
            file.write_bytes(content)
    first_file = tmp_path / "results" / file_name(next(iter(first.results)), ending=".nc")
    first_file.write_bytes(first_file.read_bytes()[:-1])
    (tmp_path / "config.json").write_bytes(b"{}")
    again = execute(_plan(), out=tmp_path)
    assert all(again.results[label].identical(result) for label, result in first.results.items())
    assert verify_run(tmp_path) == ()


def test_a_run_that_is_not_finished_lacks_files(tmp_path: Path) -> None:
    """What is missing is named as well, and a folder without checksums as a whole."""
    execute(_plan(), out=tmp_path)
    (tmp_path / "verdicts.json").unlink()
    assert [(problem.file, problem.reason) for problem in verify_run(tmp_path)] == [
        ("verdicts.json", "it is missing")
    ]
    (tmp_path / "checksums.txt").unlink()
    assert {problem.file for problem in verify_run(tmp_path)} > {
        "checksums.txt",
        "config.json",
        "verdicts.json",
    }
    with pytest.raises(NotFoundError, match="no finished run"):
        verify_run(tmp_path / "results")


def test_a_run_from_before_checksums_is_read_with_a_warning(tmp_path: Path) -> None:
    """Nothing is known of its files; running again in its folder computes what it holds anew."""
    first = execute(_plan(), out=tmp_path)
    (tmp_path / "checksums.txt").unlink()
    with pytest.warns(PlatoscopeWarning, match="has no checksums.txt: damage would not be seen"):
        load_run(tmp_path)
    with pytest.warns(PlatoscopeWarning, match="have no checksum, and are computed again"):
        execute(_plan(), out=tmp_path)
    assert verify_run(tmp_path) == ()
    assert load_run(tmp_path).results.keys() == first.results.keys()


def test_processes_that_write_at_once_lose_no_checksum(tmp_path: Path) -> None:
    """Lines are added, so a file is known however many write beside it; a line cut short spoils no other."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: RunFolder(tmp_path).write_json(f"{i % 8}", i), range(64)))
    assert not [name for name, _ in kept.problems(tmp_path)]
    with (tmp_path / kept.CHECKSUMS).open("ab") as file:
        file.write(b"0123")
    RunFolder(tmp_path).write_json("9", 9)
    assert [name for name, _ in kept.problems(tmp_path)] == [kept.CHECKSUMS]
    assert RunFolder(tmp_path).read_json("9") == 9


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config", {}),
        ("config", []),
        ("config", {"study": None}),
        ("verdicts", [{"claim": "of an older version"}]),
        ("verdicts", 3),
    ],
)
def test_a_file_of_another_version_is_named(tmp_path: Path, name: str, content: object) -> None:
    """What an older or newer version wrote otherwise is an error that says which file and what to do."""
    execute(_plan(), out=tmp_path)
    RunFolder(tmp_path).write_json(name, content)
    with pytest.raises(StorageError, match=rf"{name}\.json.* this version.*Run the study again"):
        load_run(tmp_path)
