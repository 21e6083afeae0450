"""The sections of `benchmarks/measures.py`, by the name that ``--only`` takes; each returns rows of one table."""

SECTIONS = {
    "pair": "costs",
    "grid": "costs",
    "nulls": "costs",
    "subsamples": "costs",
    "transform": "costs",
    "items": "costs",
    "predictive": "costs",
    "dimension": "costs",
    "scales": "costs",
    "device": "costs",
    "gpu": "gpu",
    "large": "large",
    "coverage": "statistical",
    "false-positives": "statistical",
    "import": "starting",
    "peers": "peers",
}
"""Section → module here, whose function of that name (with underscores) runs it."""
