"""From gitleaks' rules (TOML with Go's RE2 patterns) to a data file with Python's.

    python -m synthetic redaction --gitleaks gitleaks.toml --version v8.30.1

What changes on the way, and why:
- RE2's inline `(?i)` in the middle of a pattern holds to the end of its group; Python wants a group of its own.
- `[\\w.-]{0,50}?` before a name is dropped: it is never part of the secret, and makes each search 50 times as long.
- The end that gitleaks asks for (a quote, a blank, `;`) is that of source files. In prose a token also ends before a
  comma, a bracket or a full stop, so it is replaced by "no further letter or digit".
- Exceptions that are plain texts (published example keys) are kept as sha256: the file holds no key in clear.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labeler.errors import InputError
from labeler.files import write_text

NOTICE = "Rules of gitleaks, changed (synthetic/redaction/translate.py says how). MIT License, see NOTICE."
# Rules that are of no use here, and why.
_OURS = "our own rule covers it"
LEFT_OUT = {
    "generic-api-key": _OURS,
    "curl-auth-header": _OURS,
    "curl-auth-user": _OURS,
    "private-key": _OURS,
    "jwt": _OURS,
    "jwt-base64": _OURS,
    "kubernetes-secret-yaml": _OURS,
    "hashicorp-tf-password": _OURS,
    "sourcegraph-access-token": "takes any commit hash; ours asks for the prefix",
    "aws-amazon-bedrock-api-key-short-lived": "finds the head of a key only; ours takes all of it",
    "facebook-access-token": "its key word stands anywhere in the file; ours asks for it nearby",
    "airtable-personnal-access-token": "its key word stands anywhere in the file; ours needs none",
    "vault-service-token": "takes s. and 24 letters; ours asks for the newer prefix",
}
_END = r"""(?:[\x60'"\s;]|\\[nr]|$)"""
_BEFORE = r"[\w.-]{0,50}?"
_POSIX = {
    "alnum": "A-Za-z0-9",
    "alpha": "A-Za-z",
    "digit": "0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "xdigit": "0-9A-Fa-f",
}


class UntranslatableError(ValueError):
    """A pattern that Python's `re` cannot express."""


def python_pattern(source: str) -> str:
    """A pattern of Go's RE2 as one of Python's `re`, to be compiled with re.ASCII.

    Raises:
        UntranslatableError: it has something that `re` lacks, or that means another thing there.
    """
    out: list[str] = []
    opened = [""]  # for each open group, the flags that were switched on within it
    i = 0
    while i < len(source):
        if source[i] == "\\":
            if source[i + 1 : i + 2] in ("p", "P", "Q", "C"):
                raise UntranslatableError(f"\\{source[i + 1]}")
            out.append(r"\Z" if source[i + 1] == "z" else source[i : i + 2])
            i += 2
        elif source[i] == "[":
            i = _class(source, i, out)
        elif flags := re.compile(r"\(\?([a-zA-Z]+(?:-[a-zA-Z]+)?|-[a-zA-Z]+)\)").match(source, i):
            out.append(f"(?{flags[1]}:")
            opened[-1] += flags[0][:-1] + ":\0"
            i = flags.end()
        elif source[i] == "(":
            opened.append("")
            head = re.compile(r"\((?:\?(?:P<\w+>|[a-zA-Z-]*:))?").match(source, i)
            assert head is not None
            out.append(head[0])
            i = head.end()
        elif source[i] in ")|":
            if source[i] == ")" and len(opened) == 1:
                raise UntranslatableError("a bracket too many")
            inner = opened.pop() if source[i] == ")" else opened[-1]
            out.append(")" * inner.count("\0") + source[i])
            if source[i] == "|":
                out.append(inner.replace("\0", ""))
            i += 1
        else:
            out.append(r"\Z" if source[i] == "$" else source[i])
            i += 1
    out.append(")" * opened[0].count("\0"))
    pattern = "".join(out)
    if re.search(r"(?<!\\)[*+}]\+", pattern):
        raise UntranslatableError("a repetition of a repetition")
    try:
        re.compile(pattern, re.ASCII)
    except (re.error, OverflowError) as error:
        raise UntranslatableError(str(error)) from None
    return pattern


def _class(source: str, start: int, out: list[str]) -> int:
    """Copies a character class and gives the place after it; `[:alnum:]` and an opening bracket become Python's."""
    i = start + 1 + source.startswith("^", start + 1)
    i += source.startswith("]", i)
    out.append(source[start:i].replace("]", r"\]"))
    while source[i] != "]":
        if named := re.compile(r"\[:(\w+):\]").match(source, i):
            if named[1] not in _POSIX:
                raise UntranslatableError(named[0])
            out.append(_POSIX[named[1]])
            i = named.end()
        elif source[i] == "\\":
            out.append(source[i : i + 2])
            i += 2
        else:
            out.append(r"\[" if source[i] == "[" else source[i])
            i += 1
    out.append("]")
    return i + 1


def converted(text: str, source: str, version: str) -> dict[str, Any]:
    """The data file's content from that of a gitleaks.toml.

    Args:
        text: the TOML.
        source: what errors call it.
        version: gitleaks' version that it is of.

    Raises:
        InputError: it is no such file.
    """
    try:
        given = tomllib.loads(text)
        rules: list[Mapping[str, Any]] = given["rules"]
        made, left = [], []
        for rule in rules:
            reason = _reason(rule)
            try:
                if reason is None:
                    made.append(_rule(rule))
            except UntranslatableError as error:
                reason = f"cannot be translated: {error}"
            if reason is not None:
                left.append({"id": rule["id"], "reason": reason})
        everywhere = _exceptions([given.get("allowlist", {})])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{source}: no rules of gitleaks: {error!r}", "Give the gitleaks.toml of a release.") from None
    return {"notice": NOTICE, "version": version, "exceptions": everywhere, "rules": made, "left_out": left}


def convert(path: Path, version: str, to: Path) -> dict[str, Any]:
    """Writes the data file from a gitleaks.toml and gives what it holds. Raises InputError as `converted` does."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}", "Give the gitleaks.toml of a release.") from None
    data = converted(text, str(path), version)
    write_text(to, json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    return data


def _reason(rule: Mapping[str, Any]) -> str | None:
    """Why a rule is left out, None where it is not."""
    if "regex" not in rule:
        return "looks at paths only"
    if "path" in rule:
        return "holds for certain files only"
    if rule["id"].endswith(("-client-id", "-public-key", "-access-id", "-key-id")):
        return "an identifier, no secret"
    return LEFT_OUT.get(rule["id"])


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    source: str = rule["regex"]
    named = _BEFORE in source
    pattern = python_pattern(source.replace(_BEFORE, "").replace(_END, r"(?![A-Za-z0-9])"))
    one: dict[str, Any] = {"id": rule["id"], "pattern": pattern, "keywords": rule.get("keywords", [])}
    if "entropy" in rule:
        one["entropy"] = rule["entropy"]
    if "secretGroup" in rule:
        one["group"] = rule["secretGroup"]
    if named:
        one["named"] = True  # a value known by a vendor's name before it, not by its own form
    exceptions = _exceptions(rule.get("allowlists", []))
    return one | ({"exceptions": exceptions} if any(exceptions.values()) else {})


def _exceptions(lists: list[Mapping[str, Any]]) -> dict[str, list[str]]:
    """What a secret must not be: patterns it must not have, words it must not contain, sha256 of published examples."""
    found: dict[str, list[str]] = {"patterns": [], "words": [], "sha256": []}
    for one in lists:
        # Those that hold for certain files, or for the line around it, say nothing of the secret itself.
        if one.get("condition") == "AND" or one.get("regexTarget", "secret") != "secret":
            continue
        found["words"] += one.get("stopwords", [])
        for source in one.get("regexes", []):
            if re.fullmatch(r"[\w-]{16,}", source):
                found["sha256"].append(hashlib.sha256(source.encode()).hexdigest())
            else:
                found["patterns"].append(python_pattern(source))
    return found
