"""LoRA on a dataset: settings, rows as tokens, batches, the loop, what it leaves."""
