"""From numbers to verdicts: evidence with its resamples, rules that decide, and the closing table."""
