"""May a candidate replace the published model: rules and evidence."""
