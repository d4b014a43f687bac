"""Issues and datasets in files: CSV-label, JSON lines, JSON, CSV, Markdown."""
