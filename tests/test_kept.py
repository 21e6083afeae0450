"""Places where work is done go when it ends, whenever that is."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path  # noqa: TC003  # a fixture's type

import pytest

from platoscope import kept


@pytest.mark.parametrize("again", [False, True])
def test_what_a_deletion_that_was_cut_short_leaves_is_deleted_by_the_next(
    again: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a workplace its lock goes last, which tells that nobody works there: when work ends, and when leftovers go."""

    def killed(_path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(shutil, "rmtree", killed)
        with kept.workplace(tmp_path) as folder:
            (folder / "content").mkdir()
            (folder / "content" / "file").write_text("half", encoding="utf-8")
    (left,) = tmp_path.iterdir()
    if again:
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "rmtree", killed)
            with pytest.raises(KeyboardInterrupt):
                kept.sweep(tmp_path)
    assert (left / "content" / "file").exists()
    kept.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_link_that_is_left_behind_goes_and_not_what_it_leads_to(tmp_path: Path) -> None:
    """Somebody's folder that is older than a day, for one."""
    for name in ("folder", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "elsewhere" / "file").write_text("mine", encoding="utf-8")
    os.utime(tmp_path / "elsewhere", (0, 0))
    (tmp_path / "folder" / f"{kept.DRAFT}link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    kept.sweep(tmp_path / "folder")
    assert list((tmp_path / "folder").iterdir()) == []
    assert (tmp_path / "elsewhere" / "file").read_text(encoding="utf-8") == "mine"
