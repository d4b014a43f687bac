"""Whether a value that stands where a secret would is one: not a variable, a placeholder, a type or a word."""

from __future__ import annotations

import re

from synthetic.redaction.rule import entropy

# What joins a key to its value; 0 to 3 quotes or brackets may close the key, 0 to 2 open the value.
ASSIGNED = r"[\"'\]\\`*]{0,3}\s{0,3}(?:=>|:=|[:=>：＝])(?![:=])\s{0,3}[\"'\\`]{0,2}"
VALUE = r"[^\s\"'`,;&<>()\[\]{}\\]"
# The value in quotes, up to the quote that opened it; else up to what ends a value in most formats.
PASSWORD = r"(?:(?<=\")[^\"\r\n\\]{4,200}(?=\")|(?<=')[^'\r\n\\]{4,200}(?=')|[^\s\"'`,;&<>()\[\]{}\\]{4,200})"
# A value that is no secret itself: $TOKEN, %PASSWORD%, ********, self.token
_STAND_IN = re.compile(
    r"\$[{(]|[$%]\w+%?$|(.)\1+$|\{\{|\[redacted|(?:self|this|process|os|env|config|settings|options|opts|props|args|params|"
    r"request|req|user|data|ctx|context|secrets|vars?|credentials|auth|session|module)[.\[]",
    re.IGNORECASE,
)
NO_PASSWORDS = {
    "string", "pass", "password", "passwd", "secret", "required", "optional", "boolean", "undefined", "<password>",
    "changeme", "changeit", "change-me", "change_me", "example", "hunter2", "passw0rd", "p@ssw0rd", "password1",
    "password123", "secret123", "mypassword", "yourpassword", "your-password", "your_password", "test123", "test1234",
    "postgres", "mysql", "admin", "admin123", "root", "root123", "guest", "123456", "1234567", "12345678", "123456789",
    "redacted", "removed", "hidden", "empty", "false", "disabled", "enabled", "default", "prompt", "number", "object",
    "minlength", "maxlength", "mustmatch", "invalid", "incorrect", "expired", "nullable", "varchar", "password_hash",
}  # fmt: skip
# Words that make a placeholder of an unquoted value of letters alone.
_PLACEHOLDER = re.compile(
    r"pass|secret|change|example|your|dummy|placeholder|x{3}|todo|sample|redact|token|null|none|true|false|string|input|"
    r"field|value|text|hash|error|valid|missing|prompt|file|requir|encrypt|plain|login|user|name|reset|forgot|auth|"
    r"config|setting|param|option|default|label|type",
    re.IGNORECASE,
)
# Also of others: your_MD5_password, <the password>, my-secret-password
_SAYS_SO = re.compile(
    r"^(?:your|the|my|some|new|old|example)[-_ ]|^<.*>$|[-_](?:password|passwd|secret|here)$", re.IGNORECASE
)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_RUN = re.compile(r"[A-Za-z0-9]{10,}")
_KINDS = tuple(map(re.compile, (r"[A-Z]", r"[a-z]", r"\d", r"[!@#$%^&*+=?~|_.:/-]", r"[^\x00-\x7f]")))
_STRONG = tuple(map(re.compile, (r"[A-Za-z]", r"\d", r"[!@#$%^&*+=?~|]")))
_ALGORITHM = re.compile(
    r"(?:sha|md|aes|hmac|base|utf|rsa|ed|bcrypt|scrypt|argon|pbkdf|oauth|rfc|latin|iso|x)-?\d", re.IGNORECASE
)


def kinds(value: str) -> int:
    """How many kinds of characters a value has: capitals, small letters, digits, signs, other scripts."""
    return sum(kind.search(value) is not None for kind in _KINDS)


def is_literal(match: re.Match[str]) -> bool:
    """Whether the value stands for itself, rather than for a variable or a call."""
    called = match.string[match.end("secret") : match.end("secret") + 1] == "("
    return not called and _STAND_IN.match(match["secret"]) is None


def is_password(match: re.Match[str]) -> bool:
    """Whether a value is quoted, or has two kinds of characters, as passwords do and words don't."""
    value = match["secret"]
    if len(value) < 6 or not is_literal(match) or value.lower() in NO_PASSWORDS or _SAYS_SO.search(value):
        return False
    if match.string[match.start("secret") - 1] in "\"'":
        return not (" " in value and not re.search(r"\d", value))  # a sentence: "password": "must not be empty"
    return sum(kind.search(value) is not None for kind in _STRONG) > 1


def is_plain_password(match: re.Match[str]) -> bool:
    """Like `is_password`, and where a key admits nothing else (PGPASSWORD=) also words that are no placeholder."""
    value = match["secret"]
    if is_password(match):
        return True
    return len(value) >= 8 and value.isalnum() and is_literal(match) and not _PLACEHOLDER.search(value)


def is_strong(match: re.Match[str]) -> bool:
    """Whether a value could hardly be a word of prose: letters, digits, and a sign or both cases; no algorithm."""
    value = match["secret"].rstrip(".!?:")
    if len(value) < 6 or not is_literal(match) or value.lower() in NO_PASSWORDS or _ALGORITHM.match(value):
        return False
    return kinds(value) >= 3 and re.search(r"\d", value) is not None


def is_random(match: re.Match[str]) -> bool:
    """Whether a value looks drawn at random: letters and digits in one run, or long with a high entropy."""
    value = match["secret"]
    mixed = any(re.search(r"\d", run) and re.search(r"[A-Za-z]", run) for run in _RUN.findall(value))
    if mixed or _UUID.fullmatch(value):
        return is_literal(match) and entropy(value) >= 3
    return is_literal(match) and len(value) >= 32 and entropy(value) >= 4.5


def is_login(match: re.Match[str]) -> bool:
    """Whether the password of "user:password" is one, rather than that very word."""
    return is_literal(match) and match["secret"].partition(":")[2].lower() not in NO_PASSWORDS


def is_credential(match: re.Match[str]) -> bool:
    return is_literal(match) and (len(match["secret"]) >= 24 or is_password(match))
