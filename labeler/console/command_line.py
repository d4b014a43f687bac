"""What the four programs' command lines share: one module a command, the same errors, the same exit codes.

Exit codes: 0 done; 1 an expected failure, with its remedy on stderr; 2 wrong usage; 3 a bug; 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from labeler import __version__
from labeler.console.suggestion import did_you_mean
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
# What torch brings by itself on Linux, and how not to get it.
CPU_TORCH = (
    "Without an NVIDIA GPU install torch's CPU build first, or pip fetches 6 GB of CUDA: choose Pip and CPU on "
    "https://pytorch.org/get-started/locally/"
)
_OPTION = re.compile(r"--?[A-Za-z][^\s=]*(?==|\Z)")


class Parser(argparse.ArgumentParser):
    """Takes options by their whole names; wrong usage is a UsageError, which says what was probably meant."""

    def take(self, given: Sequence[str]) -> argparse.Namespace:
        """`parse_args`, with misspelt options before all: argparse first misses whatever such a one was to give."""
        self._refuse_unknown(given)
        return self.parse_args(given)

    def error(self, message: str) -> None:  # type: ignore[override]
        raise UsageError(f"{self.prog}: {message}", f"{self.prog} --help shows how.")

    def add_version(self) -> None:
        """`--version`: one number for all programs, which are of one project."""
        self.add_argument("--version", action="version", version=f"issue-labeler {__version__}")

    def _refuse_unknown(self, given: Sequence[str]) -> None:
        for position, word in enumerate(given):
            if word == "--":
                return
            if below := self._below(word):  # what follows is for it alone
                below._refuse_unknown(given[position + 1 :])
                return
            option = _OPTION.match(word)
            if option and not self._knows(option[0]):
                meant = did_you_mean(option[0], self._option_string_actions)
                raise UsageError(
                    f"{self.prog}: unrecognized arguments: {word}", f"{meant}{self.prog} --help shows how."
                )

    def _below(self, word: str) -> Parser | None:
        """The parser of a command within this one."""
        choices = [one.choices for one in self._actions if isinstance(one, argparse._SubParsersAction)]
        return choices[0].get(word) if choices and choices[0] else None

    def _knows(self, option: str) -> bool:
        known = self._option_string_actions
        return option in known or (not option.startswith("--") and option[:2] in known)


def refuse_command(prog: str, word: str, commands: Iterable[str]) -> None:
    """Raises UsageError where a word is a misspelt command; anything else may be something else."""
    if meant := did_you_mean(word, commands):
        raise UsageError(f"{prog}: no command {word!r}", f"{meant}{prog} --help lists them.")


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
        prog = f"python -m {package}"
        if given and not given[0].startswith("-"):
            refuse_command(prog, given[0], commands)
        parser = _parser(prog, f"{about}\n\ncommands:\n{listed}", f"{examples}\n\n{EXIT_CODES}")
        parser.usage = f"{prog} COMMAND …"
        parser.add_version()
        parser.add_argument("command", metavar="COMMAND", choices=list(commands), help=argparse.SUPPRESS)
        parser.take(given)
    module = importlib.import_module(f"{package}.commands.{given[0].replace('-', '_')}")
    parser = _parser(f"python -m {package} {given[0]}", module.HELP, module.EXAMPLES)
    module.add_arguments(parser)
    arguments = parser.take(given[1:])
    with what_is_missing_named(package, given[0], f"pip install -e '.[{_EXTRAS[package]}]'"):
        code: int = module.run(arguments)
    return code


@contextlib.contextmanager
def what_is_missing_named(package: str, command: str, install: str) -> Iterator[None]:
    """A library that is not installed is an expected failure; a module of this project that is not there is a bug."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in _EXTRAS:
            raise
        remedy = f"Install what python -m {package} needs, from this folder: {install}"
        if package == "training" and importlib.util.find_spec("torch") is None:
            remedy += f"\n{CPU_TORCH}"
        raise LabelerError(f"{command} needs {error.name}, which is not installed.", remedy) from error


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

    traceback.print_exc()
    versions = f"issue-labeler {__version__}, Python {platform.python_version()}, {platform.platform()}"
    print(f"This is a bug: please report it with the lines above.\n{versions}", file=sys.stderr)
