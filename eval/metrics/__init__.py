"""Figures: F1 and its kin, intervals, answers of any system, scores."""
