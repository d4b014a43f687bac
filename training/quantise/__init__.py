"""Rounding to 8 and 4 bits: forms, calibration, and what it costs."""
