"""Questions that the paper leaves open, in the same form as its own: one module per study."""
