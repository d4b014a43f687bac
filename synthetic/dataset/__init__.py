"""The dataset that comes of it: splits, card, publication."""
