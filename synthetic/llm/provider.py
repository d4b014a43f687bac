"""What a service with large language models is to be able to do, and which one is asked.

A further service is a module of its own beside synthetic.llm.gemini, and a choice in `connect`. It answers requests and
shows them; batches and kept instructions are further abilities, which a service may lack.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from labeler.config import GeminiAccess, read_gemini
from synthetic.llm.asking import Service
from synthetic.llm.messages import Batch, Request


class Provider(Service, Protocol):
    """Answers requests one by one, by `generate`, and says what went wrong in synthetic.llm.failures' terms."""

    def wire(self, request: Request) -> dict[str, Any]:
        """The request as it would be sent: method, url and body. Nothing is sent."""


@runtime_checkable
class Batching(Protocol):
    """Takes requests as batch jobs, of which each has a display name that its sender chose."""

    def submit(self, requests: Sequence[tuple[str, Request]], display_name: str) -> str:
        """Starts a job of (key, request) pairs, all to the first one's model; returns the job's name."""

    def batch(self, name: str) -> Batch:
        """How a job stands, with its results once it has ended."""

    def batches(self) -> Iterator[Batch]:
        """All jobs, newest first, without their results."""


@runtime_checkable
class Caching(Protocol):
    """Keeps an instruction for a price, so that each request need not bring it."""

    def cache(self, model: str, system: str, seconds: int) -> str:
        """Keeps an instruction for some time; returns its name for Request.cached."""

    def drop_cache(self, name: str) -> None: ...


def connect(environ: Mapping[str, str], *, asks: bool = True) -> Provider:
    """The service that the environment holds a key for.

    Args:
        asks: whether anything is to be sent; else no key is needed.

    Raises:
        BadKey: there is no key, or one that cannot be.
    """
    from synthetic.llm.gemini import Gemini

    return Gemini(read_gemini(environ) if asks else GeminiAccess("none"))


def model_names(given: Iterable[str]) -> tuple[str, ...]:
    """The models' names in the order given, each once; "models/NAME", as Google lists them, is NAME."""
    return tuple(dict.fromkeys(name.removeprefix("models/") for name in given))
