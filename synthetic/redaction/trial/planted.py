"""Issues with one planted secret each, by seed, and what redaction leaves of it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from synthetic.preparing.redact import redact
from synthetic.redaction.trial.invented import KINDS
from synthetic.redaction.trial.known import NAMES

LEFT = 12  # characters in a row that are still there make a secret a partly redacted one
_BEFORE = (
    "The import stops after the upgrade to 2.4.1.\n\n",
    "### Steps to reproduce\n\n1. Start the container\n2. Open the page\n\n### Log\n\n",
    "Seen on Ubuntu 22.04 and macOS 14, since commit 3f78685.\n\n```\n",
    "",
    "Hi, I get this since yesterday:\n\n",
)
_AFTER = (
    "\n\nAny idea? It worked with 2.3.0.",
    "\n\n### Expected\n\nNo error.",
    "\n```\n\nat org.acme.Client.send(Client.java:118)\nat org.acme.Main.main(Main.java:14)\n",
    "\n",
    "\n\nThanks!",
)


@dataclass(frozen=True)
class Planted:
    """One issue, the secret in it, and its kind."""

    kind: str
    secret: str
    text: str


def planted(
    contexts: Mapping[str, Sequence[str]], tokens: Sequence[str], *, each: int = 7, seed: int = 0
) -> Iterator[Planted]:
    """`each` issues for every kind of `KINDS`, the contexts in turn.

    Args:
        contexts: kind -> texts around it (§ is the secret); a kind without any has `tokens`, with its variable's name.
    """
    rng = random.Random(seed)
    for kind, draw in KINDS.items():
        around = contexts.get(kind) or [text.replace("NAME", NAMES[kind]) for text in tokens]
        for n in range(each):
            secret = draw(rng)
            text = rng.choice(_BEFORE) + around[n % len(around)].replace("§", secret) + rng.choice(_AFTER)
            yield Planted(kind, secret, text)


def left(one: Planted) -> str:
    """ "full" where redaction took the secret, "part" where a piece of it is still there, "missed" where all of it is.

    A piece is 12 characters in a row, of a short secret half of it.
    """
    text = redact(one.text).text
    if one.secret in text:
        return "missed"
    body = "".join(line for line in one.secret.replace("\\n", "\n").splitlines(keepends=True) if "-----" not in line)
    long = min(LEFT, max(6, len(body) // 2))
    pieces = (body[n : n + long] for n in range(max(1, len(body) - long + 1)))
    return "part" if any(piece in text for piece in pieces) else "full"
