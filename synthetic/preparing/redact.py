"""Takes secrets and addresses out of issue text before it leaves the machine: `[redacted: github token]`.

A secret is known by its form, or by what stands before it (`password=`, `Authorization:`). Commit hashes, UUIDs,
checksums and versions by themselves stay; so do MAC addresses, @mentions and names. What nothing marks as a secret
(a bare password in prose) is not found.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from synthetic.preparing.addresses import EMAIL, IPV4, IPV6, VERSION_CONTEXT, is_private_email, is_private_ip


@dataclass(frozen=True)
class Redacted:
    """A text without its secrets, and how many of each kind there were."""

    text: str
    counts: Counter[str]


@dataclass(frozen=True)
class Rule:
    """One kind of secret. Of a match only the group `secret` goes, or all of it where there is no such group."""

    kind: str
    pattern: re.Pattern[str]
    fits: Callable[[re.Match[str]], bool] = lambda match: True


def redact(text: str) -> Redacted:
    """Replaces every secret by its kind. Doing it twice changes nothing more."""
    counts: Counter[str] = Counter()
    before = None
    # What is taken out can lay bare what stood right beside it.
    while text != before:
        before = text
        for rule in RULES:
            text = _apply(rule, text, counts)
    return Redacted(text, counts)


def _apply(rule: Rule, text: str, counts: Counter[str]) -> str:
    group = "secret" if "secret" in rule.pattern.groupindex else 0

    def replaced(match: re.Match[str]) -> str:
        if not rule.fits(match):
            return match[0]
        counts[rule.kind] += 1
        start, end = match.start(group) - match.start(), match.end(group) - match.start()
        return f"{match[0][:start]}[redacted: {rule.kind}]{match[0][end:]}"

    return rule.pattern.sub(replaced, text)


def entropy(text: str) -> float:
    """Bits a character by the characters' own frequencies (Shannon): 0 for "aaaa", about 4 for 20 random letters."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


# A value that is no secret itself: $TOKEN, %PASSWORD%, ********, self.token
_STAND_IN = re.compile(
    r"\$[{(]|[$%]\w+%?$|(.)\1+$|(?:self|this|process|os|env|config|settings|options|opts|props|args|params|request|req|"
    r"user|data|ctx|context|secrets|vars?|credentials|auth|session|module)[.\[]",
    re.IGNORECASE,
)
_NO_PASSWORDS = {"string", "pass", "password", "passwd", "secret", "required", "optional", "boolean", "undefined"}
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_RUN = re.compile(r"[A-Za-z0-9]{10,}")


def _is_literal(match: re.Match[str]) -> bool:
    """Whether the value stands for itself, rather than for a variable or a call."""
    called = match.string[match.end("secret") : match.end("secret") + 1] == "("
    return not called and _STAND_IN.match(match["secret"]) is None


def _is_password(match: re.Match[str]) -> bool:
    """Whether a value is quoted, or has two kinds of characters, as passwords do and words don't."""
    value = match["secret"]
    if not _is_literal(match) or value.lower() in _NO_PASSWORDS:
        return False
    quoted = match.string[match.start("secret") - 1] in "\"'"
    return quoted or sum(re.search(kind, value) is not None for kind in (r"[A-Za-z]", r"\d", r"[!@#$%^&*+=?~|]")) > 1


def _is_random(match: re.Match[str]) -> bool:
    """Whether a value looks drawn at random: letters and digits in one run, or long with a high entropy."""
    value = match["secret"]
    mixed = any(re.search(r"\d", run) and re.search(r"[A-Za-z]", run) for run in _RUN.findall(value))
    if mixed or _UUID.fullmatch(value):
        return _is_literal(match) and entropy(value) >= 3
    return _is_literal(match) and len(value) >= 32 and entropy(value) >= 4.5


def _is_login(match: re.Match[str]) -> bool:
    """Whether the password of "user:password" is one, rather than that very word."""
    return _is_literal(match) and match["secret"].partition(":")[2].lower() not in _NO_PASSWORDS


def _is_credential(match: re.Match[str]) -> bool:
    return _is_literal(match) and (len(match["secret"]) >= 24 or _is_password(match))


_ASSIGNED = r"[\"'\]\\]{0,3}\s{0,3}(?:=>|:=|[:=>])(?![:=])\s{0,3}[\"'\\]{0,2}"
_VALUE = r"[^\s\"'`,;&<>()\[\]{}\\]"
_KEY_HEAD = r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
_KEY_FOOT = _KEY_HEAD.replace("BEGIN", "END")
# Where a token begins; \n and %3D before it are a newline and a "=" of another writing.
_START = r"(?:(?<![A-Za-z0-9_])|(?<=\\[nrt])|(?<=%[0-9A-F][0-9A-F]))"


def _token(kind: str, *patterns: str) -> Rule:
    return Rule(kind, re.compile(rf"{_START}(?:{'|'.join(patterns)})(?![A-Za-z0-9_])", re.ASCII))


def _valued(kind: str, before: str, value: str, fits: Callable[[re.Match[str]], bool] = lambda match: True) -> Rule:
    """A value that is known by what stands before it."""
    return Rule(kind, re.compile(rf"(?i:{before})(?P<secret>{value})"), fits)


