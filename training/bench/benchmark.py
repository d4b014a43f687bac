"""What tuning costs: real steps with the settings of a run, on a random model of a named shape and made-up issues.

Neither time nor memory depends on what the weights or the words say, only on their number and length.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labeler.errors import InputError
from labeler.labels.label_set import Label, LabelSet
from labeler.text.issue import Issue
from training.bench.findings import Report
from training.tuning.settings import TuningSettings

GIB = 2**30
# Tokens of an issue: a log-normal with the median and the spread of 32,927 public issues.
_MEDIAN, _SPREAD = 170, 1.0
_WARM = 2  # steps before the clock starts: the first ones allocate and, on a GPU, compile
_ANSWER = 8  # tokens of an answer in the largest batch
LABELS = LabelSet(
    tuple(
        Label(name, f"Issues that are about {name} and about nothing else that has a label of its own.")
        for name in ("bug", "enhancement", "documentation", "question", "maintenance", "testing", "performance",
                     "security", "ux/ui", "ci/cd")
    )
)  # fmt: skip
_SYLLABLES = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
_TEXT = (
    "the application crashes when I open a large file from menu and it shows an error message after update of version "
    "steps to reproduce start program settings page change theme restart expected behaviour window keeps its size "
    "please add support for dark mode how do configure build with option proxy server log null pointer in renderer"
)


@dataclass(frozen=True)
class Request:
    """What to measure. `layers` and `vocabulary` cut the shape down; `memory` is a cap in bytes."""

    shape: str
    layers: int | None = None
    vocabulary: int | None = None
    steps: int = 10
    memory: int | None = None
    backend: str = "auto"


def bench(settings: TuningSettings, request: Request, folder: Path, note: Callable[[str], None]) -> Report:
    """Measures; `folder` is for the random model. Unsloth, where chosen, patches transformers for the whole process.

    Raises:
        InputError: not even a batch of one row fits.
    """
    from training.backends import choose_backend, import_backend
    from training.tuning.device import choose_numerics, find_device
    from training.tuning.memory import estimate, parameter_counts

    backend = choose_backend(request.backend)
    import_backend(backend)
    from training.bench.steps import CONTEXT, Bench  # imports transformers, which Unsloth has to come before

    device = find_device()
    cap = device.memory
    if request.memory:  # of a smaller card, what would be free
        cap = min(cap, request.memory - (CONTEXT if device.kind == "cuda" else 0))
    numerics = choose_numerics(settings, backend, device)
    note(f"writing a random model of the shape {request.shape}")
    base = random_base(folder / "base", request)
    tokenised, examples = _encoded(settings, base.tokenizer, (request.steps + _WARM) * _rows(settings) * 2)

    def planned(rows: int) -> Any:
        tokens = rows * settings.sequence_length
        return estimate(
            base.config, settings, numerics, device.kind, cap, tokens=tokens, counted=min(tokens, rows * _ANSWER),
            backend=backend,
        )  # fmt: skip

    bench = Bench(backend, base, settings, numerics, device.kind, request.memory, folder)
    full = planned(_rows(settings))
    bench.load(full.checkpointing, full.checkpoint_above)
    tried: dict[int, int | None] = {}

    def fits(rows: int) -> bool:
        # On a CPU too large a batch does not fail: it takes the whole machine down.
        hopeless = device.kind == "cpu" and planned(rows).total > device.memory
        note(f"trying {rows} rows of {settings.sequence_length:,} tokens")
        tried[rows] = None if hopeless else bench.peak(rows, settings.sequence_length, _ANSWER)
        peak = tried[rows]
        return peak is not None and (request.memory is None or peak <= request.memory)

    rows = largest(_rows(settings), fits)
    if not rows:
        remedy = "Set gradient_checkpointing=on, a lower sequence_length or a smaller rank."
        raise InputError(f"Not one row of {settings.sequence_length:,} tokens fits.", remedy)
    fitted = with_rows(settings, rows)
    times = bench.time(examples, fitted, request.steps, _WARM)
    counts = parameter_counts(base.config, settings)
    return Report(
        shape=request.shape,
        parameters=counts[0],
        device=device.name,
        backend=backend,
        precision=numerics.precision,
        optimizer=numerics.optimizer,
        sequence_length=settings.sequence_length,
        wanted=_rows(settings),
        batch_size=rows,
        accumulation=fitted.accumulation,
        checkpointing=bench.checkpointing,
        checkpoint_above=bench.above,
        peak=tried[rows] or 0,
        estimated=planned(rows).total,
        times=replace(times, parts={"tokenising": tokenised * times.rows / len(examples)} | times.parts),
        tried=tried,
    )


def largest(wanted: int, fits: Callable[[int], bool]) -> int:
    """The largest number of rows up to `wanted` that fits, 0 where not even one does; larger ones are tried first."""
    if fits(wanted):
        return wanted
    low, high = 0, wanted  # the first fits, the second does not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def with_rows(settings: TuningSettings, rows: int) -> TuningSettings:
    """The settings with smaller batches, and as many of them to a step as keep its size."""
    if rows == _rows(settings):
        return settings
    more = math.ceil(_rows(settings) * settings.accumulation / rows)
    if settings.batch_tokens:
        return replace(settings, batch_tokens=rows * settings.sequence_length, accumulation=more)
    return replace(settings, batch_size=rows, accumulation=more)


def _rows(settings: TuningSettings) -> int:
    """Rows of full length in the largest batch."""
    return max(1, settings.batch_tokens // settings.sequence_length) if settings.batch_tokens else settings.batch_size


def random_base(folder: Path, request: Request) -> Any:
    """A random checkpoint of the shape, in bfloat16, as a `training.model.base.Base`.

    Raises:
        InputError: there is no such shape.
    """
    from eval.speed.shapes import SHAPES, grown_tokenizer, write_random_checkpoint
    from training.model.base import Base

    if request.shape not in SHAPES:
        raise InputError(f"{request.shape}: no such shape", f"Shapes are {', '.join(SHAPES)}.")
    config = dict(SHAPES[request.shape])
    if request.layers:
        config |= {"num_hidden_layers": request.layers, "layer_types": config["layer_types"][: request.layers]}
    size = request.vocabulary or config["vocab_size"]
    texts = [_TEXT, *(f"{label.name}: {label.description}" for label in LABELS)] * 30
    # A vocabulary of Gemma's size is grown from pairs of pieces: of those it takes a thousand.
    rng = random.Random(0)
    texts += [" ".join("".join(rng.choices(_SYLLABLES, k=rng.randint(2, 5))) for _ in range(min(20_000, size // 4)))]
    tokenizer = grown_tokenizer(texts, size)
    config["vocab_size"] = len(json.loads(tokenizer)["model"]["vocab"])
    write_random_checkpoint(folder, config, tokenizer, dtype="bfloat16")
    return Base(request.shape, "", str(folder))


def made_up_rows(count: int, seed: int = 0) -> list[Any]:
    """Rows (`eval.data.rows.Labelled`) with issues as long as people write them."""
    from eval.data.rows import Labelled

    rng, vocabulary = random.Random(seed), _TEXT.split()
    rows = []
    for number in range(count):
        length = min(4000, 1 + round(rng.lognormvariate(math.log(_MEDIAN), _SPREAD)))
        words = rng.choices(vocabulary, k=length + 6)
        labels = frozenset(rng.sample(LABELS.names, rng.choice((1, 1, 1, 2))))
        issue = Issue(" ".join(words[:6]), " ".join(words[6:]), id=str(number))
        rows.append(Labelled(issue, labels, LABELS.names, "made up"))
    return rows


def _encoded(settings: TuningSettings, tokenizer: Path, count: int) -> tuple[float, list[Any]]:
    """(seconds that encoding took, examples)."""
    from labeler.model.tokenizer import LibraryTokenizer
    from labeler.text.prompt import Renderer
    from training.rows.examples import Encoder, Variation, encode_epochs
    from training.tuning.plan import fitted_budget

    renderer = Renderer(LibraryTokenizer(tokenizer), settings.token_budget, settings.describe)
    encoder = Encoder(renderer, LABELS, Variation.of(settings), settings.seed)
    frame = len(renderer.prefix(LABELS)) + encoder.frame
    answer = len(encoder.grammar(LABELS.names).encode(range(len(LABELS))))
    budget = fitted_budget(settings, frame, answer)
    encoder = Encoder(replace(renderer, token_budget=budget), LABELS, Variation.of(settings), settings.seed)
    rows = made_up_rows(count, settings.seed)
    began = time.perf_counter()
    (examples,) = encode_epochs(encoder, rows, 1)
    return time.perf_counter() - began, examples
