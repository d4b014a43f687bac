"""Where the time of one `python -m labeler …` goes, in a process that runs it with a clock around its steps.

usage: python -m eval.speed.stages STARTED FIGURES.json ARGUMENTS OF labeler…

STARTED is time.time() before the process began.
"""

import time

LOADED = time.time()  # before anything else is imported: what lies between is Python's own start

import json  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

START, MODULES, RUNTIME, HASHES, TOKENIZER, WEIGHTS, LIST, TEXT, ISSUE, ANSWER, REST = STAGES = (
    "Python starts",
    "modules, numpy the largest",
    "ONNX Runtime's module",
    "sha256 of the model's files",
    "tokenizer",
    "weights: the session",
    "label list: tokens and prefix",
    "issue: tokens",
    "issue: through the model",
    "answer",
    "the rest",
)


class Clock:
    """Seconds by stage; of a stage within another, only the inner one counts."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self._inner = [0.0]  # seconds of the stages within each of those that run

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._inner.append(0.0)
        started = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - started
            self.seconds[name] += took - self._inner.pop()
            self._inner[-1] += took

    def around(self, owner: Any, attribute: str, *names: str) -> None:
        """Counts calls of a function or class: the first for the first name, all after the last for the last."""
        original, left = getattr(owner, attribute), list(names)

        def timed(*arguments: Any, **options: Any) -> Any:
            with self.stage(left.pop(0) if len(left) > 1 else left[0]):
                return original(*arguments, **options)

        setattr(owner, attribute, timed)


def watch(clock: Clock) -> Callable[[list[str]], int]:
    """The labeller's command line, with clocks around its steps."""
    with clock.stage(MODULES):
        from labeler.cli import command_module, main
        from labeler.model import bundle, engine
        from labeler.text import prompt

        command_module("label")
    with clock.stage(RUNTIME):
        import onnxruntime  # noqa: F401
    clock.around(bundle, "verify_files", HASHES)
    clock.around(engine, "open_tokenizer", TOKENIZER)
    clock.around(engine, "Embeddings", WEIGHTS)
    clock.around(engine, "Decoder", WEIGHTS)
    clock.around(engine.Engine, "task", LIST)
    clock.around(prompt.Renderer, "issue", TEXT)
    clock.around(engine.Engine, "continue_", ISSUE, ANSWER)
    return main


def run(started: float, figures: Path, arguments: list[str]) -> int:
    clock = Clock()
    clock.seconds[START] = LOADED - started
    main = watch(clock)
    with clock.stage(REST):
        code = main(arguments)
    figures.write_text(json.dumps(clock.seconds), encoding="utf-8")
    return code


if __name__ == "__main__":
    raise SystemExit(run(float(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
