"""GitHub's GraphQL, for what would take REST a request a file.

https://docs.github.com/graphql/guides/forming-calls-with-graphql
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from labeler.github.client import GitHub
from labeler.github.refusals import TROUBLE_REMEDY, Forbidden, Invalid, NotFound, Unavailable

_KINDS = {"NOT_FOUND": NotFound, "FORBIDDEN": Forbidden}


class GraphQL(GitHub):
    """With a token only: GitHub refuses a query without one."""

    def query(self, query: str, variables: Mapping[str, str]) -> dict[str, Any]:
        """The answer's `data`. Raises GitHubError, also for what GitHub refuses with status 200."""
        answer, _ = self._send("POST", self._graphql_url, {"query": query, "variables": dict(variables)})
        if not isinstance(answer, dict):
            raise Unavailable("GitHub answered POST /graphql with something else than an object.", TROUBLE_REMEDY)
        errors = answer.get("errors")
        if isinstance(errors, list) and errors:
            first = errors[0] if isinstance(errors[0], dict) else {}
            said = self._safe(str(first.get("message") or "no reason given"))
            raise _KINDS.get(str(first.get("type")), Invalid)(f"GitHub refused POST /graphql: {said.rstrip('.')}.")
        data = answer.get("data")
        return data if isinstance(data, dict) else {}

    @property
    def _graphql_url(self) -> str:
        """Beside the REST API: api.github.com/graphql, and /api/graphql where that is under /api/v3 (Enterprise)."""
        return re.sub(r"/api/v3\Z", "/api", self._api_url) + "/graphql"
