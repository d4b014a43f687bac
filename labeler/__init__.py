"""Labels GitHub issues with a small language model on the CPU at hand."""

__version__ = "0.1.0"
