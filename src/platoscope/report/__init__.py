"""Figures and pages of a run.

Every plot function takes data and, if given, the Axes to draw on, and returns the Axes::

    ax = plot_profile(platoscope.profile(A, B))

`write_report` draws a whole run: its figures and its page. Matplotlib is loaded when something is drawn, not before.
"""

from __future__ import annotations

from platoscope.report.asymmetry import plot_asymmetry
from platoscope.report.figures import draw_result, write_figures
from platoscope.report.grid import plot_grid
from platoscope.report.metrics import plot_metrics
from platoscope.report.null import plot_null
from platoscope.report.page import write_page, write_report
from platoscope.report.pooling import plot_poolings
from platoscope.report.profile import plot_profile
from platoscope.report.reproduce import write_reproduction
from platoscope.report.retrieval import plot_retrieval
from platoscope.report.sample_size import plot_sample_size
from platoscope.report.style import figure_style
from platoscope.report.sweep import plot_sweep
from platoscope.report.synthetic import plot_rank, plot_shared_features
from platoscope.report.token_distance import plot_token_distance

__all__ = [
    "draw_result",
    "figure_style",
    "plot_asymmetry",
    "plot_grid",
    "plot_metrics",
    "plot_null",
    "plot_poolings",
    "plot_profile",
    "plot_rank",
    "plot_retrieval",
    "plot_sample_size",
    "plot_shared_features",
    "plot_sweep",
    "plot_token_distance",
    "write_figures",
    "write_page",
    "write_report",
    "write_reproduction",
]
