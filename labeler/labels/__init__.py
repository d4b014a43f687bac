"""Label lists: names, descriptions, aliases, families."""
