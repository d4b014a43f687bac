"""The model that ships with the program: its data, its recipe and the command that makes it again."""
