"""Seconds and megabytes, cold and warm, beside transformers."""
