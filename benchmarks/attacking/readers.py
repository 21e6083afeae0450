"""A kind of file that is read, with files of it that are nearly right and with what says whether they were read right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from attacking.edits import Whole, edited

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["ANYTHING", "Case", "Reader", "reader_of"]

ANYTHING = object()
"""What a judge gives that has nothing to say of a file: only that there is no traceback is looked at."""


@dataclass(frozen=True)
class Case:
    """A file, and what stands in it instead."""

    file: Path
    content: bytes

    def __repr__(self) -> str:
        shown = self.content if len(self.content) < 300 else self.content[:300] + b"..."
        return f"{self.file.name}: {shown!r}"


@dataclass(frozen=True)
class Reader:
    """One kind of file.

    Attributes
    ----------
    name : str
        What is read.
    files : sequence of Path
        The files that are edited, whole as they lie there.
    cases : strategy of Case
        Files that are nearly right, or right.
    read : callable
        Gives what Platoscope reads, as something that can be compared.
    judge : callable
        Gives the same of a case, without Platoscope, or `ANYTHING`. What it raises means that nothing can be read.
    held_against : str
        Who judges, in words.
    """

    name: str
    files: Sequence[Path]
    cases: st.SearchStrategy[Case]
    read: Callable[[], Any]
    judge: Callable[[Case], Any]
    held_against: str


def reader_of(
    name: str,
    file: Path,
    read: Callable[[], Any],
    judge: Callable[[bytes], Any],
    held_against: str,
    *,
    edits: Sequence[Callable[[bytes], st.SearchStrategy[bytes]]] = (),
    made: st.SearchStrategy[bytes] | None = None,
) -> Reader:
    """Make the reader of one file, which lies there and is whole: edited, or another file of its format, edited or not."""
    whole = Whole(file.read_bytes())
    ways = [edited(whole), *(edit(whole) for edit in edits)]
    if made is not None:
        ways += [made, made.flatmap(edited), *(made.flatmap(edit) for edit in edits)]
    cases = st.one_of(ways).map(lambda content: Case(file, content))
    return Reader(name, [file], cases, read, lambda case: judge(case.content), held_against)
