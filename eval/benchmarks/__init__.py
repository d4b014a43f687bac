"""Comparisons by a protocol: beside baselines, by number of issues, NLBSE'24, few labels; their lists and issues."""
