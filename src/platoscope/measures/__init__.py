"""Measures between two representations of the same items: one file each, and a table of them all."""

from __future__ import annotations

from platoscope.measures._cka import cka
from platoscope.measures._cknna import cknna
from platoscope.measures._compiled import kernel_files
from platoscope.measures._dimension import (
    DIMENSION_METHODS,
    IntrinsicDimension,
    dimension_scaling,
    intrinsic_dimension,
    layer_dimensions,
)
from platoscope.measures._estimate import EstimatedImbalance, EstimatedValue, estimate_imbalance
from platoscope.measures._evaluate import Evaluation, PreparedLayers, evaluate, evaluate_layer
from platoscope.measures._gain import (
    DEFAULT_WEIGHTS,
    GAIN_FRACTION,
    Drawn,
    GainCurve,
    ImbalanceGain,
    check_weights,
    draw_gains,
    gain_of_spaces,
    imbalance_gain,
)
from platoscope.measures._imbalance import imbalance_of_ranks
from platoscope.measures._information_imbalance import BothDirections, Imbalance, information_imbalance
from platoscope.measures._inputs import check_same_items, two_spaces
from platoscope.measures._items import ItemValues
from platoscope.measures._measure import Measure, as_similarity
from platoscope.measures._nulls import (
    Calibration,
    Shuffles,
    calibrate,
    draw_shuffles,
    one_per_item,
    permutations,
    tied_null,
)
from platoscope.measures._options import (
    DEFAULT_MEASURES,
    ComparisonOptions,
    SideName,
    changed,
    with_keywords,
)
from platoscope.measures._overlap import neighborhood_overlap, neighborhood_overlap_chance
from platoscope.measures._own import measure_rows
from platoscope.measures._procrustes import procrustes
from platoscope.measures._resampling import (
    INTERVAL_METHODS,
    Z95,
    carry,
    jackknife_covariance,
    standard_errors,
    subsamples,
)
from platoscope.measures._retrieval import Retrieval, retrieval
from platoscope.measures._ridge import LinearPrediction, ridge_r2
from platoscope.measures._rsa import rsa
from platoscope.measures._scales import (
    StrataImbalance,
    group_numbers,
    item_squares,
    restricted,
    scale_curve,
    strata_imbalance,
)
from platoscope.measures._sharing import ALL_DRAWS, Share, by_draws, most_shares
from platoscope.measures._simultaneous import (
    adjusted_p_values,
    simultaneous_multiplier,
    simultaneous_p_values,
)
from platoscope.measures._strata import matched_strata, quantile_strata
from platoscope.measures._table import (
    MEASURES,
    choose_measures,
    find_measure,
    get_measure,
    measure_names,
)
from platoscope.measures._variables import PARTS, split_variable
from platoscope.measures._weighting import (
    Descent,
    LayerDistances,
    WeightOptions,
    descend,
    differentiable_imbalance,
    layer_distances,
)

__all__ = [
    "ALL_DRAWS",
    "DEFAULT_MEASURES",
    "DEFAULT_WEIGHTS",
    "DIMENSION_METHODS",
    "GAIN_FRACTION",
    "INTERVAL_METHODS",
    "MEASURES",
    "PARTS",
    "Z95",
    "BothDirections",
    "Calibration",
    "ComparisonOptions",
    "Descent",
    "Drawn",
    "EstimatedImbalance",
    "EstimatedValue",
    "Evaluation",
    "GainCurve",
    "Imbalance",
    "ImbalanceGain",
    "IntrinsicDimension",
    "ItemValues",
    "LayerDistances",
    "LinearPrediction",
    "Measure",
    "PreparedLayers",
    "Retrieval",
    "Share",
    "Shuffles",
    "SideName",
    "StrataImbalance",
    "WeightOptions",
    "adjusted_p_values",
    "as_similarity",
    "by_draws",
    "calibrate",
    "carry",
    "changed",
    "check_same_items",
    "check_weights",
    "choose_measures",
    "cka",
    "cknna",
    "descend",
    "differentiable_imbalance",
    "dimension_scaling",
    "draw_gains",
    "draw_shuffles",
    "estimate_imbalance",
    "evaluate",
    "evaluate_layer",
    "find_measure",
    "gain_of_spaces",
    "get_measure",
    "group_numbers",
    "imbalance_gain",
    "imbalance_of_ranks",
    "information_imbalance",
    "intrinsic_dimension",
    "item_squares",
    "jackknife_covariance",
    "kernel_files",
    "layer_dimensions",
    "layer_distances",
    "matched_strata",
    "measure_names",
    "measure_rows",
    "most_shares",
    "neighborhood_overlap",
    "neighborhood_overlap_chance",
    "one_per_item",
    "permutations",
    "procrustes",
    "quantile_strata",
    "restricted",
    "retrieval",
    "ridge_r2",
    "rsa",
    "scale_curve",
    "simultaneous_multiplier",
    "simultaneous_p_values",
    "split_variable",
    "standard_errors",
    "strata_imbalance",
    "subsamples",
    "tied_null",
    "two_spaces",
    "with_keywords",
]
