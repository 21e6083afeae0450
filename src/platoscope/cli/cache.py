"""``platoscope cache`` and ``cache rm``: what is kept to save time, how large it is, and emptying it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from platoscope.cache import KINDS, CacheFolder, cache_folder, delete, kept_of, size_on_disk
from platoscope.cli.options import AsJson, complete_from  # Typer reads annotations when it runs
from platoscope.cli.output import print_json, print_table, print_text
from platoscope.errors import InputError, NotFoundError
from platoscope.kept import sweep

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["cache"]

cache = typer.Typer(help="Show what is kept to save time, or remove it (`rm`).", invoke_without_command=True)

_STORE: CacheFolder = "representations"
_KERNELS = ("kernels", "compiled loops; some ten seconds")
_DATA = ("data", "data sets that `data prepare` made; the packages they came in are needed again")


def _names() -> Iterator[tuple[str, str]]:
    """Name the kinds that `rm` removes, without looking what is there."""
    yield from ((kind.name, kind.holds) for kind in KINDS)
    yield from (_KERNELS, _DATA)


@dataclass(frozen=True)
class _Kept:
    """One kind of thing on disk."""

    kind: str
    holds: str
    paths: list[Path]
    place: Path | None

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(map(size_on_disk, self.paths))


@cache.callback()
def show(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show what is kept to save time: kind, entries, size, place, and what making it again costs."""
    if context.invoked_subcommand is not None:
        return
    from platoscope.wording import in_bytes

    found = _find_all()
    if as_json:
        print_json(
            [
                {
                    "kind": each.kind,
                    "holds": each.holds,
                    "entries": len(each.paths),
                    "size": each.size,
                    "place": each.place,
                }
                for each in found
            ]
        )
        return
    rows = [
        (each.kind, len(each.paths), in_bytes(each.size), each.place or "–", each.holds) for each in found
    ]
    print_table(("kind", "entries", "size", "place", "what it is"), rows)


@cache.command("rm")
def remove(
    kinds: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KIND...",
            help="As `platoscope cache` lists them.",
            autocompletion=complete_from(_names),
            show_default=False,
        ),
    ] = None,
    *,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="All that is made again without you: everything but data and representations."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove what is kept, after asking; what other programs put there is left alone."""
    from platoscope.wording import in_bytes

    named = _choose(kinds or (), everything=everything)
    for place in {each.place for each in named if each.place is not None}:
        sweep(place)  # what killed processes left
    chosen = [each for each in named if each.paths]
    if not chosen:
        print_text("There is nothing of it.")
        return
    told = []
    for each in chosen:
        entries = "1 entry" if len(each.paths) == 1 else f"{len(each.paths)} entries"
        told.append((each, f"{each.kind}: {entries}, {in_bytes(each.size)}"))
    if not yes and not _agreed([text for _, text in told]):
        print_text("Nothing was removed.")
        return
    for each, text in told:
        delete(each.paths)
        print_text(f"removed {text}")


def _find_all() -> list[_Kept]:
    """List every kind, those that `rm` does not remove last."""
    store = cache_folder(_STORE)
    kept = sorted(path for path in store.iterdir() if not path.name.startswith(".")) if store.is_dir() else []
    shown = _Kept(
        _STORE, "pooled states; `platoscope store ls` lists them, `store rm KEY` removes", kept, store
    )
    return [*_removable(), shown]


def _removable() -> list[_Kept]:
    """List the kinds that `rm` removes."""
    from platoscope.datasets import prepared_folders
    from platoscope.layerwise import kernel_files

    found = [_Kept(kind.name, kind.holds, kept_of(kind), cache_folder(kind.folder)) for kind in KINDS]
    kernels = kernel_files()
    # Numba keeps those of each package in a folder of its own.
    place = Path(os.path.commonpath([path.parent for path in kernels])) if kernels else None
    data = prepared_folders()
    return [
        *found,
        _Kept(*_KERNELS, kernels, place),
        _Kept(*_DATA, data, data[0].parent if data else None),
    ]


def _choose(kinds: Sequence[str], /, *, everything: bool) -> list[_Kept]:
    """Find the kinds that were named, or all but data."""
    removable = {each.kind: each for each in _removable()}
    if bool(kinds) == everything:
        message = f"Name what to remove ({', '.join(removable)}), or give --all; not both."
        raise InputError(message)
    if everything:
        return [each for name, each in removable.items() if name != _DATA[0]]
    for kind in kinds:
        if kind == _STORE:
            message = "Representations took models to make, and are removed by key: platoscope store rm KEY."
            raise InputError(message)
        if kind not in removable:
            message = f"Nothing of the kind {kind!r} is kept; there are {', '.join(removable)}."
            raise NotFoundError(message)
    return [removable[kind] for kind in dict.fromkeys(kinds)]


def _agreed(told: Sequence[str], /) -> bool:
    """Ask on the terminal.

    Raises
    ------
    InputError
        If nobody is there to answer.
    """
    if not sys.stdin.isatty():
        message = f"Nobody is here to be asked. Give --yes to remove {'; '.join(told)}."
        raise InputError(message)
    return typer.confirm(f"Remove {'; '.join(told)}?", err=True)
