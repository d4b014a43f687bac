"""What redaction is worth: planted secrets, clean texts, and the table of both (`python -m synthetic redaction`)."""
