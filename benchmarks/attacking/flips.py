"""One bit is flipped in every kind of file that is kept: what comes out when the file is used."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from attacking import things
from attacking.rows import Row
from platoscope.datasets import load_pairs, prepare_data
from platoscope.errors import PlatoscopeError
from platoscope.models.locations import ModelLocation
from platoscope.models.options import LoadingOptions
from platoscope.models.remembering import Facts, facts_key, keep_facts, recall_facts, remembered_lengths
from platoscope.representations import list_store, open_representations, verify
from platoscope.studies import load_run, verify_run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["attack_files"]

_TIMES = 400
_SIZE = 1 << 14  # bytes of each file of a converted model


@dataclass(frozen=True)
class _Target:
    """Files of one kind.

    Attributes
    ----------
    name : str
        What they are.
    files : sequence of Path
        Where the bits are flipped.
    use : callable
        Gives what comes out of them, as something that can be compared.
    """

    name: str
    files: Sequence[Path]
    use: Callable[[], Any]


def attack_files(scratch: Path, share: float, /) -> list[Row]:
    """Flip single bits, each in a file that was whole."""
    os.environ["PLATOSCOPE_CACHE"] = str(scratch / "cache")
    rng = np.random.default_rng(0)
    return [_attack(target, max(1, round(_TIMES * share)), rng) for target in _targets(scratch)]


def _attack(target: _Target, times: int, rng: np.random.Generator) -> Row:
    row = Row("one bit flipped", target.name)
    right = target.use()
    for _ in range(times):
        file = target.files[int(rng.integers(len(target.files)))]
        content = file.read_bytes()
        place, bit = int(rng.integers(len(content))), int(rng.integers(8))
        file.write_bytes(content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :])
        where = f"{file.name}, byte {place}, bit {bit}"
        try:
            outcome = "unharmed" if target.use() == right else "silent"
        except PlatoscopeError:
            outcome = "noticed"
        except Exception as error:  # that is what is looked for
            outcome, where = "traceback", f"{where}: {error!r}"
        made_again = file.is_file() and file.read_bytes() == content
        row.add("noticed" if outcome == "unharmed" and made_again else outcome, where)
        if not made_again:
            file.write_bytes(content)
    return row


def _targets(scratch: Path) -> list[_Target]:
    return [*_of_models(scratch), *_of_data(scratch), *_of_stores(scratch), *_of_runs(scratch)]


def _of_models(scratch: Path) -> list[_Target]:
    folder = things.convert(_SIZE)
    facts = Facts("text", 7, 64, 128, {"fingerprint": "f"})
    key = facts_key(ModelLocation("m", "m", identity={"fingerprint": "f"}), LoadingOptions())
    assert key is not None
    texts = things.sentences(200)

    def remembered() -> Any:
        known = recall_facts(key)
        if known is None:
            keep_facts(key, facts)
        counted = remembered_lengths(facts, texts, lambda new: np.array([len(text) for text in new]))
        return known in (None, facts), counted.tolist()

    remembered()
    return [
        _Target("converted model", sorted(folder.iterdir()), lambda: things.bytes_of(things.convert(_SIZE))),
        _Target(
            "facts of models and token counts", sorted((scratch / "cache" / "encoders").iterdir()), remembered
        ),
    ]


def _of_data(scratch: Path) -> list[_Target]:
    folder = things.write(scratch / "pairs")
    packages = things.packages(scratch / "packages", 12)
    numbers = iter(range(10**9))

    def load() -> Any:
        pairs = load_pairs(str(folder))
        return pairs.fingerprint(), pairs.provenance, [str(count) for count in pairs.counts]

    def prepare() -> Any:
        return things.bytes_of(prepare_data("emoji", packages, out=scratch / "out" / str(next(numbers))))

    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return [_Target("prepared data", files, load), _Target("archive of npm", packages, prepare)]


def _of_stores(scratch: Path) -> list[_Target]:
    store = scratch / "store"
    things.read(store)
    (record,) = list_store(store)

    def use() -> Any:
        damaged = bool(verify(store))
        list_store(store)
        found = open_representations(record.key, store=store, pooling="last")
        out = (
            found.ids,
            found.layers,
            str(found.provenance),
            [np.asarray(layer).tobytes() for layer in found],
        )
        if damaged:  # in what was not read here
            message = "verify has found it"
            raise PlatoscopeError(message)
        return out

    files = sorted(file for file in (store / record.key).rglob("*") if file.is_file())
    chunks = [file for file in files if file.name.startswith("c.")]
    rest = [file for file in files if file not in chunks]
    return [_Target("states in a store", chunks, use), _Target("metadata of a store", rest, use)]


def _of_runs(scratch: Path) -> list[_Target]:
    things.run(scratch)
    folder = scratch / "run"

    def use() -> Any:
        damaged = verify_run(folder)
        found = load_run(folder)
        out = (
            [(label, item.to_dict()) for label, item in found.results.items()],
            found.verdicts,
            found.summary,
        )
        if damaged:
            message = "verify has found it"
            raise PlatoscopeError(message)
        return str(out)

    results = sorted((folder / "results").iterdir())
    rest = sorted(file for file in folder.iterdir() if file.is_file())
    return [_Target("results of a run", results, use), _Target("other files of a run", rest, use)]
