"""Progress: bars in a terminal, lines with ``--verbose``, silence otherwise; never on stdout."""

from __future__ import annotations

import contextlib
import io
import signal
import sys

import pytest

from platoscope.cli.progress import open_progress
from platoscope.progress import PassProgress


class _Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_silent_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal and without ``--verbose`` nothing is written."""
    with open_progress(verbose=False) as progress:
        progress.stage("Reading", 3)
        progress.advance(1, "fast")
    assert capsys.readouterr() == ("", "")


def test_lines_tell_finished_stages(capsys: pytest.CaptureFixture[str]) -> None:
    """With ``--verbose`` each finished stage is one line, with its last note."""
    with open_progress(verbose=True) as progress:
        progress.stage("Loading")
        report = PassProgress(progress, "Reading")
        report(1, 3, 0.0)
        progress.stage("Loading again")
        report(2, 3, 1000.0)
        report(3, 3, 1234.5)
    captured = capsys.readouterr()
    assert captured.out == ""
    first, second, third = captured.err.splitlines()
    assert first.startswith("Loading (")
    assert second.startswith("Loading again (")
    assert third.startswith("Reading (")
    assert third.endswith("1,234 tokens/s, 1 of 3 items were on disk)")


def _fail(*, verbose: bool) -> None:
    """Report one finished stage, and fail in the next."""
    with open_progress(verbose=verbose) as progress:
        progress.stage("Loading", 1)
        progress.stage("Reading [en]", 4)
        progress.advance(1, "500 tokens/s")
        progress.advance(2, "500 tokens/s")
        message = "broken"
        raise ValueError(message)


def test_a_failed_stage_is_not_told_as_finished(capsys: pytest.CaptureFixture[str]) -> None:
    """The stage in which an error came is not among the lines."""
    with pytest.raises(ValueError, match="broken"):
        _fail(verbose=True)
    assert [line.split()[0] for line in capsys.readouterr().err.splitlines()] == ["Loading"]


def test_bars_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a terminal the stages are drawn with the time left, and the terminal is given back after an error."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(ValueError, match="broken"):
        _fail(verbose=False)
    drawn = terminal.getvalue()
    assert "Reading [en]" in drawn
    assert "2/4" in drawn
    assert "1 s left" in drawn  # the speed of two reports is known
    assert "\x1b[?25h" in drawn  # the cursor is shown again


def test_an_interruption_that_got_lost_stops_the_next_report() -> None:
    """What swallows KeyboardInterrupt, as a C library's callback does, delays it to the next report."""
    before = signal.getsignal(signal.SIGINT)
    reported = []
    with pytest.raises(KeyboardInterrupt), open_progress(verbose=False) as progress:  # noqa: PT012
        progress.stage("Compiling")
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        reported.append("compiled")
        progress.stage("Comparing")
        reported.append("compared")
    assert reported == ["compiled"]
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interruption_that_became_an_error() -> None:
    """What fails because an interruption was swallowed in it is an interruption, not an error."""
    with pytest.raises(KeyboardInterrupt), open_progress(verbose=False) as progress:  # noqa: PT012
        progress.stage("Compiling")
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        message = "no compiled object yet"
        raise RuntimeError(message)


def test_an_interruption_that_got_lost_in_the_last_stage() -> None:
    """The end of the work is a report, too."""
    with pytest.raises(KeyboardInterrupt), open_progress(verbose=False) as progress:  # noqa: PT012
        progress.stage("Compiling")
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
