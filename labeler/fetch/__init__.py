"""How `labeler.fetch.hub` gets a bundle: from which place, over which connection, into which cache."""
