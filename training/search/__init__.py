"""Better settings by trial."""
