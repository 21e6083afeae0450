"""The workers of a command that has ``--cluster``, and what is said of them on stderr."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platoscope.cluster import Cluster
    from platoscope.progress import Progress

__all__ = ["open_workers"]


@contextmanager
def open_workers(where: str | None, progress: Progress, /) -> Iterator[Cluster | None]:
    """Open the cluster that was asked for, and say where it is; None where none was."""
    from platoscope.cluster import using_cluster

    with using_cluster(where, progress=progress) as cluster:
        if cluster is not None:
            count = f"{cluster.n_workers} worker{'s' if cluster.n_workers != 1 else ''}"
            sys.stderr.write(f"Cluster: {count} at {cluster.address}, dashboard {cluster.dashboard}\n")
        yield cluster
