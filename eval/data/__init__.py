"""Rows with their labels, and what two sets of them share."""
