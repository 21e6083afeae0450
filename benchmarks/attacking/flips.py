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
from platoscope.layerwise import part_to_bytes
from platoscope.models.locations import ModelLocation
from platoscope.models.options import LoadingOptions
from platoscope.models.remembering import Facts, facts_key, keep_facts, recall_facts, remembered_lengths
from platoscope.representations import list_store, open_representations, verify
from platoscope.studies import load_run, verify_run
from platoscope.studies.run.kept_parts import KeptParts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

__all__ = ["GROUPS", "Target", "attack_files"]

_TIMES = 400
_SIZE = 1 << 14  # bytes of each file of a converted model


@dataclass(frozen=True)
class Target:
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
    return [
        _attack(target, max(1, round(_TIMES * share)), rng)
        for targets_of in GROUPS.values()
        for target in targets_of(scratch)
    ]


def _attack(target: Target, times: int, rng: np.random.Generator) -> Row:
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


def _of_models(scratch: Path) -> list[Target]:
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
        Target("converted model", sorted(folder.iterdir()), lambda: things.bytes_of(things.convert(_SIZE))),
        Target(
            "facts of models and token counts", sorted((scratch / "cache" / "encoders").iterdir()), remembered
        ),
    ]


def _of_data(scratch: Path) -> list[Target]:
    folder = things.write(scratch / "pairs")
    packages = things.packages(scratch / "packages", 12)
    numbers = iter(range(10**9))

    def load() -> Any:
        pairs = load_pairs(str(folder))
        return pairs.fingerprint(), pairs.provenance, [str(count) for count in pairs.counts]

    def prepare() -> Any:
        return things.bytes_of(prepare_data("emoji", packages, out=scratch / "out" / str(next(numbers))))

    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return [Target("prepared data", files, load), Target("archive of npm", packages, prepare)]


def _of_stores(scratch: Path) -> list[Target]:
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
    return [Target("states in a store", chunks, use), Target("metadata of a store", rest, use)]


def _of_interrupted_work(scratch: Path) -> list[Target]:
    things.compare_in_blocks(scratch)
    kept, computed = KeptParts(scratch / "parts"), things.parts()

    def parts() -> list[bytes]:
        """Take what is kept, and compute what is not, as a run does that goes on."""
        _, found = kept.of("a comparison")
        for place in (place for place in range(len(computed)) if place not in found):
            found[place] = computed[place]
            kept.add("a comparison", len(computed), place, computed[place])
        return [part_to_bytes(found[place]) for place in sorted(found)]

    parts()
    ranks, files = (sorted((scratch / name).iterdir()) for name in ("kept", "parts"))
    return [
        Target("ranks of an interrupted call", ranks, lambda: things.compare_in_blocks(scratch)),
        Target("parts of a comparison", files, parts),
    ]


def _of_runs(scratch: Path) -> list[Target]:
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
    return [Target("results of a run", results, use), Target("other files of a run", rest, use)]


GROUPS: Mapping[tuple[str, ...], Callable[[Path], list[Target]]] = {
    ("converted model", "facts of models and token counts"): _of_models,
    ("prepared data", "archive of npm"): _of_data,
    ("states in a store", "metadata of a store"): _of_stores,
    ("ranks of an interrupted call", "parts of a comparison"): _of_interrupted_work,
    ("results of a run", "other files of a run"): _of_runs,
}
"""What makes the targets of these names, in a folder in which `PLATOSCOPE_CACHE` lies."""
