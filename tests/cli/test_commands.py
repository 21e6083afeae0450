"""The commands: what they print, where, and with which exit code."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from platoscope import cli
from platoscope.cli.app import _globals_first
from platoscope.cli.done import report_failures
from platoscope.datasets import load_pairs
from platoscope.errors import InputError, MissingExtraError, NotFoundError, PlatoscopeWarning, StorageError
from platoscope.report.site import find_runs
from platoscope.representations import Representations, export

SMALL = ("--n", "60", "--resamples", "4", "--permutations", "4")


@pytest.fixture(autouse=True)
def _away_from_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder, with a store of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLATOSCOPE_STORE", str(tmp_path / "store"))


def _raise(error: BaseException) -> Any:
    """Give a function that raises `error` whatever it is called with."""

    def function(*_: object, **__: object) -> None:
        raise error

    return function


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """``--help`` prints the commands on stdout and succeeds."""
    assert cli.main(["--help"]) == 0
    printed = capsys.readouterr().out
    for command in ("run", "studies", "verdicts", "data", "models", "extract", "compare", "plan", "store"):
        assert command in printed


def test_help_is_light() -> None:
    """Asking for help loads none of the libraries that computing needs."""
    code = (
        "import sys; from platoscope.cli import main; main(['--help']); "
        "print([m for m in ('torch', 'xarray', 'matplotlib', 'numba', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_runs_as_a_module() -> None:
    """``python -m platoscope`` is the command, and passes its exit code on."""
    for argument, code in (("--version", 0), ("--no-such-option", 2)):
        done = subprocess.run(
            [sys.executable, "-m", "platoscope", argument], capture_output=True, text=True, check=False
        )
        assert done.returncode == code
        assert "platoscope " in done.stdout + done.stderr


def test_a_notebooks_backend_does_not_stop_it() -> None:
    """Matplotlib can draw where the environment names a backend that is not installed, as notebooks do."""
    code = "from platoscope.cli import main; main(['--version']); import matplotlib; print(matplotlib.get_backend())"
    environment = os.environ | {"MPLBACKEND": "module://not_installed_here.backend"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.splitlines()[-1] == "agg"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """``--version`` prints name and version."""
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("platoscope 0.")


def test_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A command that does not exist is an error of usage, told on stderr."""
    assert cli.main(["frobnicate"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "frobnicate" in captured.err


def test_studies_lists_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    """``studies --json`` gives every study with its question, figure, needs and cost."""
    from platoscope.studies import list_studies

    assert cli.main(["studies", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [study["name"] for study in listed] == [study.name for study in list_studies()]
    assert all(study["question"] and study["cost"] for study in listed)


def test_studies_table_has_the_names(capsys: pytest.CaptureFixture[str]) -> None:
    """The table for people starts with the names of the studies."""
    assert cli.main(["studies"]) == 0
    assert "rank-synthetic" in capsys.readouterr().out


def test_run_writes_the_folder_and_prints_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run leaves figures, data, page and verdicts, and prints verdicts on stdout and nothing on stderr."""
    assert cli.main(["run", "rank-synthetic", *SMALL, "--out", "here"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "verdict" in captured.out
    assert "here" in captured.out
    written = {path.name for path in (tmp_path / "here").iterdir()}
    assert {"figures", "results", "results.csv", "verdicts.json", "index.html"} <= written
    assert (tmp_path / "here" / "figures" / "figure.svg").stat().st_size > 0


def test_run_as_json_says_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--json`` prints verdicts and summary as JSON, and ``verdicts`` reads the same from the folder."""
    assert cli.main(["run", "rank-synthetic", *SMALL, "--out", "here", "--json"]) == 0
    (printed,) = json.loads(capsys.readouterr().out)
    assert printed["study"] == "rank-synthetic"
    assert cli.main(["verdicts", "here", "--json"]) == 0
    stored = json.loads(capsys.readouterr().out)
    assert [verdict["evidence"] for verdict in stored] == [item["evidence"] for item in printed["verdicts"]]


def test_verbose_writes_one_line_per_stage(capsys: pytest.CaptureFixture[str]) -> None:
    """``--verbose``, anywhere on the line, tells the stages on stderr where it is no terminal."""
    assert cli.main(["run", "rank-synthetic", *SMALL, "--verbose"]) == 0
    stages = capsys.readouterr().err.splitlines()
    assert any(line.startswith("Comparing (") for line in stages)
    assert any(line.startswith("Drawing (") for line in stages)


def test_dry_run_computes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--dry-run`` prints the plan and leaves no folder."""
    assert cli.main(["run", "rank-synthetic", "--dry-run", "--n", "77"]) == 0
    assert "n = 77" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_says_whose_time_it_tells(capsys: pytest.CaptureFixture[str]) -> None:
    """A cluster's is not known here."""
    assert cli.main(["run", "rank-synthetic", "--dry-run", "--n", "77", "--cluster", "local:2"]) == 0
    assert "local:2; time and memory are those of one process here" in capsys.readouterr().out


def test_a_model_folder_that_is_not_there_is_no_model_of_a_hub(capsys: pytest.CaptureFixture[str]) -> None:
    """A name of a hub begins with no dot."""
    assert cli.main(["plan", "./no-such-model", "bible:en-it"]) == 2
    assert "there is no model './no-such-model'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--layers", "999", "--layers must lie between -19 and 18 for gemma-3-270m, got [999]"),
        ("--cluster", "local:abc", "--cluster must be local or local:N"),
        ("--store", "nothing://here", "Protocol not known: nothing"),
        ("--store", "taken/here", "taken/here cannot be a folder: Not a directory"),
        ("--out", "taken", "cannot write taken: Not a directory. Choose another folder with --out."),
        ("--out", "taken/here", "cannot write taken/here: Not a directory"),
        ("--device", "foo", "--device foo cannot be used here: Expected one of cpu, cuda"),
        ("--encoding", "foo", "--encoding foo is none that Python knows"),
        ("--encoding", "latin-1", "the option encoding does not apply to 'bible:en-it'; it takes none"),
    ],
)
def test_a_dry_run_refuses_what_the_run_refuses(
    option: str, value: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What never could be a layer, a cluster, a folder, a device or an encoding is an error of the plan, not a price."""
    Path("taken").write_text("", encoding="utf-8")
    assert cli.main(["run", "translations", "--dry-run", option, value]) == 2
    out, err = capsys.readouterr()
    assert words in err
    assert not out


def test_a_dry_run_refuses_a_device_beside_a_map(capsys: pytest.CaptureFixture[str]) -> None:
    """As loading does; whether a device is here only the run finds out, which may be elsewhere."""
    pytest.importorskip("accelerate")
    command = ["run", "translations", "--dry-run", "--device"]
    assert cli.main([*command, "cpu", "--device-map", "auto"]) == 2
    assert "--device cpu was given too. Leave one out." in capsys.readouterr().err
    assert cli.main([*command, "cuda:7"]) == 0


def test_a_store_that_is_a_file_is_refused_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run folder was left behind empty."""
    Path("taken").write_text("", encoding="utf-8")
    assert cli.main(["run", "rank-synthetic", *SMALL, "--store", "taken", "--out", "here"]) == 2
    assert "cannot be a folder: Not a directory" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize(
    ("option", "name", "reason"),
    [
        ("--out", "folder.csv", "Is a directory"),
        ("--items", "folder.csv", "Is a directory"),
        ("--figure", "taken/picture.png", "Not a directory"),
    ],
)
def test_what_compare_cannot_write_is_refused_before_the_work(
    option: str, name: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is read: there is no such file."""
    Path("folder.csv").mkdir()
    Path("taken").write_text("", encoding="utf-8")
    assert cli.main(["compare", "no.npy", "no.npy", option, name]) == 2
    assert (
        capsys.readouterr().err
        == f"platoscope: cannot write {name}: {reason}. Choose another file with {option}.\n"
    )


def test_a_calibration_takes_the_place_of_the_guess(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One time of one study; of several the sum alone has one. Without it the plan says that kernels are compiled once."""
    monkeypatch.setattr("platoscope.studies.run.calibrating.comparing_seconds", lambda _: 7200.0)
    assert cli.main(["run", "rank-synthetic", "--dry-run"]) == 0
    guessed = capsys.readouterr().out
    assert re.findall(r"cost +(?:time|comparing) ", guessed) == [
        "cost        time ",
        "cost        comparing ",
    ]
    assert "compiling       once on a machine, by its first run; not in the time" in guessed
    assert cli.main(["run", "rank-synthetic", "--dry-run", "--calibrate"]) == 0
    out = capsys.readouterr().out
    times = [line.split(maxsplit=2)[1:] for line in out.splitlines() if re.match("cost +(time|comp)", line)]
    said = "about 2.0 h on this CPU"
    assert times == [
        ["time", f"{said}; calibrated"],
        ["comparing", f"{said}, which is in the time; calibrated"],
    ]
    assert len(out.splitlines()) == len(guessed.splitlines()) - 1
    assert cli.main(["run", "all", "--dry-run", "--calibrate"]) == 0
    out = capsys.readouterr().out
    assert len(re.findall(r"^cost +time ", out, re.MULTILINE)) == 1


def test_how_models_are_loaded_is_an_option_of_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Precision, device and batch stand in the plan; the variable for the device serves ``run`` as well."""
    command = ["run", "rank-synthetic", "--dry-run", "--dtype", "float16", "--batch-tokens", "64"]
    assert cli.main([*command, "--device", "cuda:1"]) == 0
    assert "dtype float16, device cuda:1, 64 tokens per batch" in capsys.readouterr().out
    monkeypatch.setenv("PLATOSCOPE_DEVICE", "mps")
    assert cli.main(["run", "rank-synthetic", "--dry-run"]) == 0
    assert "device mps" in capsys.readouterr().out
    assert cli.main(["run", "rank-synthetic", "--dry-run", "--device-map", "auto"]) == 0
    assert "device_map auto" in capsys.readouterr().out


def test_run_without_items(monkeypatch: pytest.MonkeyPatch) -> None:
    """``--no-items`` is the setting of that name; without it the study decides."""
    settings = []

    def note(*_: object, **told: Any) -> None:
        settings.append(told["settings"]["items"])
        raise NotFoundError

    monkeypatch.setattr("platoscope.studies.make_plan", note)
    for option in ((), ("--no-items",)):
        assert cli.main(["run", "rank-synthetic", *option]) == 2
    assert settings == [None, False]


def test_run_beside_null_models(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """``--untrained`` is three seeds unless their number is given; words and mismatched seeds are asked for alone."""
    told = []

    def note(*_: object, **options: Any) -> None:
        told.append(tuple(options[name] for name in ("untrained", "mismatched_seeds", "shuffle_words")))
        raise NotFoundError

    with monkeypatch.context() as patched:
        patched.setattr("platoscope.studies.make_plan", note)
        for options in (
            (),
            ("--untrained",),
            ("--untrained-seeds", "2", "--mismatched-seeds"),
            ("--shuffle-words",),
        ):
            assert cli.main(["run", "rank-synthetic", *options]) == 2
    assert told == [(0, False, False), (3, False, False), (2, True, False), (0, False, True)]
    capsys.readouterr()
    assert cli.main(["run", "rank-synthetic", "--untrained", "--dry-run"]) == 2
    assert "it draws no profile" in capsys.readouterr().err
    assert cli.main(["run", "translations", "--untrained-seeds", "101", "--dry-run"]) == 2
    assert "--untrained-seeds must be a whole number, from 0 to 100" in capsys.readouterr().err


def test_run_all_runs_what_it_can_and_counts_the_passes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``run all`` gives each study its folder, and closes with how often models read for all of them."""
    from platoscope.studies import get_study

    studies = (get_study("rank-synthetic"), get_study("shared-features"))
    monkeypatch.setattr("platoscope.studies.list_studies", lambda: studies)
    assert cli.main(["run", "all", *SMALL, "--out", "here", "--dry-run"]) == 0
    assert "what they share counted once" in capsys.readouterr().out
    assert cli.main(["run", "all", *SMALL, "--out", "here"]) == 0
    assert (
        "0 sides of comparisons were asked for, 0 passes over a model serve them" in capsys.readouterr().out
    )
    assert {path.name for path in Path("here").iterdir()} == {
        "all.json",
        "checksums.txt",
        "rank-synthetic",
        "shared-features",
    }
    record = json.loads(Path("here/all.json").read_text(encoding="utf-8"))
    assert record["passes"] == {"asked": 0, "different": 0, "read": 0}
    assert 0 < record["seconds"]["choosing and reading"] < record["seconds"]["in all"]
    assert record["machine"]["cores"] >= 1


@pytest.mark.parametrize(
    "error", [MemoryError("Unable to allocate 9 GiB"), OSError(5, "Input/output error", "x")]
)
def test_a_study_that_fails_for_want_of_the_machine_stops_no_other(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a user can put right fails one study with a sentence, whoever raised it, and the others go on."""
    from platoscope import studies as package

    studies = (package.get_study("rank-synthetic"), package.get_study("shared-features"))
    monkeypatch.setattr("platoscope.studies.list_studies", lambda: studies)
    execute = package.execute

    def fail_first(plan: Any, /, **options: Any) -> Any:
        if plan.study.name == "rank-synthetic":
            raise error
        return execute(plan, **options)

    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr("platoscope.studies.execute", fail_first)
    monkeypatch.setattr("platoscope.studies.extract_all", fail)
    assert cli.main(["run", "all", *SMALL, "--out", "here"]) == 2
    printed = capsys.readouterr()
    reason = "not enough memory: Unable" if isinstance(error, MemoryError) else "Input/output error: x."
    assert f"Not everything could be extracted ahead: {reason}" in printed.err
    assert f"rank-synthetic was not finished: {reason}" in printed.err
    assert "shared-features: " in printed.out
    assert Path("here/shared-features/summary.json").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "rank-synthetic", "--dtype", "int8"], "int8"),
        (["run", "no-such-study"], "no-such-study"),
        (["run", "rank-synthetic", "--preset", "wrong"], "wrong"),
        (["run", "rank-synthetic", "--n", "2"], "2"),
        (["run", "translations", "--model", "no-such-model"], "no-such-model"),
        (["run", "translations", "--pairs", "no-such-corpus:en-it"], "no-such-corpus"),
        (["run", "translations", "--pooling", "median"], "median"),
        (["run", "translations", "--layers", "3-1"], "3-1"),
        (["data", "show", "no-such-data"], "no-such-data"),
        (["store", "info", "abcdef"], "abcdef"),
        (["compare", "abcdef", "fedcba"], "abcdef"),
        (["verdicts", "no-such-folder"], "no-such-folder"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a user can put right is one clear sentence on stderr and exit code 2, with no traceback."""
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("platoscope: ")
    assert said in captured.err
    assert "Traceback" not in captured.err
    assert len(captured.err.splitlines()) == 1


def test_debug_adds_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """``--debug`` changes neither the sentence, which comes last, nor the exit code."""
    assert cli.main(["run", "no-such-study"]) == 2
    sentence = capsys.readouterr().err
    assert cli.main(["run", "no-such-study", "--debug"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("Traceback (most recent call last):")
    assert "NotFoundError" in told
    assert told.endswith(sentence)


def test_debug_adds_the_traceback_of_each_study_of_all(capsys: pytest.CaptureFixture[str]) -> None:
    """A study that fails does not end the others, and its traceback is not lost for that."""
    try:
        msg = "nothing there"
        raise NotFoundError(msg)
    except NotFoundError as error:
        failures = {"one": error}
    assert report_failures(failures, debug=False) == 2
    sentence = capsys.readouterr().err
    assert sentence == "one was not finished: nothing there\n"
    assert report_failures(failures, debug=True) == 2
    told = capsys.readouterr().err
    assert told.startswith("Traceback (most recent call last):")
    assert told.endswith(sentence)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["run", "rank-synthetic", *SMALL, "--out", ""], "what follows --out is empty"),
        (["run", "rank-synthetic", *SMALL, "--out="], "--out is empty"),
        (["run", "rank-synthetic", *SMALL, "--store", ""], "what follows --store is empty"),
        (["reproduce", "runs", "--out", ""], "what follows --out is empty"),
        (["view", "", "--bundle", "site"], "an argument is empty"),
        (["compare", "a.npy", "b.npy", "--figure", ""], "what follows --figure is empty"),
        (["data", "prepare", "emoji", "a.tgz", "--out", ""], "what follows --out is empty"),
    ],
)
def test_empty_values_are_refused(
    arguments: list[str], what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a path, nothing would be the current folder: a variable of the shell that is not set must not fill it."""
    assert cli.main(arguments) == 2
    assert f"platoscope: {what}; give a value, or leave it out." in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_empty_paths_are_refused_in_python() -> None:
    """Reading pairs or runs of nothing does not read the current folder."""
    with pytest.raises(InputError, match="pairs must be a text that is not empty"):
        load_pairs("")
    with pytest.raises(InputError, match="folder must be a path; got ''"):
        find_runs("")


def test_unwritable_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run folder that cannot be made is one sentence and exit code 2."""
    (tmp_path / "taken").write_text("")
    assert cli.main(["run", "rank-synthetic", *SMALL, "--out", "taken/here"]) == 2
    assert "taken" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "results.nc"),
        StorageError("cannot write results.nc"),
    ],
)
def test_full_disk_says_how_to_go_on(
    error: OSError, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk, raised bare or as the cause of another error, says to make room and run again."""
    if isinstance(error, StorageError):
        error.__cause__ = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr("platoscope.studies.execute", _raise(error))
    assert cli.main(["run", "rank-synthetic"]) == 2
    said = capsys.readouterr().err
    assert "disk is full" in said
    assert "run the same command again" in said


def test_missing_extra_names_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing extra prints the exact command that installs it."""
    command = "pip install 'platoscope[models]'"
    error = MissingExtraError("reading hidden states", "torch", command)
    monkeypatch.setattr("platoscope.studies.execute", _raise(error))
    assert cli.main(["run", "rank-synthetic"]) == 2
    assert command in capsys.readouterr().err


def test_bugs_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that Platoscope did not raise on purpose is a bug, and not dressed up as a mistake of the user."""
    monkeypatch.setattr("platoscope.studies.execute", _raise(ZeroDivisionError("a bug")))
    with pytest.raises(ZeroDivisionError):
        cli.main(["run", "rank-synthetic"])


def test_interruption_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C is exit code 130 and a sentence on how to go on."""
    monkeypatch.setattr("platoscope.studies.execute", _raise(KeyboardInterrupt()))
    assert cli.main(["run", "rank-synthetic"]) == 130
    assert "goes on where this one stopped" in capsys.readouterr().err


def test_a_real_interruption_goes_on() -> None:
    """A process that gets SIGINT in the middle of its work ends with 130, and running again finishes."""
    command = [sys.executable, "-c", "import sys; from platoscope.cli import main; sys.exit(main())"]
    command += ["run", "shared-features", "--n", "400", "--out", "here"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        # One comparison is finished, the longer one is not.
        while running.poll() is None and not any(Path("here").glob("results/*.nc")):
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=120)
    assert running.returncode == 130, said
    assert "Traceback" not in said
    assert cli.main(["run", "shared-features", "--n", "60", "--resamples", "2", "--out", "here"]) == 0


@pytest.mark.parametrize("n_compiled", [1, 6])
def test_an_interruption_while_kernels_compile(tmp_path: Path, n_compiled: int) -> None:
    """One Ctrl-C is enough even where the compiler's callbacks swallow KeyboardInterrupt."""
    command = [sys.executable, "-m", "platoscope", "run", "shared-features", "--out", "here"]
    command += ["--n", "60", "--resamples", "2"]
    compiled = tmp_path / "compiled"
    environment = os.environ | {"NUMBA_CACHE_DIR": str(compiled)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as running:
        while running.poll() is None and len(list(compiled.rglob("*.nbi"))) < n_compiled:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=120)
    assert running.returncode == 130, said
    assert "platoscope: interrupted." in said
    assert not Path("here", "index.html").exists()


def test_warnings_are_sentences(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A warning of the library is a line on stderr without a place in the source."""

    def listing() -> tuple[()]:
        warnings.warn("3 pairs were dropped.", PlatoscopeWarning, stacklevel=1)
        return ()

    monkeypatch.setattr("platoscope.studies.list_studies", listing)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert cli.main(["studies", "--json"]) == 0
    assert capsys.readouterr().err == "warning: 3 pairs were dropped.\n"


def test_compare_of_two_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``compare`` reads files, prints Δ of both directions, and writes a table."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 80, 6)).astype(np.float32)
    np.save(tmp_path / "a.npy", x)
    np.save(tmp_path / "b.npy", x[:, :, :3])
    arguments = ["compare", "a.npy", "b.npy", "--measure", "information_imbalance", "--resamples", "0"]
    assert cli.main([*arguments, "--out", "out.csv", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    values = {(row["direction"], row["layer"]): row["value"] for row in rows if row["measure"] != "asymmetry"}
    assert values["a_to_b", 0] < values["b_to_a", 0]
    assert len((tmp_path / "out.csv").read_text().splitlines()) == len(rows) + 1


@pytest.mark.parametrize(("how", "n_rows"), [((), 2 * 2), (("--grid",), 2 * 4), (("--spaces",), 4 * 2 * 2)])
def test_compare_writes_a_table_of_items(how: tuple[str, ...], n_rows: int, tmp_path: Path) -> None:
    """``--items`` writes a row per direction, layer and item, whose share of Δ has Δ as its mean."""
    x = np.random.default_rng(0).standard_normal((2, 80, 40)).astype(np.float32)
    np.save("a.npy", x)
    np.save("b.npy", x[:, :, :20])
    arguments = ["compare", "a.npy", "b.npy", "--measure", "information_imbalance", "--resamples", "0", *how]
    assert cli.main([*arguments, "--items", "items.csv", "--out", "out.csv"]) == 0
    items, out = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("items", "out"))
    assert len(items) == n_rows * 80
    cells = [name for name in ("space", "direction", "layer_a", "layer_b") if name in items]
    deltas = out[out.measure == "information_imbalance"].set_index(cells).value
    pd.testing.assert_series_equal(
        items.groupby(cells).imbalance.mean().sort_index(), deltas.sort_index(), check_names=False
    )


def test_compare_says_on_which_side_of_the_norm_the_last_layer_stands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The space is printed with it, where the provenance knows."""
    x = np.random.default_rng(0).standard_normal((2, 80, 6)).astype(np.float32)
    for name, after in (("a", True), ("b", False)):
        made = Representations.from_arrays(x, provenance={"model": {"final_norm": after}})
        export(made, f"{name}.npz")
    assert cli.main(["compare", "a.npz", "b.npz", "--measure", "rsa", "--resamples", "0"]) == 0
    said = "rows none; euclidean; last layer A: after; B: before the final norm."
    assert capsys.readouterr().out.splitlines()[-1].endswith(said)


def test_compare_states_what_it_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Below the table stand items, pooling, space and what was left out; a file that is missing is called a file."""
    x = np.random.default_rng(0).standard_normal((2, 80, 6)).astype(np.float32)
    whole = Representations.from_arrays(x, ids=[f"s{i}" for i in range(80)], pooling="mean(20)")
    export(whole, tmp_path / "a.npz")
    export(whole.select(range(5, 80)), tmp_path / "b.npz")
    quick = ("--measure", "information_imbalance", "--resamples", "0", "--transform", "unit")
    assert cli.main(["compare", "a.npz", "b.npz", *quick]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("Compared: 75 items; pooling mean(20); rows unit; euclidean. Left out: 5 items ")
    assert cli.main(["compare", "a.npz", "gone.npz"]) == 2
    assert "There is no file 'gone.npz'" in capsys.readouterr().err
    (tmp_path / "a.zarr").mkdir()
    assert cli.main(["compare", "a.npz", "a.zarr"]) == 2
    assert "'a.zarr' is a folder. Give a file" in capsys.readouterr().err


def test_a_null_matched_in_tokens_needs_permutations_and_the_store(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """``--null-matched tokens`` is refused where nothing is permuted, and where nothing counted tokens."""
    np.save("a.npy", np.random.default_rng(0).standard_normal((2, 80, 6)).astype(np.float32))
    arguments = ["compare", "a.npy", "a.npy", "--resamples", "0", "--null-matched", "tokens"]
    assert cli.main(arguments) == 2
    assert "give --permutations as well" in capsys.readouterr().err
    assert cli.main([*arguments, "--permutations", "5"]) == 2
    assert "How many tokens the items have is not known" in capsys.readouterr().err


def test_an_error_speaks_of_the_options_that_were_typed(capsys: pytest.CaptureFixture[str]) -> None:
    """What the library calls n_neighbors and match='relative_depth' was typed, and is typed, in another way."""
    rng = np.random.default_rng(0)
    np.save("a.npy", rng.standard_normal((2, 30, 3)))
    np.save("b.npy", rng.standard_normal((3, 30, 3)))
    assert cli.main(["compare", "a.npy", "a.npy", "--neighbors", "30", "--resamples", "0"]) == 2
    said = capsys.readouterr().err
    assert "--neighbors must be between 1 and n_samples - 1 = 29; got 30" in said
    assert "n_neighbors" not in said
    assert cli.main(["compare", "a.npy", "b.npy", "--resamples", "0"]) == 2
    assert "Use --match relative_depth." in capsys.readouterr().err
    assert cli.main(["run", "rank-synthetic", "--n", "40"]) == 2
    assert "ask for 43 items or more, or for --resamples 0" in capsys.readouterr().err


def test_compare_in_several_spaces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--spaces`` prints Δ and the asymmetry per space, draws both beside the file, and refuses one transform."""
    x = np.random.default_rng(0).standard_normal((2, 80, 40)).astype(np.float32)
    np.save("a.npy", x)
    np.save("b.npy", x[:, :, :20])
    arguments = ["compare", "a.npy", "b.npy", "--spaces", "--resamples", "2", "--out", "out.nc", "--json"]
    assert cli.main(arguments) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["space"] for row in rows} == {"none", "unit", "clip", "zscore + unit"}
    assert {row["measure"] for row in rows} == {"information_imbalance", "asymmetry"}
    assert {path.name for path in tmp_path.glob("out.*")} == {"out.nc", "out.png", "out.svg", "out.pdf"}
    assert cli.main([*arguments, "--transform", "clip"]) == 2
    assert "leave out --transform" in capsys.readouterr().err


def test_compare_refuses_an_unknown_ending_before_it_works(capsys: pytest.CaptureFixture[str]) -> None:
    """``--out`` of another kind is refused although the inputs do not exist: the check comes first."""
    assert cli.main(["compare", "x", "y", "--out", "result.txt"]) == 2
    assert "result.txt" in capsys.readouterr().err
    assert cli.main(["compare", "x", "y", "--items", "items.nc"]) == 2
    assert "--items writes .csv (a table), got 'items.nc'" in capsys.readouterr().err


def test_empty_store(capsys: pytest.CaptureFixture[str]) -> None:
    """A store that holds nothing lists nothing, and nobody is told that all of it was checked."""
    assert cli.main(["store", "ls", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert cli.main(["store", "verify"]) == 0
    assert "no group in this store, so that nothing was checked" in capsys.readouterr().out


def test_data_list_says_how_to_get_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """``data list`` names every data set, and how to get those that are not here."""
    from platoscope.datasets import list_datasets

    assert cli.main(["data", "list"]) == 0
    printed = capsys.readouterr().out
    for info in list_datasets():
        assert info.name in printed
        assert info.available or info.how_to_get in printed


def test_data_list_does_not_claim_what_is_on_the_hub(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data of the hub are "from the hub or a local folder" where the library is installed, else not here."""
    for installed, said in ((True, "from the hub or a local folder"), (False, "no")):
        monkeypatch.setattr("platoscope.datasets.sources.opus_books.installed", lambda there=installed: there)
        assert cli.main(["data", "list"]) == 0
        line = next(row for row in capsys.readouterr().out.splitlines() if row.startswith("opus_books"))
        assert re.search(rf"text-text +{said} ", line)
        assert "Get it: " in line


def test_plan_loads_no_weights(capsys: pytest.CaptureFixture[str]) -> None:
    """``plan`` prints the passes over the model, without torch."""
    assert cli.main(["plan", "gemma-3-270m", "bible:en-it", "--n", "50", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert any(row["section"] == "cost" for row in rows)


def test_global_options_stand_anywhere() -> None:
    """Options of every command are moved to the front, but not past a double dash."""
    assert _globals_first(["run", "x", "--debug"]) == ["--debug", "run", "x"]
    assert _globals_first(["run", "--", "--debug"]) == ["run", "--", "--debug"]


def _write_pairs(n: int) -> None:
    """Write a table of `n` short pairs into the working folder."""
    rows = [{"en": f"word {i} and more of it", "it": f"parola {i} e altro"} for i in range(n)]
    Path("pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_compare_by_a_measure_without_directions(capsys: pytest.CaptureFixture[str]) -> None:
    """A table of symmetric measures only has no column for the direction."""
    np.save("r.npy", np.random.default_rng(0).standard_normal((2, 60, 4)).astype(np.float32))
    assert cli.main(["compare", "r.npy", "r.npy", "--measure", "cka_debiased", "--resamples", "0"]) == 0
    header, first, *_ = capsys.readouterr().out.splitlines()
    assert header.split() == ["measure", "layer_a", "layer_b", "value"]
    assert first.split() == ["cka_debiased", "0", "0", "1.0000"]


def test_a_study_file_keeps_its_seed_and_refuses_other_models(capsys: pytest.CaptureFixture[str]) -> None:
    """``run FILE`` plans with the file's seed unless told otherwise, and says that a model cannot be replaced."""
    side = 'type = "synthetic", construction = "low_rank", n_features = 4, values = [1, 2]'
    Path("s.toml").write_text(
        'name = "s"\nquestion = "Which?"\n[settings]\nseed = 7\n[[comparison]]\nlabel = "x"\n'
        f'a = {{ {side}, role = "x" }}\nb = {{ {side}, role = "y" }}\n',
        encoding="utf-8",
    )
    assert cli.main(["run", "s.toml", "--dry-run"]) == 0
    assert "seed 7" in capsys.readouterr().out
    assert cli.main(["run", "s.toml", "--dry-run", "--seed", "0"]) == 0
    assert "seed 0" in capsys.readouterr().out
    assert cli.main(["run", "s.toml", "--dry-run", "--model", "gemma-3-270m"]) == 2
    assert "--model" in capsys.readouterr().err


def test_a_run_that_computes_nothing_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """A second run into the same folder says that everything was there."""
    command = ["run", "rank-synthetic", *SMALL, "--out", "here"]
    assert cli.main(command) == 0
    assert "on disk already" not in capsys.readouterr().out
    assert cli.main(command) == 0
    printed = capsys.readouterr().out
    assert "Every comparison was on disk already." in printed
    assert "Time:" not in printed


def test_a_run_that_goes_on_says_what_was_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Of two comparisons one was computed before, by a run that did not come to the other."""
    command = ["run", "shared-features", *SMALL, "--out", "here"]
    assert cli.main(command) == 0
    next(Path("here/results").glob("*.nc")).unlink()
    capsys.readouterr()
    assert cli.main(command) == 0
    assert "On disk already were 1 of 2 comparisons." in capsys.readouterr().out


def test_data_show_prints_both_sides_of_one_name(capsys: pytest.CaptureFixture[str]) -> None:
    """Sides of one name, as of ``same:``, are both shown, in the table and as JSON."""
    _write_pairs(3)
    assert cli.main(["data", "show", "same:pairs.jsonl", "--n", "1"]) == 0
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("en: ")]
    assert len(shown) == 2
    assert cli.main(["data", "show", "same:pairs.jsonl", "--n", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sides"] == {"a": "en", "b": "en"}
    assert set(told["examples"][0]) == {"id", "a", "b"}


def test_data_show_says_the_strata_and_writes_for_readers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether a column of strata was found is said, and columns are words, not a list of Python."""
    lines = ["stratum,en,it", *(f"book {i % 2},one {i},uno {i}" for i in range(6))]
    (tmp_path / "pairs.csv").write_text("\n".join(lines), encoding="utf-8")
    assert cli.main(["data", "show", "pairs.csv"]) == 0
    printed = capsys.readouterr().out
    assert "2 strata, such as 'book 0'" in printed
    assert "columns  en, it" in printed
    assert cli.main(["data", "show", "pairs.csv", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_strata"] == 2


def test_plan_counts_no_more_pairs_than_a_file_has(capsys: pytest.CaptureFixture[str]) -> None:
    """``plan FILE`` prices the rows of the file, and says when they are too few."""
    _write_pairs(50)
    assert cli.main(["plan", "gemma-3-270m", "pairs.jsonl"]) == 0
    assert "50 pairs" in capsys.readouterr().out
    _write_pairs(30)
    assert cli.main(["plan", "gemma-3-270m", "pairs.jsonl"]) == 2
    assert "at most 30 pairs" in capsys.readouterr().err


def _planned(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
    """Run ``plan`` and return its costs."""
    assert cli.main(["plan", *arguments, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    return {row["item"]: row["detail"] for row in rows if row["section"] == "cost"}


def test_plan_of_a_model_beyond_one_device(capsys: pytest.CaptureFixture[str]) -> None:
    """FP8 DeepSeek-V3: memory as published, how many devices that takes, and no time that means nothing."""
    command = ["deepseek-ai/DeepSeek-V3", "opus_books:en-it", "--n", "2000", "--layers", "0,61"]
    costs = _planned(capsys, *command, "--device-memory", "141")
    assert costs["memory"].startswith("weights 670 GB in float8;")
    small = _planned(capsys, "gemma-3-270m", "bible:en-it", "--dtype", "float8")
    assert small["memory"].startswith("weights 268 MB in float8, if they are published so;")
    assert cli.main(["run", "translations", "--dry-run", "--dtype", "float8"]) == 2
    assert "--dtype must be one of auto, float32, bfloat16, float16; got 'float8'" in capsys.readouterr().err
    assert costs["devices"] == "GPUs of 141 GB: 7 in float8 (--device-map auto)"
    assert costs["time"].startswith("not estimated: more memory than this machine has free")
    assert costs["disk"] == "235 MB"  # 2 sides × 2 layers × 16 units of 128 items × 7,168 features × 4 bytes
    given = _planned(capsys, *command, "--tokens-per-second", "2000")
    assert given["time"] == "about 2 min at the 2,000 tokens per second that were given"
    given = _planned(capsys, *command, "--tflops", "10")
    assert given["time"].endswith("at the 10 × 10^12 operations per second that were given")
    assert cli.main(["plan", *command, "--tflops", "1", "--tokens-per-second", "1"]) == 2
    assert "give one of them" in capsys.readouterr().err


def test_plan_of_what_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither data nor weights are needed to say what they take; how to get them is said as well."""
    here = _planned(capsys, "gemma-3-270m", "bible:en-it", "--tflops", "1")
    for what in ("_data_problem", "_model_problem"):
        with monkeypatch.context() as patch:
            patch.setattr(
                f"platoscope.studies.plan.availability.{what}",
                lambda _name: ("It is not installed.", "pip install it"),
            )
            assert _planned(capsys, "gemma-3-270m", "bible:en-it", "--tflops", "1") == here
            assert cli.main(["plan", "gemma-3-270m", "bible:en-it"]) == 0
            assert "It is not installed. Get it: pip install it" in " ".join(capsys.readouterr().out.split())
    assert cli.main(["plan", "gemma-3-270m", "bible:en-it", "--layers", "99"]) == 2
    assert "99" in capsys.readouterr().err


def test_plan_of_one_tower(capsys: pytest.CaptureFixture[str]) -> None:
    """One tower of CLIP is planned by ``--tower``; without it the error names the choice or nothing is priced."""
    command = ["openai/clip-vit-large-patch14", "opus_books:en-it", "--side", "a", "--pooling", "mean"]
    costs = _planned(capsys, *command, "--tower", "text", "--dtype", "float32")
    assert costs["memory"].startswith("weights 492 MB in float32;")
    assert costs["disk"] == "40.9 MB"  # 13 layers × 1,024 items, 128 a unit, × 768 features × 4 bytes


def test_near_duplicates_are_dropped_on_demand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``data show`` counts them, ``extract`` leaves them out, and a share that is none is an error."""
    from platoscope.representations import Representations

    read: list[int] = []

    def reading(encoder: object, pairs: Any, **_: object) -> Representations:
        read.append(len(pairs))
        return Representations.from_arrays([np.zeros((len(pairs), 2), dtype=np.float32)])

    _write_pairs(50)
    assert cli.main(["data", "show", "pairs.jsonl", "--near-duplicates", "0.99", "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)["counts"]
    assert [count["step"] for count in counts][-1] == "near-duplicates"
    with Path("pairs.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"en": "WORD 3 and  more of it", "it": "altro"}) + "\n")
    monkeypatch.setattr("platoscope.models.load_model", lambda *_, **__: SimpleNamespace(name="tiny"))
    monkeypatch.setattr("platoscope.representations.extract", reading)
    assert cli.main(["extract", "tiny", "pairs.jsonl", "--near-duplicates", "0.99", "--side", "a"]) == 0
    assert read == [50]
    assert cli.main(["extract", "tiny", "pairs.jsonl", "--near-duplicates", "2"]) == 2
    assert "at most 1" in capsys.readouterr().err


def test_extract_of_all_pairs_asks_for_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ``--n`` all pairs are read, and no warning speaks of fewer than asked for."""
    from platoscope.representations import Representations

    read: list[int] = []

    def reading(encoder: object, pairs: Any, **_: object) -> Representations:
        read.append(len(pairs))
        return Representations.from_arrays([np.zeros((len(pairs), 2), dtype=np.float32)])

    _write_pairs(50)
    monkeypatch.setattr("platoscope.models.load_model", lambda *_, **__: SimpleNamespace(name="tiny"))
    monkeypatch.setattr("platoscope.representations.extract", reading)
    assert cli.main(["extract", "tiny", "pairs.jsonl"]) == 0  # a warning is an error here
    assert cli.main(["extract", "tiny", "pairs.jsonl", "--n", "40", "--side", "a"]) == 0
    assert read == [50, 50, 40]


def test_verify_names_the_damaged_files_of_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and the file, figures and page included; drawing again puts a picture right."""
    assert cli.main(["run", "rank-synthetic", *SMALL, "--out", "here"]) == 0
    assert cli.main(["verify", "here"]) == 0
    assert "Everything is whole." in capsys.readouterr().out
    for file in ("index.html", "figures/figure.png"):
        content = bytearray(Path("here", file).read_bytes())
        content[100] ^= 1
        Path("here", file).write_bytes(content)
        assert cli.main(["verify", "here", "--json"]) == 2
        assert json.loads(capsys.readouterr().out) == [
            {"run": "here", "file": file, "reason": "its checksum does not match"}
        ]
        assert cli.main(["figures", "here"]) == 0
        capsys.readouterr()
    assert cli.main(["verify", "here"]) == 0
