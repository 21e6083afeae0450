"""A store in an object store: the same keys and bytes as in a folder, whoever else writes, and whatever breaks."""

from __future__ import annotations

import json
import pickle
import signal
import subprocess
import sys
import threading
import urllib.request
import uuid
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from platoscope import cli, information_imbalance
from platoscope.errors import (
    InputError,
    MissingExtraError,
    PlatoscopeWarning,
    StorageError,
    UnreachableError,
)
from platoscope.layerwise import _in_blocks, imbalance_in_blocks
from platoscope.representations import (
    Representations,
    extract,
    info,
    list_store,
    open_representations,
    remove,
    verify,
)
from platoscope.representations._group import find_group
from platoscope.representations._objects import ObjectFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

for _package in ("obstore", "moto.server", "flask_cors"):
    pytest.importorskip(_package, reason="pip install 'platoscope[object-store]' 'moto[server]'")

N_ITEMS = 50  # units of 16 rows: 3 whole ones and one of 2 rows; batches of 7 cross their borders
UNIT = "mean_3/c.0.1.0"
STUDY = """
name = "one"
question = "Do they agree?"

[settings]
n = 60
n_resamples = 4
n_permutations = 4
dtype = "float32"

[[comparison]]
label = "last"
kind = "profile"
a = {{ model = "{model}", side = "a", pooling = "last" }}
b = {{ model = "{model}", side = "b", pooling = "last" }}
items = {{ data = "{pairs}", minimum = 1, maximum = 500 }}
"""
QUICK = {
    "max_retries": 5,
    "retry_timeout": timedelta(seconds=10),
    "backoff": {"init_backoff": timedelta(milliseconds=5), "max_backoff": timedelta(milliseconds=20)},
}


@pytest.fixture(scope="session")
def tools(load_file: Callable[[Path], ModuleType]) -> ModuleType:
    """Load the module ``object_server.py``: the server and the relay before it."""
    return load_file(Path(__file__).with_name("object_server.py"))


@pytest.fixture(scope="session")
def server(tools: ModuleType) -> Iterator[int]:
    """Start one server for all tests; each has a bucket of its own."""
    with tools.start_server() as port:
        yield port


