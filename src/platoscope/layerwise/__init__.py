"""Compare two stacks of layers: the full grid, or a profile of matched layers, as labeled results.

Every layer is prepared once; any measures of the table are evaluated on pairs of layers, on subsamples
of the items (intervals) and on shuffled pairings (nulls). The same subsamples and permutations serve
all layers, directions and measures, so that differences are paired.
"""

from __future__ import annotations

from platoscope.layerwise._checkpoints import CheckpointReadings, read_checkpoints
from platoscope.layerwise._compare import compare, profile, profile_each
from platoscope.layerwise._compiling import compile_kernels, kernel_files
from platoscope.layerwise._curve import n_curve
from platoscope.layerwise._diagnosing import DIAGNOSTICS
from platoscope.layerwise._difference import difference, share_depths
from platoscope.layerwise._dimension import dimension_profile
from platoscope.layerwise._frame import to_frame
from platoscope.layerwise._gain import gain_profile
from platoscope.layerwise._gallery_curve import gallery_curve
from platoscope.layerwise._in_blocks import imbalance_in_blocks
from platoscope.layerwise._labels import DIRECTIONS, higher_is_similar
from platoscope.layerwise._layer_stack import LayerStack, as_stack, count_items, with_ids
from platoscope.layerwise._many import compare_many
from platoscope.layerwise._models import ModelReadings, compare_models, read_models
from platoscope.layerwise._neighbor_curve import k_curve
from platoscope.layerwise._part_bytes import part_from_bytes, part_to_bytes
from platoscope.layerwise._parts import FoundPart, SplitComparison, split_comparison
from platoscope.layerwise._per_item import per_item
from platoscope.layerwise._regions import SemanticRegion, semantic_region
from platoscope.layerwise._scales import scale_profile
from platoscope.layerwise._searching import LayerSearch, search_layers, weight_path
from platoscope.layerwise._simultaneous import FEWEST_RESAMPLES, simultaneous_bands
from platoscope.layerwise._slices import take_profile
from platoscope.layerwise._spaces import SPACES, compare_spaces, compare_spaces_of_each
from platoscope.layerwise._training import FollowedTraining, follow_training
from platoscope.layerwise._trajectory import step_difference, trajectory
from platoscope.layerwise._weighing import CANDIDATES, weigh_layers
from platoscope.measures import DEFAULT_MEASURES, WeightOptions

__all__ = [
    "CANDIDATES",
    "DEFAULT_MEASURES",
    "DIAGNOSTICS",
    "DIRECTIONS",
    "FEWEST_RESAMPLES",
    "SPACES",
    "CheckpointReadings",
    "FollowedTraining",
    "FoundPart",
    "LayerSearch",
    "LayerStack",
    "ModelReadings",
    "SemanticRegion",
    "SplitComparison",
    "WeightOptions",
    "as_stack",
    "compare",
    "compare_many",
    "compare_models",
    "compare_spaces",
    "compare_spaces_of_each",
    "compile_kernels",
    "count_items",
    "difference",
    "dimension_profile",
    "follow_training",
    "gain_profile",
    "gallery_curve",
    "higher_is_similar",
    "imbalance_in_blocks",
    "k_curve",
    "kernel_files",
    "n_curve",
    "part_from_bytes",
    "part_to_bytes",
    "per_item",
    "profile",
    "profile_each",
    "read_checkpoints",
    "read_models",
    "scale_profile",
    "search_layers",
    "semantic_region",
    "share_depths",
    "simultaneous_bands",
    "split_comparison",
    "step_difference",
    "take_profile",
    "to_frame",
    "trajectory",
    "weigh_layers",
    "weight_path",
    "with_ids",
]
