"""A dataset as tuning reads it: rows by split, as tokens, in batches."""
