"""Attacks by issue text, and forms put around it."""
