"""Secrets that are known by the place they stand in: URLs, headers, command lines, and files that hold credentials."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from synthetic.redaction.rule import Rule, valued
from synthetic.redaction.values import (
    NO_PASSWORDS,
    PASSWORD,
    VALUE,
    is_credential,
    is_literal,
    is_login,
    is_password,
    is_random,
)

_SCHEME = r"(?<![A-Za-z0-9])[a-z][a-z0-9+.-]{1,20}://"
# From the scheme to the last @ before a blank, a quote or another address.
_USERINFO = re.compile(
    rf"(?i:{_SCHEME})(?P<secret>[^\s/:@\"'<>?#]{{0,100}}:(?:(?!://)[^\s\"'<>]){{1,200}})@(?=[\w\[({{$%-])"
)
# What surely is a host, as after the @ of user information.
_HOST = re.compile(
    r"@(?:[\w-]{1,63}\.[\w.-]{1,200}|localhost|\[[0-9a-f:]{2,45}\]|[\w-]{1,63}(?=:\d))(?::\d{1,5})?(?=[/?#,)\]]|$)",
    re.I,
)
_PORT = re.compile(r"[^:]*:\d{0,5}[/?#]")


class UserInformation(Rule):
    """user:password of a URL: all before the last @, whatever it is made of.

    It ends earlier where a whole host follows an @ already (the next one is of a path or a query), and there is none
    where what follows the colon is a port (http://localhost:8080/@scope).
    """

    def spans(self, text: str, lowered: str) -> Iterator[tuple[int, int]]:
        if "://" not in text or "@" not in text:
            return
        for match in self.pattern.finditer(text):
            start, end = match.span("secret")
            if _PORT.match(match["secret"]):
                continue
            host = _HOST.search(text, start, min(len(text), end + 200))
            if host is not None and host.start() < end:
                end = host.start()
            user, _, password = text[start:end].partition(":")
            if password and password.lower() not in NO_PASSWORDS and not _variable(password) and not _variable(user):
                yield start, end


def _variable(value: str) -> bool:
    """Whether a part of a URL is a variable, a placeholder or already taken out."""
    return (
        re.fullmatch(r"\$\w+|\$?\{[^{}]*\}+|\$\{?\{.*|\{\{.*|<.*|%\w+%|(.)\1+|\[redacted.*|\[.*\]", value) is not None
    )


def _is_pgpass(match: re.Match[str]) -> bool:
    return is_literal(match) and match["secret"].lower() not in NO_PASSWORDS and not match["secret"].startswith("//")


def _is_base64_login(match: re.Match[str]) -> bool:
    """Whether base64 hides "user:password"."""
    value = match["secret"]
    try:
        return b":" in base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False


def _is_cookie(match: re.Match[str]) -> bool:
    """Whether a cookie's value could be a session: six characters or more, no word of letters alone."""
    value = match["secret"].partition("=")[2].split(";")[0]
    return is_literal(match) and len(value) >= 6


# The line of .netrc may be broken after any word, and an account stand between.
_NETRC = r"(?:\bmachine\s{1,9}\S{1,100}|\bdefault)\s{1,9}(?:(?:login|user|account)\s{1,9}\S{1,100}\s{1,9}){1,2}"
_TOOL = r"(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump|mysqlimport)\b"
_SESSIONS = (
    r"(?:PHPSESSID|JSESSIONID|ASP\.NET_SessionId|connect\.sid|laravel_session|_\w{1,30}_session|sessionid|session_id|csrftoken|"
    r"XSRF-TOKEN|remember_token|remember_user_token|auth_token|access_token|__Secure-[\w.-]{1,60}|__Host-[\w.-]{1,60}|"
    r"user_session|sb-access-token|next-auth\.session-token|cf_clearance|_gh_sess|li_at)"
)

PLACES = (
    UserInformation("password in url", _USERINFO),
    # A token as user, without a password.
    valued(
        "password in url",
        r"(?<![A-Za-z0-9])(?:https?|git|ssh|ftp|redis|amqp)://",
        r"[\w.~-]{16,300}(?=@[\w-]{1,63}[.:/])",
        is_random,
        words=("://",),
    ),
    # Go's data source: root:secret@tcp(db:3306)/app
    valued(
        "password in url",
        r"(?<![\w/])[\w.-]{1,40}:",
        r"(?!//)[^\s\"'<>]{3,100}(?=@(?:tcp|unix|udp)\()",
        is_password,
        words=("@tcp(", "@unix(", "@udp("),
    ),
    valued(
        "authorization",
        r"(?<![\w-])(?:proxy-)?authorization[\"']{0,2}\s{0,3}[:=,]\s{0,3}[\"'`]?"
        r"(?:(?:bearer|basic|token|digest|apikey|negotiate|ssws|bot|key)\s{1,3})?",
        VALUE + "{8,2000}",
        is_credential,
        words=("authorization",),
    ),
    valued("authorization", r"\bbearer\s{1,3}", r"[\w.~+/-]{16,2000}={0,2}", is_random, words=("bearer",)),
    valued("authorization", r"\bbasic\s{1,3}", r"[A-Za-z0-9+/]{12,400}={0,2}", _is_base64_login, words=("basic",)),
    valued(
        "secret",
        r"(?<![\w-])x-[a-z-]{0,30}(?:key|token|secret|auth)[\"']?\s{0,3}[:,=]\s{0,3}[\"']?",
        VALUE + "{12,2000}",
        is_random,
        words=("x-",),
    ),
    valued(
        "cookie",
        r"(?<![\w-])(?:set-)?cookie[\"']{0,2}\s{0,2}[:,]\s{0,3}[\"']?",
        r"[^\s=;\[\"',]{1,80}=[^\r\n\"'\[]{6,4000}",
        _is_cookie,
        words=("cookie",),
    ),
    valued(
        "cookie",
        r"(?:document\.cookie\s{0,3}=\s{0,3}[\"'`]|\bcurl\b[^\n]{0,200}?\s(?:-b|--cookie)[ =]?[\"']?)",
        r"[^\s=;\[\"'@]{1,80}=[^\r\n\"'`\[]{6,4000}",
        _is_cookie,
        words=("document.cookie", "curl"),
    ),
    valued("cookie", rf"(?<![\w-]){_SESSIONS}[\"']?\s{{0,2}}[=:]\s{{0,2}}[\"']?", r"[\w%.+/|:~-]{16,2000}", is_random),
    valued(
        "password", _NETRC + r"password\s{1,9}[\"']?", r"[^\s\[\"']{4,200}", is_literal, words=("machine", "default")
    ),
    # .pgpass: host:port:database:user:password on a line of its own.
    valued(
        "password",
        r"(?m:^)[ \t>]{0,8}[\w.*-]{1,100}:(?:\d{2,5}|\*):[\w*-]{1,63}:[\w*.-]{1,63}:",
        r"(?:\\.|[^\s:\\]){4,200}(?=[ \t]*(?:\r?\n|\Z))",
        _is_pgpass,
        words=(":",),
    ),
    valued(
        "password",
        r"\bcurl\b[^\n]{0,200}?\s(?:-u|--user)[ =]?[\"']?",
        r"[^\s:\"'$<\[]{1,64}:[^\s\"'\[]{3,100}",
        is_login,
        words=("curl",),
    ),
    valued(
        "password",
        rf"\b{_TOOL}[^\n]{{0,200}}?\s-p[\"']?",
        r"[^\s\"'\[<$-][^\s\"'\[]{3,100}",
        is_literal,
        words=("mysql", "mariadb"),
    ),
    valued("password", r"\bsshpass\s{1,3}-p\s?[\"']?", r"[^\s\"'\[<$]{3,100}", is_literal, words=("sshpass",)),
    valued(
        "password",
        r"\b(?:docker|podman|helm|az|skopeo|crane|buildah|ldapsearch|redis-cli|mongo(?:sh)?|smbclient|htpasswd|rabbitmqctl)\b"
        r"[^\n]{0,200}?\s(?:-p|-w|-a)\s{1,3}[\"']?",
        VALUE + "{6,200}",
        is_password,
        words=(" -p", " -w", " -a"),
    ),
    valued(
        "password",
        r"\s--?[a-z-]{0,30}(?:password|passphrase|passwd|pass)(?:=|\s{1,3})[\"']?",
        PASSWORD,
        is_password,
        words=("pass",),
    ),
    valued(
        "secret",
        r"\s--?[a-z-]{0,30}(?:token|secret|key)(?:=|\s{1,3})[\"']?",
        VALUE + "{16,2000}",
        is_random,
        words=("token", "secret", "key"),
    ),
    # kubeconfig: a private key in base64. A certificate is public.
    valued(
        "private key",
        r"client-key-data[\"']?:\s{1,3}[\"']?",
        r"[A-Za-z0-9+/]{16,16000}={0,2}",
        words=("client-key-data",),
    ),
    valued(
        "secret",
        r"(?<![\w-])(?:id-token|refresh-token|access-token)[\"']?:\s{1,3}[\"']?",
        VALUE + "{16,4000}",
        is_random,
        words=("-token",),
    ),
    # Docker's config.json, .npmrc's _auth.
    valued(
        "authorization",
        r"[\"']auth[\"']\s{0,3}:\s{0,3}[\"']",
        r"[A-Za-z0-9+/]{12,800}={0,2}",
        _is_base64_login,
        words=("auth",),
    ),
    valued(
        "authorization",
        r"[\"'](?:identitytoken|registrytoken)[\"']\s{0,3}:\s{0,3}[\"']",
        r"[^\"\s]{12,4000}",
        words=("itytoken", "registrytoken"),
    ),
    # A Kubernetes Secret: base64 of anything under a name that says so, or `data:` of `kind: Secret`.
    valued(
        "secret",
        r"(?:kind:\s{1,3}Secret\b(?:[^\n]{0,200}\n){1,12}?\s{0,8}(?:data|stringData):[ \t]*\n(?:[^\n]{0,400}\[redacted[^\n]{0,100}\n){0,20})"  # noqa: E501
        r"[ \t]{1,8}[\w.-]{1,80}:[ \t]{1,4}[\"']?",
        r"[^\s\"'\[]{6,4000}",
        words=("kind: secret",),
    ),
    valued(
        "secret",
        r"(?m:^)[ \t]{1,8}[\w.-]{0,40}(?:password|secret|token|key|pass)[\w.-]{0,20}:[ \t]{1,3}",
        r"[A-Za-z0-9+/]{12,400}={1,2}(?=\s|\Z)",
        words=("pass", "secret", "token", "key"),
    ),
    valued(
        "password",
        r"(?:pwd|password)\s{0,2}=\s{0,2}\{",
        r"[^}\r\n\[]{4,200}(?=\})",
        is_literal,
        words=("pwd", "password"),
    ),
    valued(
        "secret",
        r"(?<![a-z])(?<!public[_-])(?<!primary[_-])(?<!foreign[_-])(?<!cache[_-])(?:key|sig|signature)=[\"']?",
        r"[\w+/%.=-]{20,500}",
        is_random,
        words=("key=", "sig=", "signature="),
    ),
    valued(
        "secret",
        r"[?&](?:access_token|api_?key|apikey|auth|token|code|client_secret|pass|pwd)=",
        r"[\w+/%.~-]{12,2000}",
        is_random,
        words=("=",),
    ),
)
