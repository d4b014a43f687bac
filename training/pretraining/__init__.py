"""A base that goes on reading plain text."""
