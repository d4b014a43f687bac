"""What the four programs' command lines share: one module a command, the same errors, the same exit codes.

Exit codes: 0 done; 1 an expected failure, with its remedy on stderr; 2 wrong usage; 3 a bug; 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from labeler.errors import LabelerError, UsageError

EXIT_CODES = "exit codes: 0 done; 1 failed, the remedy is on stderr; 2 wrong usage; 3 a bug; 130 interrupted"
BUG = 3
INTERRUPTED = 130
# What each extra of pyproject.toml brings, to say which one is missing.
_EXTRAS = {
    "labeler": "serve",
    "training": "train",
    "eval": "eval",
    "synthetic": "synthetic",
}


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise UsageError(f"{self.prog}: {message}", f"{self.prog} --help shows how.")


def guarded(run: Callable[[], int]) -> int:
    """Runs a command; expected failures print what happened and what to do."""
    try:
        return run()
    except LabelerError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has stopped; Python would complain once more while closing it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception:
        _report_bug()
        return BUG


def run_commands(
    package: str, commands: Mapping[str, str], about: str, examples: str, argv: Sequence[str] | None = None
) -> int:
    """`python -m PACKAGE COMMAND …`; returns the exit code.

    Args:
        commands: name -> one line of help. `few-labels` lives in `PACKAGE/commands/few_labels.py`, which has
            HELP, EXAMPLES, add_arguments(parser) and run(arguments) -> exit code.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    return guarded(lambda: _run(package, commands, about, examples, given))


def _run(package: str, commands: Mapping[str, str], about: str, examples: str, given: list[str]) -> int:
    width = max(map(len, commands))
    listed = "\n".join(f"  {name:<{width}}  {text}" for name, text in commands.items())
    if not given or given[0] not in commands:
        parser = _parser(f"python -m {package}", f"{about}\n\ncommands:\n{listed}", f"{examples}\n\n{EXIT_CODES}")
        parser.usage = f"python -m {package} COMMAND …"
        parser.add_argument("command", metavar="COMMAND", choices=list(commands), help=argparse.SUPPRESS)
        parser.parse_args(given)
    module = importlib.import_module(f"{package}.commands.{given[0].replace('-', '_')}")
    parser = _parser(f"python -m {package} {given[0]}", module.HELP, module.EXAMPLES)
    module.add_arguments(parser)
    arguments = parser.parse_args(given[1:])
    try:
        code: int = module.run(arguments)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in _EXTRAS:
            raise
        remedy = f"Install what python -m {package} needs, from this folder: pip install '.[{_EXTRAS[package]}]'"
        raise LabelerError(f"{given[0]} needs {error.name}, which is not installed.", remedy) from error
    return code


def _parser(prog: str, description: str, epilog: str) -> Parser:
    return Parser(
        prog=prog,
        allow_abbrev=False,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _report_bug() -> None:
    import platform
    import traceback

    from labeler import __version__

    traceback.print_exc()
    versions = f"issue-labeler {__version__}, Python {platform.python_version()}, {platform.platform()}"
    print(f"This is a bug: please report it with the lines above.\n{versions}", file=sys.stderr)
