"""Progress on stderr: bars in a terminal, one line per stage with ``--verbose``, silence otherwise.

All three are a `platoscope.progress.Progress`: the library calls them and knows nothing of terminals.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from platoscope.progress import SILENT, BarProgress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from platoscope.progress import Progress

__all__ = ["LineProgress", "open_progress"]


class LineProgress:
    """Write one plain line per finished stage, for logs and batch jobs."""

    def __init__(self) -> None:
        self._name: str | None = None
        self._note = ""
        self._began = 0.0

    def stage(self, name: str, total: int | None = None) -> None:
        """Write the line of the stage before, and remember when this one began."""
        self.finish()
        self._name, self._note, self._began = name, "", time.monotonic()

    def advance(self, done: int, note: str = "") -> None:
        """Keep the last note for the line of the stage."""
        self._note = note

    def finish(self) -> None:
        """Write the line of the last stage."""
        if self._name is None:
            return
        note = f", {self._note}" if self._note else ""
        sys.stderr.write(f"{self._name} ({time.monotonic() - self._began:.1f} s{note})\n")
        sys.stderr.flush()
        self._name = None


class _Interruptible:
    """A `Progress` that stops the work at its next report if Ctrl-C was pressed and the exception got lost.

    Python raises `KeyboardInterrupt` wherever it is; inside a finalizer or a callback of a C library, of which
    numba's compiler has many, it is printed and forgotten, and the work goes on or fails with an error of its own.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.interrupted = False

    def stage(self, name: str, total: int | None = None) -> None:
        """Open a stage, unless interrupted."""
        self._stop_if_interrupted()
        self._progress.stage(name, total)

    def advance(self, done: int, note: str = "") -> None:
        """Report a step, unless interrupted."""
        self._stop_if_interrupted()
        self._progress.advance(done, note)

    def finish(self) -> None:
        """Close the last stage, unless interrupted."""
        self._stop_if_interrupted()
        self._progress.finish()

    def _stop_if_interrupted(self) -> None:
        if self.interrupted:
            raise KeyboardInterrupt


@contextlib.contextmanager
def open_progress(*, verbose: bool) -> Iterator[Progress]:
    """Choose how to report: bars in a terminal, else lines if `verbose`, else nothing.

    A stage that failed is not reported as finished, and an interruption is not lost wherever it comes.
    """
    with _open(verbose=verbose) as reporting, _notice_interrupts(_Interruptible(reporting)) as progress:
        yield progress
        progress.finish()


@contextlib.contextmanager
def _open(*, verbose: bool) -> Iterator[Progress]:
    if sys.stderr.isatty():
        bars = BarProgress()
        try:
            yield bars
        finally:
            bars.stop()
        return
    yield LineProgress() if verbose else SILENT


@contextlib.contextmanager
def _notice_interrupts(progress: _Interruptible, /) -> Iterator[_Interruptible]:
    """Write every Ctrl-C down on `progress` before Python raises it; only the main thread may."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield progress
        return

    def notice(number: int, frame: FrameType | None) -> None:
        progress.interrupted = True
        before(number, frame)

    shown = sys.unraisablehook

    def show(unraisable: sys.UnraisableHookArgs) -> None:
        # Raised inside a callback of the interpreter's, where it is lost: it is written down, so there is nothing to tell.
        if not isinstance(unraisable.exc_value, KeyboardInterrupt):
            shown(unraisable)

    signal.signal(signal.SIGINT, notice)
    sys.unraisablehook = show
    try:
        yield progress
    except Exception as error:
        if progress.interrupted:  # what lost the exception failed for lack of what it was making
            raise KeyboardInterrupt from error
        raise
    finally:
        sys.unraisablehook = shown
        signal.signal(signal.SIGINT, before)
