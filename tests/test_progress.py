"""``progress=``: what a computation calls as it goes on, and the bar that True draws."""

from __future__ import annotations

import numpy as np
import pytest

import platoscope
from platoscope.errors import InputError
from platoscope.progress import telling


def test_true_draws_a_bar_per_stage(capsys: pytest.CaptureFixture[str]) -> None:
    """Each stage leaves its finished bar on stderr, and stdout stays the user's."""
    A = np.random.default_rng(0).standard_normal((2, 40, 3))
    platoscope.profile(A, A, measures="rsa", n_resamples=2, n_permutations=3, rng=0, progress=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    stages = ["preparing layers", "comparing layers", "shuffling pairs", "drawing subsamples"]
    lines = captured.err.splitlines()
    assert [stage for stage in stages if any(stage in line and "✓" in line for line in lines)] == stages
    assert "4/4" in lines[0]


def test_a_stage_that_failed_is_not_complete(capsys: pytest.CaptureFixture[str]) -> None:
    """An error in the middle leaves the bar where it was."""
    with pytest.raises(ValueError, match="broken"), telling(True) as tell:  # noqa: PT012
        tell("reading", 1, 4)
        message = "broken"
        raise ValueError(message)
    assert "1/4" in capsys.readouterr().err


@pytest.mark.parametrize("silent", [None, False])
def test_nothing_is_told_where_nobody_asked(silent: bool | None) -> None:
    """None and False are silence; a function is called as it is."""
    with telling(silent) as tell:
        assert tell is None
    with telling(print) as tell:
        assert tell is print


def test_something_else_is_refused() -> None:
    """The message says what may come."""
    with (
        pytest.raises(InputError, match="True for a bar, or a function of what, done and total; got int"),
        telling(1),
    ):
        pass
