"""The report of a comparison: one self-contained HTML page, a short Markdown, and the charts they show."""
