"""Makes a CSV-label dataset from a repository's history: fetch, redact, annotate, agree, review, split."""
