"""Checkpoints of Gemma 3 as they are published: read, checked, merged, taken apart; the card. No torch at import."""
