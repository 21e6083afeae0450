"""How work tells what it is doing: a protocol, so that a terminal or a notebook draws and the library stays silent."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from platoscope.errors import InputError
from platoscope.wording import in_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

__all__ = [
    "SILENT",
    "BarProgress",
    "PassProgress",
    "Progress",
    "Silent",
    "StageTeller",
    "Tell",
    "check_progress",
    "check_stages",
    "open_bar",
    "telling",
]

Tell: TypeAlias = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and out of how much."""


@runtime_checkable
class Progress(Protocol):
    """What `platoscope.studies.execute` calls while it works.

    Stages follow one another; `advance` reports within the stage that `stage` opened last.
    """

    def stage(self, name: str, total: int | None = None) -> None:
        """Open a stage of `total` steps (None where the number is unknown)."""
        ...

    def advance(self, done: int, note: str = "") -> None:
        """Report that `done` steps of the stage are finished; `note` says what or how fast."""
        ...

    def finish(self) -> None:
        """Close the last stage."""
        ...


def check_stages(progress: object, /) -> None:
    """Refuse what is no `Progress`.

    Raises
    ------
    InputError
        If so.
    """
    if not isinstance(progress, Progress):
        from platoscope.checks import in_short  # NumPy: the command line is told of stages without it

        message = f"progress must be a Progress, which is told of stages; got {in_short(progress)}."
        raise InputError(message)


class Silent:
    """A `Progress` that says nothing."""

    def stage(self, name: str, total: int | None = None) -> None:
        """Ignore the stage."""

    def advance(self, done: int, note: str = "") -> None:
        """Ignore the step."""

    def finish(self) -> None:
        """Ignore the end."""


SILENT = Silent()


@dataclass
class PassProgress:
    """Turns a `Progress` into what `platoscope.extract` calls before the first batch and after each.

    The second call opens the stage: what comes before it, as loading the model, is a stage of its own.

    Parameters
    ----------
    progress : Progress
        Told of it.
    what : str
        Name of the stage.

    Attributes
    ----------
    opened : bool
        Whether anything was read; nothing is where all is on disk.
    """

    progress: Progress
    what: str
    opened: bool = field(default=False, init=False)
    _first: int | None = field(default=None, init=False)
    """How many items were there before."""

    def __call__(self, done: int, total: int, tokens_per_second: float, /) -> None:
        """Report what is there at first, or one batch."""
        if self._first is None:
            self._first = done
            return
        if not self.opened:
            self.progress.stage(self.what, total)
            self.opened = True
        there = f", {self._first:,} of {total:,} items were on disk" if self._first else ""
        self.progress.advance(done, f"{tokens_per_second:,.0f} tokens/s{there}")


class BarProgress:
    """Draws a bar per stage with its time left, on stderr or below the cell of a notebook; finished bars stay."""

    def __init__(self) -> None:
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None
        self._total: int | None = None

    def stage(self, name: str, total: int | None = None) -> None:
        """Complete the bar of the stage before and draw one below it."""
        self.finish()
        self._bar, self._total = _rich_bar(), total
        self._task = self._bar.add_task(name, total=total, note="", left="")
        self._bar.start()

    def advance(self, done: int, note: str = "") -> None:
        """Move the bar of the stage."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, note=note)
            seconds = self._bar.tasks[0].time_remaining  # at the speed of the last half minute
            self._bar.update(self._task, left=f"{in_time(seconds)} left" if seconds else "")

    def finish(self) -> None:
        """Fill the bar of the stage, which may not have counted its steps, and give the terminal back."""
        if self._bar is not None and self._task is not None:
            total = self._total or 1
            self._bar.update(self._task, total=total, completed=total, left="")
        self.stop()

    def stop(self) -> None:
        """Give the terminal back without saying that the stage is complete."""
        if self._bar is not None:
            self._bar.stop()
        self._bar = None


def _rich_bar() -> RichProgress:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.table import Column

    console = _console()
    return Progress(
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}", markup=False, table_column=Column()),  # wraps: numbers stay whole
        BarColumn(bar_width=24 if console.width >= 100 else 8),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[note]}", markup=False),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[left]}", markup=False),
        console=console,
    )


def _console() -> Console:
    """Return what bars are drawn on; a notebook without ipywidgets gets the line that a terminal does."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_jupyter and importlib.util.find_spec("ipywidgets") is None:
        return Console(file=sys.stderr, force_jupyter=False, force_terminal=True)
    return console


@contextlib.contextmanager
def open_bar() -> Iterator[BarProgress]:
    """Give a bar that is complete where the work in the block came to its end, and put away wherever it stopped."""
    bar = BarProgress()
    try:
        yield bar
        bar.finish()
    finally:
        bar.stop()


@contextlib.contextmanager
def telling(progress: Tell | bool | None, /) -> Iterator[Tell | None]:
    """Give what a computation calls as it goes on, from a user's ``progress=``.

    Parameters
    ----------
    progress : bool, callable or None
        True draws a bar; False and None say nothing; what else is called as it is.

    Raises
    ------
    InputError
        If it is none of these.
    """
    check_progress(progress, "what, done and total")
    if progress is True:
        with open_bar() as bar:
            yield StageTeller(bar)
    else:
        yield progress or None


def check_progress(progress: object, arguments: str, /) -> None:
    """Refuse what can neither be asked for nor called as the work goes on.

    Raises
    ------
    InputError
        If it is no bool, None or function; `arguments` says of what it would be one.
    """
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        message = (
            f"progress must be True for a bar, or a function of {arguments}; got {type(progress).__name__}."
        )
        raise InputError(message)


@dataclass
class StageTeller:
    """A `Tell` that opens a stage of a `Progress` for each new thing that is being done.

    Parameters
    ----------
    progress : Progress
        Told of it.
    """

    progress: Progress
    what: str | None = field(default=None, init=False)

    def __call__(self, what: str, done: int, total: int, /) -> None:
        """Report a step."""
        if what != self.what:
            self.progress.stage(what, total)
            self.what = what
        self.progress.advance(done)
