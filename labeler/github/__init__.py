"""GitHub: client, events, history, writes, the summary of a job."""
