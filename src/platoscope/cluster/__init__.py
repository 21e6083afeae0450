"""Work on several processes or machines, by Dask: who does it, and how a piece of it is handed over.

Dask schedules, carries and repeats; what is kept on disk is written by whoever made it.
"""

from __future__ import annotations

from platoscope.cluster._cluster import Cluster, Task
from platoscope.cluster._opening import check_cluster, open_cluster, using_cluster
from platoscope.cluster._working import unseen_error

__all__ = ["Cluster", "Task", "check_cluster", "open_cluster", "unseen_error", "using_cluster"]