@pytest.fixture
def relay(server: int, tools: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Put a relay before the server, where the environment says the endpoint is."""
    monkeypatch.setattr("platoscope.representations._objects._RETRIES", QUICK)
    between = tools.Relay(server)
    threading.Thread(target=between.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    settings = {
        "AWS_ACCESS_KEY_ID": tools.KEY_ID,
        "AWS_SECRET_ACCESS_KEY": tools.SECRET,
        "AWS_SESSION_TOKEN": tools.TOKEN,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{between.server_port}",
        "AWS_ALLOW_HTTP": "true",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    yield between
    between.shutdown()
    between.server_close()


@pytest.fixture
def store(relay: Any, server: int, small_units: int) -> str:
    """Give the URL of an empty store."""
    bucket = uuid.uuid4().hex
    made = urllib.request.Request(f"http://127.0.0.1:{server}/{bucket}", method="PUT")
    with urllib.request.urlopen(made):
        return f"s3://{bucket}/a folder"


def _extract(fake: ModuleType, store: str | Path, **settings: Any) -> Representations:
    return extract(fake.FakeEncoder(**settings), fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=store)


def _objects(store: str) -> dict[str, bytes]:
    """Every object below the store."""
    folder = ObjectFolder(store)
    return {path: folder._read(path) for path, _ in folder._below("")}


def _numbers(content: dict[str, bytes]) -> dict[str, bytes]:
    """Keep what must be equal wherever it was made: states, batches and lengths."""
    return {name: value for name, value in content.items() if not name.endswith("zarr.json")}


@pytest.fixture
def local(fake: ModuleType, tmp_path: Path, small_units: int) -> dict[str, bytes]:
    """Extract to a folder, and give its files."""
    root = tmp_path / "local"
    _extract(fake, root)
    return {f.relative_to(root).as_posix(): f.read_bytes() for f in root.rglob("*") if f.is_file()}


def test_it_is_the_store_of_a_folder(store: str, fake: ModuleType, local: dict[str, bytes]) -> None:
    """Keys, names and bytes are those of a folder, and so is what lists, opens, checks and removes."""
    assert list_store(store) == ()
    r = _extract(fake, store)
    content = _objects(store)
    assert content.keys() == local.keys()
    assert _numbers(content) == _numbers(local)
    again = fake.FakeEncoder()
    extract(again, fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=store)
    assert again.encoded == []
    (record,) = list_store(store)
    inside = {name: value for name, value in content.items() if name.startswith(r.key)}
    assert (record.key, record.n_items, record.size) == (r.key, N_ITEMS, sum(map(len, inside.values())))
    assert [(each.pooling, each.done_items) for each in record.arrays] == [("mean(3)", 50), ("tokens(2)", 50)]
    opened = open_representations(r.key[:8], store=store, pooling="mean(3)")
    assert np.array_equal(np.stack(list(opened.select([40, 3]))), np.stack(list(r))[:, [40, 3]])
    assert verify(store) == ()
    assert remove(store, r.key).key == r.key
    assert _objects(store).keys() == {"zarr.json"}


def test_zarr_reads_it(store: str, fake: ModuleType) -> None:
    """Nothing of it is Platoscope's own: any program with Zarr reads the same numbers."""
    import zarr
    from obstore.store import from_url
    from zarr.storage import ObjectStore

    r = _extract(fake, store)
    group = zarr.open_group(ObjectStore(from_url(store), read_only=True), mode="r")[r.key]
    assert np.array_equal(group["mean_3"][:][:, np.argsort(group["order"][:])], np.stack(list(r)))


def test_what_it_costs(store: str, fake: ModuleType, relay: Any) -> None:
    """Requests of a layer and of a check are those that docs/howto/object-store.md says, and of a unit that is written."""
    seen: list[str] = []

    def watch(_n: int, method: str, path: str) -> str:
        seen.append(f"{method} {path}")
        return ""

    def count(method: str, within: str) -> int:
        return sum(each.startswith(method) and within in each for each in seen)

    r = extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling="mean(3)", store=store)
    relay.fault = watch
    r[0]
    assert count("", "") == count("GET", "/mean_3/c.0.") == 4
    seen.clear()
    assert verify(store) == ()
    assert count("GET", "/mean_3/c.0.") == 4 * (1 + len(r))
    seen.clear()
    (array,) = find_group(ObjectFolder(store), r.key).arrays()
    seen.clear()
    array.write_unit(0, np.zeros((4, 16, 1, 6), np.float32))
    assert (len(seen), count("PUT", "/mean_3/c.0.0.0"), count("GET", "zarr.json")) == (3, 1, 2)


def test_what_comparing_in_blocks_costs(store: str, fake: ModuleType, relay: Any) -> None:
    """Each process reads a layer once, however many runs it gets: requests are those that docs/measures.md says."""
    n_units, runs = 4, [(0, 20), (20, 50)]
    keys = [_extract(fake, store, seed=seed).key for seed in (0, 1)]
    x, y = (open_representations(key, store=store, pooling="mean(3)")[1:2] for key in keys)
    requests, sent = relay.counted, relay.sent
    found = imbalance_in_blocks(x, y, items_per_block=20)
    assert relay.counted - requests == 2 * (n_units + 1) + 8
    assert relay.sent - sent > 2 * 4 * n_units * 16 * x.n_features + 16 * N_ITEMS
    assert tuple(found) == tuple(information_imbalance(x[0], y[0]))
    work = _in_blocks._Work("a call", (x, y), "euclidean", "none", 1)
    fingerprint = _in_blocks._Rows.of(work).fingerprint
    requests = relay.counted
    for run in runs:  # as a worker gets them: each time with copies of the layers
        _in_blocks._there(*pickle.loads(pickle.dumps((work, fingerprint, run))))
    assert relay.counted - requests == 2 * (n_units + 1)


