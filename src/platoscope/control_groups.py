"""The control groups that this process is in: where a cluster or a container limits its cores and its memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["OWN_GROUPS", "Groups"]


class Groups:
    """The groups of a process, of version 1 and 2.

    Parameters
    ----------
    listed : Path
        Where they are listed, a line for each.
    mount : Path
        Where groups are folders. A container may see its own group there and not the way to it.
    """

    def __init__(self, listed: Path, mount: Path, /) -> None:
        self._listed = listed
        self._mount = mount

    def folders(self, controller: str, /) -> Iterator[Path]:
        """Yield the folders that limit something, the own group first and the ones above it after it; not all need exist.

        Parameters
        ----------
        controller : str
            What is limited: "cpu" or "memory".
        """
        try:
            lines = self._listed.read_text(encoding="utf-8").splitlines()
        except OSError:  # the system has no groups
            return
        for line in lines:
            _, controllers, path = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            top = self._mount / controller if controllers else self._mount
            group = top / path.strip("/")
            for folder in (group, *group.parents):
                yield folder
                if folder == top:
                    break


OWN_GROUPS = Groups(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))
"""Those of this process."""
