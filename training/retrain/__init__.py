"""Every month: from new issues to a published model, or why not."""
