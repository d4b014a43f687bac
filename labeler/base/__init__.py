"""What several packages share and the runtime does not need. Nothing here is heavy to import."""
