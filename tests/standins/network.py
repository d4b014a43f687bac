"""A machine without a network: no name can be resolved."""

from __future__ import annotations

import socket

import pytest


def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on; the second look at a name comes at once."""

    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr("labeler.base.retry._SECONDS_TO_SECOND_LOOK", 0.0)