# In this order: what is known for certain first, so that `token=ghp_…` counts as GitHub's.
RULES = (
    # To its foot; one that was cut off, as far as it looks like base64.
    Rule(
        "private key",
        re.compile(
            rf"{_KEY_HEAD}(?:(?:(?!-----BEGIN)[\s\S]){{0,16000}}?{_KEY_FOOT}"
            r"|(?:(?:\s|\\[nr]){0,4}[A-Za-z0-9+/=]{16,})*)"
        ),
    ),
    _token("github token", r"gh[pousr]_[A-Za-z0-9_.-]{35,500}[A-Za-z0-9]", r"github_pat_[A-Za-z0-9_]{22,255}"),
    _token("gitlab token", r"gl(?:pat|dt|rt|cbt|ptt|soat)-[\w-]{20,200}"),
    _token("aws key", r"(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ANVA|ABIA|ACCA)[A-Z0-9]{16}"),
    _valued("aws key", rf"secret.{{0,3}}(?:access)?.{{0,3}}key{_ASSIGNED}", r"[A-Za-z0-9/+]{40}(?![\w/+=])"),
    _token("google key", r"AIza[\w-]{35}", r"GOCSPX-[\w-]{28}", r"ya29\.[\w.-]{20,1000}", r"AQ\.[\w-]{40,200}"),
    _token("slack token", r"xox[abceoprsd]-[\w-]{10,250}", r"xapp-\d-[\w-]{20,250}"),
    _valued("webhook", r"https://hooks\.slack\.com/(?:services|workflows)/", r"[\w/-]{20,300}"),
    _valued("webhook", r"https://(?:\w{1,20}\.)?discord(?:app)?\.com/api/webhooks/", r"[\w/-]{20,300}"),
    _token("stripe key", r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,250}", r"whsec_[A-Za-z0-9+/=]{24,100}"),
    _token("npm token", r"npm_[A-Za-z0-9]{36}"),
    _token("pypi token", r"pypi-[\w-]{50,500}"),
    _token("hugging face token", r"(?:hf|api_org)_[A-Za-z0-9]{30,60}"),
    # OpenAI's and others'. Class names of style sheets begin with sk- too, and have neither capitals nor digits.
    _token("api key", r"sk-(?=[\w-]{0,200}\d)(?=[\w-]{0,200}[A-Z])[\w-]{20,250}"),
    _token("sendgrid key", r"SG\.[\w-]{22}\.[\w-]{43}"),
    _token("twilio key", r"SK[0-9a-f]{32}"),
    _token("telegram token", r"\d{8,10}:AA[\w-]{33}"),
    _token("docker token", r"dckr_pat_[\w-]{27}"),
    _token("digitalocean token", r"do[opr]_v1_[0-9a-f]{64}"),
    _token("databricks token", r"dapi[0-9a-f]{32}"),
    _token("shopify token", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    _token("atlassian token", r"ATATT3[\w=-]{50,300}"),
    _token("jwt", r"eyJ[\w-]{8,4000}\.eyJ[\w-]{8,8000}(?:\.[\w-]{0,2000})?"),
    _valued(
        "password in url",
        r"(?<![A-Za-z0-9])[a-z][a-z0-9+.-]{1,20}://",
        r"[^\s/:@\"'<>{}$`\[]{0,100}:[^\s/\"'<>{}$`\[]{1,200}(?=@)",
        _is_login,
    ),
    _valued(
        "authorization",
        r"(?<![\w-])(?:proxy-)?authorization[\"']{0,2}\s{0,3}[:=]\s{0,3}[\"']?"
        r"(?:(?:bearer|basic|token|digest|apikey|negotiate)\s{1,3})?",
        _VALUE + "{8,2000}",
        _is_credential,
    ),
    _valued("authorization", r"\bbearer\s{1,3}", r"[\w.~+/-]{16,2000}={0,2}", _is_random),
    _valued("cookie", r"(?<![\w-])(?:set-)?cookie: ?", r"[^\s=;\[]{1,80}=[^\r\n\"'\[]{8,4000}"),
    _valued("password", rf"(?:password|passwd|passphrase|pwd|passwort){_ASSIGNED}", _VALUE + "{6,200}", _is_password),
    _valued(
        "password",
        r"\bmachine\s{1,3}\S{1,100}\s{1,3}login\s{1,3}\S{1,100}\s{1,3}password\s{1,3}",
        r"[^\s\[]{4,200}",
        _is_literal,
    ),
    _valued("password", r"\bcurl\b[^\n]{0,200}?\s(?:-u|--user)[ =]?[\"']?", r"[^\s:\"'$<\[]{1,64}:[^\s\"'\[]{3,100}"),
    _valued("password", r"\s--[a-z-]{0,30}(?:password|passphrase)\s{1,3}[\"']?", _VALUE + "{6,200}", _is_password),
    _valued("secret", r"\s--[a-z-]{0,30}(?:token|secret|key)\s{1,3}[\"']?", _VALUE + "{16,2000}", _is_random),
    _valued(
        "secret",
        r"(?:secret|token|api[_-]?key|credentials?|_auth|session[_-]?id|"
        r"(?:access|auth|account|private|encryption|signing|master|license|subscription|session|secret)[_-]?key)"
        rf"(?:[_-]\w{{1,20}})?{_ASSIGNED}",
        _VALUE + "{16,2000}",
        _is_random,
    ),
    _valued(
        "secret",
        r"(?<![a-z])(?<!public[_-])(?<!primary[_-])(?<!foreign[_-])(?<!cache[_-])(?:key|sig|signature)=[\"']?",
        r"[\w+/%.=-]{20,500}",
        _is_random,
    ),
    Rule("email address", EMAIL, lambda match: is_private_email(match[1], match[2], match[3])),
    Rule(
        "ip address",
        IPV4,
        lambda match: is_private_ip(match[0], match.string[max(0, match.start() - VERSION_CONTEXT) : match.start()]),
    ),
    Rule("ip address", IPV6, lambda match: is_private_ip(match[0])),
)
