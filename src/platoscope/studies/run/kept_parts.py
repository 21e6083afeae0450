"""Parts of a large comparison that workers have finished, on disk until the whole comparison is."""

from __future__ import annotations

import contextlib
import re
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from platoscope import kept
from platoscope.errors import InputError, PlatoscopeWarning, reason_of
from platoscope.hashing import digest
from platoscope.layerwise import part_from_bytes, part_to_bytes
from platoscope.unfinished import keep_piece, kept_piece

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from platoscope.layerwise import FoundPart

__all__ = ["KeptParts"]

_NAME = re.compile(r"(?P<key>[0-9a-f]{64})-(?P<place>0|[1-9][0-9]*)-of-(?P<cut>[1-9][0-9]*)\.part")


@dataclass(frozen=True)
class KeptParts:
    """The folder of parts of one run.

    A part is known by the digest of its comparison, the version of Platoscope, and the cut: into about how many parts the
    comparison was cut, and which of them it is. Its file holds its own checksum.

    Parameters
    ----------
    folder : Path
        Made when a part is kept, and gone with the last one.
    """

    folder: Path

    def of(self, comparison: str, /) -> tuple[int | None, dict[int, FoundPart]]:
        """Return into how many parts a comparison was cut, and those that are kept by their places.

        Where it was cut several times, the cut of which there is most; None where no part is there that can be read.

        Parameters
        ----------
        comparison : str
            Its digest.

        Warns
        -----
        PlatoscopeWarning
            If a part is damaged.
        """
        cuts: dict[int, dict[int, FoundPart]] = {}
        for cut, place in self._there(comparison):
            part = _read(self._file(comparison, cut, place))
            if part is not None:
                cuts.setdefault(cut, {})[place] = part
        if not cuts:
            return None, {}
        most = max(cuts, key=lambda cut: len(cuts[cut]) / cut)
        return most, cuts[most]

    def add(self, comparison: str, cut: int, place: int, part: FoundPart, /) -> None:
        """Keep a part; work that cannot keep it goes on, and says so.

        Warns
        -----
        PlatoscopeWarning
            If it cannot be written.
        """
        keep_piece(self._file(comparison, cut, place), part_to_bytes(part), what="parts of comparisons")

    def forget_others(self, comparisons: Iterable[str], /) -> None:
        """Delete what is not of these comparisons, which are still to be computed."""
        keys = {_key(comparison) for comparison in comparisons}
        with contextlib.suppress(OSError):  # there is none, or another process does the same
            kept.sweep(self.folder)
            for file in self.folder.iterdir():
                name = _NAME.fullmatch(file.name)
                if name is not None and name["key"] not in keys:
                    with contextlib.suppress(OSError):  # a folder of that name
                        file.unlink(missing_ok=True)
            if not any(self.folder.iterdir()):
                self.folder.rmdir()

    def _there(self, comparison: str) -> list[tuple[int, int]]:
        """Return the cut and the place of each part of a comparison, by the names of files."""
        key = _key(comparison)
        names = map(_NAME.fullmatch, sorted(file.name for file in self.folder.glob(f"{key}-*")))
        return [(int(name["cut"]), int(name["place"])) for name in names if name is not None]

    def _file(self, comparison: str, cut: int, place: int) -> Path:
        return self.folder / f"{_key(comparison)}-{place}-of-{cut}.part"


def _read(file: Path) -> FoundPart | None:
    """Return the part in a file; None where there is none, and with a warning where it is damaged or another."""
    content = kept_piece(file, what="part of a comparison")
    if content is None:
        return None
    try:
        return part_from_bytes(content)
    except (InputError, MemoryError) as error:
        message = f"{file} cannot be read, and is computed again: {reason_of(error)}"
        warnings.warn(message, PlatoscopeWarning, stacklevel=2)
        return None


def _key(comparison: str) -> str:
    """Return the digest of a comparison as this version of Platoscope computes it."""
    return digest([comparison, version("platoscope")])
