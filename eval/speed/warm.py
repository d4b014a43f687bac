"""One process of `eval.speed.timing`, apart so that it measures no leftovers: makes the model, or times labelling in
it.

usage: python -m eval.speed.warm FOLDER [--make SHAPE | --file ISSUES]
"""

import json
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from eval.speed.speed_model import ISSUE_TOKENS, issue_of, make_checkpoint

if TYPE_CHECKING:
    from labeler.model.predict import Labeler


def warm_figures(folder: Path) -> dict[str, float]:
    """Seconds an issue in a loaded model, and a decode step."""
    from labeler.model.predict import Labeler

    issue, labeler = issue_of(folder), Labeler(folder)
    labeler.predict(issue)
    times = [labeler.predict(issue).seconds for _ in range(15)]
    return {"warm_seconds": statistics.median(times), "decode_step_seconds": _decode_step(labeler)}


def file_figures(folder: Path, many: int) -> dict[str, float]:
    """Issues a second over a file of `many`, as the command line works through it."""
    from labeler.model.decoder import available_cores
    from labeler.model.predict import Labeler

    labeler = Labeler(folder, threads=1, workers=available_cores())
    issues = [issue_of(folder)] * many
    started = time.perf_counter()
    labeler.predict_many(issues)
    return {"issues_a_second": len(issues) / (time.perf_counter() - started)}


def _decode_step(labeler: "Labeler") -> float:
    from labeler.model.decoder import Cache

    start = labeler.task.prefix_length + ISSUE_TOKENS
    cache = Cache(labeler.manifest.shape, start + 32)
    labeler.engine.continue_([5] * start, cache, 0)
    times = []
    for step in range(25):
        started = time.perf_counter()
        labeler.engine.continue_([7], cache, start + step)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


if __name__ == "__main__":
    if "--make" in sys.argv:
        make_checkpoint(Path(sys.argv[1]), sys.argv[3])
    elif "--file" in sys.argv:
        print(json.dumps(file_figures(Path(sys.argv[1]), int(sys.argv[3]))))
    else:
        print(json.dumps(warm_figures(Path(sys.argv[1]))))
