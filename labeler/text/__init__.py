"""From an issue to the prompt, and the grammar of its answer."""
