"""Figures and pages of a run.

Every plot function takes data and, if given, the Axes to draw on, and returns the Axes::

    ax = plot_profile(platoscope.profile(A, B))

`write_report` draws a whole run: its figures and its page. Matplotlib is loaded when something is drawn, not before.
"""

from __future__ import annotations

from platoscope.report.comparisons import draw_comparison
from platoscope.report.difference import plot_difference
from platoscope.report.dimension import plot_dimension
from platoscope.report.figures import draw_result, write_figures
from platoscope.report.gain import plot_gain
from platoscope.report.maps import plot_grid, plot_token_distance
from platoscope.report.page import write_page, write_report
from platoscope.report.panels import check_panels
from platoscope.report.profiles import (
    plot_asymmetry,
    plot_null,
    plot_poolings,
    plot_profile,
    plot_sweep,
)
from platoscope.report.reproduce import write_reproduction
from platoscope.report.scales import plot_scales
from platoscope.report.several import plot_model_depths, plot_models, plot_trajectory
from platoscope.report.side_by_side import (
    plot_metrics,
    plot_rank,
    plot_retrieval,
    plot_sample_size,
    plot_shared_features,
)
from platoscope.report.spaces import draw_spaces, plot_spaces
from platoscope.report.style import figure_style
from platoscope.report.texts import plot_matrix, plot_tokens
from platoscope.report.weights import plot_weights

__all__ = [
    "check_panels",
    "draw_comparison",
    "draw_result",
    "draw_spaces",
    "figure_style",
    "plot_asymmetry",
    "plot_difference",
    "plot_dimension",
    "plot_gain",
    "plot_grid",
    "plot_matrix",
    "plot_metrics",
    "plot_model_depths",
    "plot_models",
    "plot_null",
    "plot_poolings",
    "plot_profile",
    "plot_rank",
    "plot_retrieval",
    "plot_sample_size",
    "plot_scales",
    "plot_shared_features",
    "plot_spaces",
    "plot_sweep",
    "plot_token_distance",
    "plot_tokens",
    "plot_trajectory",
    "plot_weights",
    "write_figures",
    "write_page",
    "write_report",
    "write_reproduction",
]
