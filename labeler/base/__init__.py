"""What several packages share, the runtime only in part. Nothing here is heavy to import."""
