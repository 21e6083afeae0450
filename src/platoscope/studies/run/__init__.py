"""From a plan to numbers in a run folder: items, representations, comparisons, kept as they come."""
