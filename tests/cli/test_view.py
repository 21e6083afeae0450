"""``view``: runs on a server that only this machine reaches, and as a static site."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from platoscope.cli import main
from platoscope.errors import StorageError
from platoscope.kept import DRAFT
from platoscope.report import write_report
from platoscope.report.serving import open_server
from platoscope.report.site import find_runs, index_page
from platoscope.studies import execute, get_study, make_plan
from platoscope.studies.run.run_folder import RunFolder
from platoscope.studies.run.runs import plan_to

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import ThreadingHTTPServer
    from pathlib import Path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a run, a damaged one, and a file and a link that are no business of a reader."""
    root = tmp_path_factory.mktemp("view")
    plan = make_plan(get_study("rank-synthetic"), n=48, n_resamples=4, n_permutations=0)
    result = execute(plan, out=root / "runs" / "whole & so", store=root / "store")
    write_report(result, result.folder)
    shutil.copytree(result.folder, root / "runs" / "hurt")
    (root / "runs" / "hurt" / "verdicts.json").write_text("[")
    (root / "secret.svg").write_text("secret")
    (root / "runs" / "secret.svg").write_text("secret")
    (root / "runs" / "whole & so" / "figures" / "link.svg").symlink_to(root / "secret.svg")
    return root / "runs"


@pytest.fixture
def server(runs: Path) -> Iterator[ThreadingHTTPServer]:
    """Give a server in a thread."""
    with open_server(runs) as opened:
        thread = threading.Thread(target=opened.serve_forever)
        thread.start()
        yield opened
        opened.shutdown()
        thread.join()


def _get(server: ThreadingHTTPServer, path: str, *, host: str | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    connection.request("GET", path, headers={} if host is None else {"Host": host})
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def test_index_lists_runs_and_links_their_pages(server: ThreadingHTTPServer, runs: Path) -> None:
    """The index says what each run is, and of a damaged one why it is not shown."""
    status, content = _get(server, "/")
    text = content.decode()
    assert status == 200
    assert '<a href="./whole%20%26%20so/index.html">whole &amp; so</a>' in text
    assert "<td>rank-synthetic</td>" in text
    assert "<b>hurt</b>: " in text
    assert "verdicts.json is damaged" in text
    status, page = _get(server, "/whole%20%26%20so/index.html")
    assert (status, page) == (200, (runs / "whole & so" / "index.html").read_bytes())
    assert _get(server, "/whole%20%26%20so/figures/figure.png")[1].startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "path",
    [
        "/secret.svg",
        "/../secret.svg",
        "/whole%20%26%20so/../secret.svg",
        "/whole%20%26%20so/figures/../../secret.svg",
        "/whole%20%26%20so/figures/%2e%2e%2f%2e%2e%2fsecret.svg",
        "/whole%20%26%20so/figures/link.svg",
        "/whole%20%26%20so/config.json",
        "/whole%20%26%20so/figures",
        "//etc/passwd",
        "/%00",
    ],
)
def test_nothing_beside_the_pages_is_served(path: str, server: ThreadingHTTPServer) -> None:
    """Addresses that lead out of a run, through links too, and files that a page does not need, are not found."""
    assert _get(server, path)[0] == 404


def test_another_name_of_the_host_is_refused(server: ThreadingHTTPServer) -> None:
    """A site that has its name point to this machine reads nothing."""
    assert _get(server, "/", host="example.org")[0] == 403


def test_it_listens_to_this_machine_alone(server: ThreadingHTTPServer) -> None:
    """The address is that of the loopback."""
    assert server.server_address[0] == "127.0.0.1"


def test_a_taken_port_is_one_sentence(server: ThreadingHTTPServer, runs: Path) -> None:
    """Where another program listens, the error says so and what to do."""
    with pytest.raises(StorageError, match="Leave --port out for one that is free"):
        open_server(runs, port=server.server_port)


@pytest.mark.skipif(sys.platform == "win32", reason="sends the signal of a terminal")
def test_an_interruption_ends_it_without_a_traceback(runs: Path) -> None:
    """The address is printed at once, and Ctrl-C ends the command in order."""
    command = [sys.executable, "-m", "platoscope", "view", str(runs)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("http://127.0.0.1:")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")


def test_a_bundle_is_a_folder_of_files(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A static site has the index and the page of each run; it is not written over anything."""
    assert main(["view", str(runs), "--bundle", str(tmp_path / "site")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'site' / 'index.html'}\n"
    assert (tmp_path / "site" / "index.html").read_text(encoding="utf-8") == index_page(find_runs(runs))
    copied = tmp_path / "site" / "whole & so"
    assert (copied / "index.html").read_bytes() == (runs / "whole & so" / "index.html").read_bytes()
    assert not (copied / "config.json").exists()
    assert main(["view", str(runs), "--bundle", str(tmp_path / "site")]) == 2
    assert "holds something already" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="a process there dies of no signal")
def test_a_bundle_that_is_killed_leaves_the_place_free(runs: Path, tmp_path: Path) -> None:
    """SIGKILL in the middle leaves no site that is not whole, and the next call sweeps what lies beside it."""
    killed = (
        "import os, shutil, signal, sys\n"
        "from platoscope.cli import main\n"
        "shutil.copytree = lambda *args: os.kill(os.getpid(), signal.SIGKILL)\n"
        "main(sys.argv[1:])"
    )
    command = ["view", str(runs), "--bundle", str(tmp_path / "site")]
    process = subprocess.run([sys.executable, "-c", killed, *command], check=False, capture_output=True)
    assert process.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(DRAFT)
    assert main(command) == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["site"]
    assert (tmp_path / "site" / "index.html").is_file()


def test_an_empty_folder_becomes_the_site_but_for_the_current_one(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder is put in the place of the empty one, which whoever is in it would not see."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    monkeypatch.chdir(tmp_path / "empty")
    assert main(["view", str(runs), "--bundle", "."]) == 2
    assert "is the folder that you are in" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert main(["view", str(runs), "--bundle", "link"]) == 0
    assert (tmp_path / "empty" / "index.html").is_file()


def test_a_folder_without_runs_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error says what was looked for."""
    assert main(["view", str(tmp_path)]) == 2
    assert "holds no run: neither it nor a folder in it has a config.json" in capsys.readouterr().err


def test_the_best_layer_is_never_that_of_a_baseline(tmp_path: Path) -> None:
    """Where an untrained model has a smaller Δ than the trained one, the index names the trained one."""
    plan = make_plan(get_study("null-models"), skip_missing=True)
    folder = RunFolder(tmp_path / "runs" / "nulls")
    folder.prepare()
    for name, content in (("config", plan_to(plan)), ("verdicts", []), ("provenance", {})):
        folder.write_json(name, content)
    smallest = {label: 0.1 for label in (item.label for item in plan.comparisons)}
    smallest["gemma-3-270m bible:en-it trained"] = 0.4
    rows = [
        {"label": label, "n_samples": 60, "best": {"a_to_b": {"layer": 3, "value": value}}}
        for label, value in smallest.items()
    ]
    folder.write_json("summary", {"rows": rows})
    assert "gemma-3-270m bible:en-it trained: A → B 0.400 at 3" in index_page(find_runs(tmp_path / "runs"))
