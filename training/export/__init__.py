"""The bundle: the graph and its weights, without torch."""
