"""Pages and pictures: HTML without network, SVG, Markdown."""
