"""Which labels to set and which to take back: pure functions."""
