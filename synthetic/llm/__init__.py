"""The large language model: asking, waiting, paying."""
