"""A smaller vocabulary for a base: the tokens that issues use, and what leads to them (docs/vocabulary.md)."""

DEFAULT_SIZE = 49_152  # chosen in docs/vocabulary.md
