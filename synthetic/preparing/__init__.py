"""From fetched issues to prepared ones: redacted, without duplicates, labels mapped."""
