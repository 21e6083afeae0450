"""How a run tells what it is doing: a protocol, so that the command line draws and the library stays silent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["SILENT", "PassProgress", "Progress", "Silent"]


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
    """Turns a `Progress` into what `platoscope.extract` calls after every batch; the first call opens the stage.

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

    def __call__(self, done: int, total: int, tokens_per_second: float, /) -> None:
        """Report one batch."""
        if not self.opened:
            self.progress.stage(self.what, total)
            self.opened = True
        self.progress.advance(done, f"{tokens_per_second:,.0f} tokens/s")