@pytest.mark.parametrize(
    "harm",
    [
        lambda content: content[:40] + bytes([content[40] ^ 1]) + content[41:],
        lambda content: content[:-200],
        lambda content: content[: len(content) // 3],
        lambda _: b"",
        lambda _: None,
    ],
    ids=["flipped", "short", "very short", "empty", "gone"],
)
def test_a_damaged_object_is_found_and_made_again(
    store: str, fake: ModuleType, harm: Callable[[bytes], bytes | None]
) -> None:
    """Reading names it, `verify` finds it, and the extraction makes it anew and nothing else."""
    r = _extract(fake, store)
    before, folder, name = _objects(store), ObjectFolder(store), f"{r.key}/{UNIT}"
    harmed = harm(before[name])
    folder.remove(name) if harmed is None else folder.write(name, [harmed])
    with pytest.raises(StorageError, match="Unit 1.*cannot be used.*Run the same extraction again"):
        list(r)
    assert [(problem.unit, problem.unfinished) for problem in verify(store)] == [(1, False)]
    again = fake.FakeEncoder()
    extract(again, fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=store)
    assert 0 < len(again.encoded) < 5
    assert _numbers(_objects(store)) == _numbers(before)


def test_one_in_twenty_requests_fails(
    store: str, fake: ModuleType, relay: Any, local: dict[str, bytes]
) -> None:
    """Refused, lost and cut requests are repeated, or end the command with one sentence; the next one goes on."""
    chance = np.random.default_rng(0)
    kinds = ("reset", "503", "lost", "cut")
    relay.fault = lambda *_: kinds[len(relay.faulty) % 4] if chance.random() < 0.05 else ""
    sentences = []
    for _ in range(10):
        try:
            r = _extract(fake, store)
            assert verify(store) == ()
            numbers = np.stack(list(r))
            break
        except UnreachableError as error:
            sentences.append(str(error))
    relay.fault = lambda *_: ""
    assert {fault.split()[0] for fault in relay.faulty} == set(kinds)
    assert len(relay.faulty) > 0.03 * relay.counted
    assert all("run again to go on" in sentence for sentence in sentences)
    assert _numbers(_objects(store)) == _numbers(local)
    assert np.array_equal(numbers, np.stack(list(_extract(fake, store))))


def test_a_killed_process_goes_on_where_it_was(store: str, fake: ModuleType, local: dict[str, bytes]) -> None:
    """Units that were written before stay, and the bytes come out the same."""
    command = [sys.executable, str(fake.__file__), store, str(N_ITEMS), "16", "encode:5"]
    assert subprocess.run(command, check=False, timeout=120).returncode == -signal.SIGKILL
    kept = {name for name in _objects(store) if "/c.0." in name}
    assert kept
    again = fake.FakeEncoder()
    extract(again, fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=store)
    assert len(again.encoded) < 8
    assert _numbers(_objects(store)) == _numbers(local)


def test_writers_at_the_same_time_write_the_same(
    store: str, fake: ModuleType, local: dict[str, bytes]
) -> None:
    """Three of them, each of which finds an empty store."""
    together = threading.Barrier(3)

    class Slow(fake.FakeEncoder):
        def batches(self, lengths: np.ndarray, /) -> list[np.ndarray]:
            together.wait(timeout=60)
            found: list[np.ndarray] = super().batches(lengths)
            return found

    found: list[Representations] = []
    threads = [
        threading.Thread(
            target=lambda: found.append(
                extract(Slow(), fake.sentences(N_ITEMS), pooling=fake.POOLINGS, store=store)
            )
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({np.stack(list(r)).tobytes() for r in found}) == 1 == len({r.key for r in found})
    assert len(found) == 3
    assert _numbers(_objects(store)) == _numbers(local)
    assert verify(store) == ()


@pytest.mark.parametrize("conditional", ["put", "disabled", "ignored"])
def test_of_two_that_make_a_group_the_first_stays(
    store: str, relay: Any, conditional: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever each had written before, all files are those of one: also where the server refuses no second put."""
    if conditional == "disabled":
        monkeypatch.setenv("AWS_CONDITIONAL_PUT", "disabled")
    if conditional == "ignored":
        relay.fault = lambda *_: "forgetful"
    mine, theirs = (
        {name: who for name in ("order/c.0", "sizes/c.0", "zarr.json")} for who in (b"me", b"you")
    )
    folder = ObjectFolder(store)
    folder.write("group/sizes/c.0", [theirs["sizes/c.0"]])  # they have begun
    assert folder.create("group", mine) is False
    assert folder.create("group", theirs) is False
    assert {path: folder._read(f"group/{path}") for path in mine} == mine


def test_what_a_removal_left_is_swept(store: str, fake: ModuleType, local: dict[str, bytes]) -> None:
    """Units of other batches, of a group that was removed in part, are never taken for those of the new one."""
    key = _extract(fake, store, batch_size=5).key
    folder = ObjectFolder(store)
    folder.remove(f"{key}/zarr.json")
    assert "has no metadata" in list_store(store)[0].damage
    with pytest.warns(PlatoscopeWarning, match="had no metadata.*extracted anew"):
        again = _extract(fake, store)
    assert again.key == key
    assert _numbers(_objects(store)) == _numbers(local)


def test_a_unit_of_an_array_that_is_removed_meanwhile_does_not_stay(
    store: str, fake: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who removes a group while another process writes into it finds nothing of it afterwards."""
    written = ObjectFolder.write

    def write(folder: ObjectFolder, path: str, pieces: Any, /) -> None:
        if path.endswith(UNIT):
            remove(store, path[:64])
        written(folder, path, pieces)

    monkeypatch.setattr(ObjectFolder, "write", write)
    with pytest.raises(StorageError, match="it was removed meanwhile"):
        _extract(fake, store)
    assert _objects(store).keys() == {"zarr.json"}


def test_what_cannot_be_reached_is_not_called_damaged(store: str, fake: ModuleType, relay: Any) -> None:
    """Nothing is known of what lies there, so nothing is listed, and nobody is told to remove it."""
    r = _extract(fake, store)
    for fault, reason in (("503", "answers 503 Service Unavailable"), ("reset", "the connection was cut")):
        relay.fault = lambda _n, method, path, fault=fault: fault if "zarr.json" in path else ""
        for use in (lambda: list_store(store), lambda: verify(store), lambda: info(store, r.key)):
            with pytest.raises(UnreachableError, match=reason) as raised:
                use()
            assert "remove" not in str(raised.value)


def test_a_server_that_is_not_there(
    store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence and exit code 2; so for a bucket that is not there, and an endpoint without TLS."""
    assert cli.main(["store", "ls", "--store", "s3://no-such-bucket/store"]) == 2
    assert "s3://no-such-bucket/store cannot be used: there is no such bucket" in capsys.readouterr().err
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    assert cli.main(["store", "ls", "--store", store]) == 2
    assert (
        "its endpoint is not https, which a variable allows (AWS_ALLOW_HTTP=true)" in capsys.readouterr().err
    )
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert cli.main(["store", "verify", "--store", store]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "nothing answers at its endpoint" in said.err


def test_credentials_are_written_nowhere(
    store: str,
    fake: ModuleType,
    relay: Any,
    tools: ModuleType,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Not into objects, provenance, pickles, what is printed, or errors, whatever the server answers."""
    r = _extract(fake, store)
    told = [repr(r), repr(dict(r.provenance)), repr(pickle.dumps(r)), repr(pickle.dumps(ObjectFolder(store)))]
    told += [repr(content) for content in _objects(store).values()]
    for command in (["ls"], ["info", r.key[:8], "--json"], ["verify"]):
        assert cli.main(["store", *command, "--store", store]) == 0
    relay.fault = lambda *_: "403"
    assert cli.main(["store", "ls", "--store", store]) == 2
    with pytest.raises(UnreachableError, match=r"403 Forbidden \(SignatureDoesNotMatch\)") as raised:
        list(r)
    told += [str(raised.value), repr(raised.value.__cause__), *capfd.readouterr()]
    assert "SignatureDoesNotMatch" in told[-1]
    for secret in (tools.KEY_ID, tools.SECRET, tools.TOKEN):
        assert not [text for text in told if secret in text]


@pytest.mark.parametrize("cluster", ["", pytest.param("local:1", marks=pytest.mark.slow)])
def test_a_run_has_no_credentials(
    store: str, tools: ModuleType, cluster: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its folder is written here, its states go there, from here or from a worker, and nothing says by whom."""
    if cluster:
        pytest.importorskip("distributed", reason="pip install 'platoscope[cluster]'")
    testing = pytest.importorskip("platoscope.testing.models")
    model, pairs, study, run = (tmp_path / name for name in ("tiny", "pairs.jsonl", "study.toml", "run"))
    testing.save_tiny_model("llama", model)
    rows = [{"id": str(i), "en": f"river stone {i}", "it": f"fiume sasso {i}"} for i in range(60)]
    pairs.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    study.write_text(STUDY.format(model=model, pairs=pairs), encoding="utf-8")
    options = ["--store", store, "--out", str(run), "--verbose", *(["--cluster", cluster] if cluster else [])]
    assert cli.main(["run", str(study), *options]) == 0
    assert len(list_store(store)) == 2
    files = [file.read_bytes() for file in run.rglob("*") if file.is_file()]
    assert files
    told = [*files, *_objects(store).values(), "".join(capfd.readouterr()).encode()]
    for secret in (tools.KEY_ID, tools.SECRET, tools.TOKEN):
        assert not [content for content in told if secret.encode() in content]


@pytest.mark.parametrize(
    "url",
    [
        "s3://me:hidden@bucket/folder",
        "s3://hidden@bucket",
        "s3://me:hid/hidden@bucket/folder",
        "gs://bucket/folder?token=hidden",
        "az://container/folder?sig=hidden",
        "https://me:hidden@host/folder",
        "s3://bucket/folder#hidden",
        "s3:/me:hidden@bucket",
        "s3://me:hidden@\nbucket",
        "abfs://container:hidden@account.dfs.core.windows.net/x",
    ],
)
def test_a_url_with_credentials_is_refused(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    """It would stand in provenance, logs and lists of processes; the error does not repeat it."""
    with pytest.raises(InputError, match="not repeated here.*in the environment") as raised:
        list_store(url)
    for command in (["store", "ls"], ["doctor"], ["run", "default"]):
        assert cli.main([*command, "--store", url]) != 0
    assert "hidden" not in f"{raised.value} {capfd.readouterr()}"


def test_what_other_object_stores_do_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that refuses to delete what is gone, and one that gives no last bytes (Azure), serve as well."""
    import obstore
    from obstore.exceptions import NotSupportedError
    from obstore.store import LocalStore

    given = obstore.get

    def get(store: Any, path: str, *, options: Any) -> Any:
        if isinstance(options.get("range"), dict):
            raise NotSupportedError(path)
        return given(store, path, options=options)

    folder = ObjectFolder("s3://bucket/folder")
    monkeypatch.setattr(folder, "_store", LocalStore(tmp_path))
    monkeypatch.setattr(obstore, "get", get)
    folder.write("a/one", [b"0123", b"456"])
    folder.write("a/two", [b""])
    assert [folder.read_tail("a/one", n) for n in (3, 30)] == [b"456", b"0123456"]
    assert folder.read_tail("a/two", 3) == b""
    folder._delete(["a/gone", "a/one", "a/gone too", "a/two"])
    assert folder.names("a") == frozenset()


def test_what_is_no_url_of_a_bucket_is_refused() -> None:
    """A URL that was made a path, which would be a folder of the name ``s3:``, and one without a bucket."""
    with pytest.raises(InputError, match="a URL made a path"):
        list_store(Path("s3://bucket/folder"))
    with pytest.raises(InputError, match="names no bucket"):
        list_store("s3:///folder")


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    with monkeypatch.context() as without:
        without.setattr("importlib.util.find_spec", lambda _: None)
        with pytest.raises(MissingExtraError, match=r"pip install 'platoscope\[object-store\]'"):
            list_store("s3://bucket/folder")
