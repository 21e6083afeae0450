"""One place says where the cache lies."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from platoscope.cache import cache_folder
from platoscope.errors import InputError
from platoscope.kept import remember


def test_the_cache_lies_in_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variable, or with an empty one, the cache is the user's."""
    monkeypatch.delenv("PLATOSCOPE_CACHE", raising=False)
    assert cache_folder() == Path.home() / ".cache" / "platoscope"
    monkeypatch.setenv("PLATOSCOPE_CACHE", "")
    assert cache_folder() == Path.home() / ".cache" / "platoscope"


def test_the_variable_names_another_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is taken, a home folder in it spelled out."""
    monkeypatch.setenv("PLATOSCOPE_CACHE", "~/elsewhere")
    assert cache_folder() == Path.home() / "elsewhere"


@pytest.mark.parametrize("url", ["s3://bucket/cache", "file:///tmp/cache"])
def test_a_url_is_refused_with_the_variable_that_takes_one(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models cannot be read from a URL; where representations may lie is named."""
    monkeypatch.setenv("PLATOSCOPE_CACHE", url)
    with pytest.raises(InputError, match=r"PLATOSCOPE_CACHE must be a folder.*set PLATOSCOPE_STORE"):
        cache_folder()


def test_what_does_not_fit_into_the_cache_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk costs another counting, and no file of half of one."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", refuse)
    remember(tmp_path / "facts" / "a.json", b"{}")
    assert list((tmp_path / "facts").iterdir()) == []
