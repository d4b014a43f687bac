"""One module a command: HELP, EXAMPLES, add_arguments(parser), run(arguments) -> exit code."""
