"""Which result of a batch is of which issue: by the key that came back with it, else by its place in the batch.

The service gives each result the metadata of its request, which holds our key, and gives the results in the requests'
order. Where the keys are missing the order alone decides, if nothing speaks against it: the numbers have to be equal,
the results that have a key have to stand where the order puts them, and the prompts' tokens, which the service has
counted, have to be many where our text is long. What cannot be matched is nobody's, though it may be paid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from synthetic.llm.messages import Result

LEAST_COUNTED = 8  # prompts before their lengths can speak for or against the order
LEAST_SPREAD = 20.0  # tokens of standard deviation, likewise
LEAST_LIKE = 0.5  # correlation of lengths; of an order by chance it is about 0


@dataclass(frozen=True)
class Matched:
    """Results by issue; `left` are (place in the batch, result) of those that are nobody's; `by_order` counts those
    of `results` that were matched without a key."""

    results: Mapping[str, Result]
    left: tuple[tuple[int, Result], ...]
    by_order: int = 0


def match(prompts: Mapping[str, int], results: Sequence[tuple[str, Result]]) -> Matched:
    """The results of a job.

    Args:
        prompts: issue -> estimated tokens of its prompt, in the order of submission.
        results: key, or "", with what came of it, in the order of the answer.
    """
    found: dict[str, Result] = {}
    left: list[tuple[int, Result]] = []
    places: dict[str, int] = {}
    for place, (key, result) in enumerate(results):
        if key in prompts and key not in found:
            found[key], places[key] = result, place
        else:
            left.append((place, result))
    open_issues = [identity for identity in prompts if identity not in found]
    if len(left) != len(open_issues) or not left:
        return Matched(found, tuple(left))
    order = list(prompts)
    at_home = len(results) == len(order) and all(order[place] == key for key, place in places.items())
    by_place = {order[place]: result for place, result in left} if at_home else {}
    if at_home and _lengths_agree(prompts, found | by_place):
        return Matched(found | by_place, (), len(by_place))
    if len(left) == 1:  # whatever the order: there is no other issue that it could be of
        return Matched(found | {open_issues[0]: left[0][1]}, (), 1)
    return Matched(found, tuple(left))


def _lengths_agree(prompts: Mapping[str, int], results: Mapping[str, Result]) -> bool:
    """Whether long texts were counted as many tokens; True where too few were counted, or all are of one length."""
    counted = [(prompts[identity], one.tokens["prompt"]) for identity, one in results.items() if one.tokens]
    if len(counted) < LEAST_COUNTED:
        return True
    ours, theirs = np.array(counted, float).T
    if ours.std() < LEAST_SPREAD:
        return True
    return bool(theirs.std() > 0.0 and np.corrcoef(ours, theirs)[0, 1] >= LEAST_LIKE)
