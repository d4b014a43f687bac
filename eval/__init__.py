"""Measures what the labeller is worth. `eval` is also a builtin: import from its modules, never `import eval`."""
