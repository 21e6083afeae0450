"""Distances, nearest neighbors and ranks: the one expensive thing, done once per representation.

`prepare` makes a `Space` from an array; `nearest_neighbors` and `ranks` answer from it, exactly, with
ties defined and memory bounded. Measures are thin sums over what they return.
"""

from __future__ import annotations

from platoscope.neighbors._compiled import compiled_beside, kernel_files
from platoscope.neighbors._deletion import first_neighbors, rank_sums_left_out
from platoscope.neighbors._diagnostics import (
    SpaceDiagnostics,
    hubness,
    largest_feature,
    participation_ratio,
    space_diagnostics,
)
from platoscope.neighbors._directions import told_apart
from platoscope.neighbors._exact import exact_scores, exact_squares
from platoscope.neighbors._gallery import GallerySide, ranks_in_galleries
from platoscope.neighbors._inputs import FloatArray, check_finite
from platoscope.neighbors._joined import exact_matrix, join_spaces, spread, squared_matrix
from platoscope.neighbors._local_scaling import local_scaling
from platoscope.neighbors._memory import MATRICES_SHARE, available_memory, require_memory
from platoscope.neighbors._metrics import (
    METRICS,
    Metric,
    OwnMetric,
    check_metric,
    entry_bytes,
    metric_name,
    reads_distances,
    same_space,
)
from platoscope.neighbors._nearest import Neighbors, block_neighbors, nearest_neighbors
from platoscope.neighbors._neighbor_distances import neighbor_distances
from platoscope.neighbors._prepare import as_space, prepare
from platoscope.neighbors._proximity import mutual_proximity
from platoscope.neighbors._ranks import ranks, sum_over_rank_rows, visit_rank_rows
from platoscope.neighbors._references import AgainstReferences, against_references
from platoscope.neighbors._samples import Sample, add_sample_ranks, sample_neighbors, take_sample
from platoscope.neighbors._scaling import powers_of_two
from platoscope.neighbors._search import AskedNeighbors, asked_neighbors
from platoscope.neighbors._settled import is_coarse, settled
from platoscope.neighbors._side_by_side import asked_alone, is_much, map_spaces, map_two, prepares_alone
from platoscope.neighbors._space import Space
from platoscope.neighbors._streams import RowStream, open_stream
from platoscope.neighbors._threads import map_tasks, over_rows, over_tasks, sum_over_tasks
from platoscope.neighbors._transforms import (
    TRANSFORMS,
    Transform,
    parse_transform,
    transform_name,
    transform_rows,
)

__all__ = [
    "MATRICES_SHARE",
    "METRICS",
    "TRANSFORMS",
    "AgainstReferences",
    "AskedNeighbors",
    "FloatArray",
    "GallerySide",
    "Metric",
    "Neighbors",
    "OwnMetric",
    "RowStream",
    "Sample",
    "Space",
    "SpaceDiagnostics",
    "Transform",
    "add_sample_ranks",
    "against_references",
    "as_space",
    "asked_alone",
    "asked_neighbors",
    "available_memory",
    "block_neighbors",
    "check_finite",
    "check_metric",
    "compiled_beside",
    "entry_bytes",
    "exact_matrix",
    "exact_scores",
    "exact_squares",
    "first_neighbors",
    "hubness",
    "is_coarse",
    "is_much",
    "join_spaces",
    "kernel_files",
    "largest_feature",
    "local_scaling",
    "map_spaces",
    "map_tasks",
    "map_two",
    "metric_name",
    "mutual_proximity",
    "nearest_neighbors",
    "neighbor_distances",
    "open_stream",
    "over_rows",
    "over_tasks",
    "parse_transform",
    "participation_ratio",
    "powers_of_two",
    "prepare",
    "prepares_alone",
    "rank_sums_left_out",
    "ranks",
    "ranks_in_galleries",
    "reads_distances",
    "require_memory",
    "same_space",
    "sample_neighbors",
    "settled",
    "space_diagnostics",
    "spread",
    "squared_matrix",
    "sum_over_rank_rows",
    "sum_over_tasks",
    "take_sample",
    "told_apart",
    "transform_name",
    "transform_rows",
    "visit_rank_rows",
]
