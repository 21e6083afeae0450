"""Readers of what Platoscope keeps: the files of which `flips` turns single bits, edited in every other way as well."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from attacking import flips, things
from attacking.edits import Whole, edited, edited_json, edited_lines, edited_tar, edited_zip
from attacking.readers import ANYTHING, Case, Reader, reader_of
from platoscope import kept
from platoscope.datasets import load_pairs, prepare_data
from platoscope.layerwise import part_from_bytes, part_to_bytes
from platoscope.studies import load_run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = [
    "SEALED_DATA",
    "SEALED_PARTS",
    "SEALED_RUNS",
    "readers_of_kept",
    "readers_of_sealed_data",
    "readers_of_sealed_parts",
    "readers_of_sealed_runs",
]

SEALED_DATA = ("prepared data, new checksums", "package of npm, packed anew")
SEALED_PARTS = ("part of a comparison, new checksum",)
SEALED_RUNS = ("run folder, new checksums",)
_BY_ENDING = {".json": edited_json, ".jsonl": edited_lines}


def readers_of_kept(names: tuple[str, ...], scratch: Path, /) -> list[Reader]:
    """Give the readers of a group of `flips`: whatever is done to a file, the same comes out, or a refusal."""
    found = []
    for target in flips.GROUPS[names](scratch):
        right = target.use()
        judge = partial(_as_before, right)
        found.append(
            Reader(
                target.name, target.files, _edits_of(target.files), target.use, judge, "what it was before"
            )
        )
    return found


def _as_before(right: Any, _: Case) -> Any:
    return right


def _edits_of(files: Sequence[Path]) -> st.SearchStrategy[Case]:
    """Edit any of several files, each as it is now."""
    ways = []
    for file in files:
        whole = Whole(file.read_bytes())
        structure = _BY_ENDING.get(file.suffix) if whole[:1] == b"{" else None  # a stand-in is noise
        contents = edited(whole) if structure is None else st.one_of(edited(whole), structure(whole))
        ways.append(contents.map(partial(Case, file)))
    return st.one_of(ways)


def readers_of_sealed_data(scratch: Path, /) -> list[Reader]:
    """Edit data that are checked before they are parsed, and make their checksums fit, so that the parser gets them."""
    pairs, packages = things.write(scratch / "sealed"), things.packages(scratch / "packed", 12)
    numbers = iter(range(10**9))

    def prepared() -> Any:
        made = prepare_data("emoji", packages, out=scratch / "made" / str(next(numbers)))
        return load_pairs(str(made)).fingerprint()

    held_against = "nothing; what it makes is loaded"
    return [
        _sealed(SEALED_DATA[0], pairs, lambda: load_pairs(str(pairs)).fingerprint()),
        reader_of(SEALED_DATA[1], packages[0], prepared, _anything, held_against, edits=[edited_tar]),
    ]


def readers_of_sealed_parts(scratch: Path, /) -> list[Reader]:
    """Edit what stands behind the checksum of a part."""
    file = scratch / "a part"
    file.write_bytes(part_to_bytes(things.parts()[0]))
    return [
        reader_of(
            SEALED_PARTS[0], file, lambda: bool(part_from_bytes(file.read_bytes())), _anything, "nothing",
            edits=[edited_zip],
        )
    ]  # fmt: skip


def readers_of_sealed_runs(scratch: Path, /) -> list[Reader]:
    """Edit the files of a run, and make their checksums fit."""
    things.run(scratch)
    run = scratch / "run"
    return [_sealed(SEALED_RUNS[0], run, lambda: len(load_run(run).results))]


def _sealed(name: str, folder: Path, read: Callable[[], Any]) -> Reader:
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and file.name != kept.CHECKSUMS]

    def read_anew() -> Any:
        kept.seal(folder)
        return read()

    return Reader(name, files, _edits_of(files), read_anew, _anything, "nothing")


def _anything(_: object) -> Any:
    return ANYTHING
