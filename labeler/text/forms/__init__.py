"""What an issue form asks and what was answered: its fields, their order for the model."""
