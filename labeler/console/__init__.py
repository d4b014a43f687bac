"""What a command line says and takes: options, errors, progress, tables."""
