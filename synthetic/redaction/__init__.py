"""What tells a secret from other text: rules by form, by key word, by file format; and their trial."""
