"""E-mail and IP addresses in text: which of them lead to a person or a machine, and which are only examples."""

from __future__ import annotations

import ipaddress
import re

from synthetic.redaction.rule import Rule

_ESCAPE = r"(?<=\\[nrt])"  # a newline of quoted text right before: its letter is no part of the address
# Local parts and domains have limits (RFC 5321), which also bound the search.
EMAIL = re.compile(
    rf"(?:(?<![\w.%+\\-])(?<!//)|{_ESCAPE})([\w.%+-]{{1,64}})@((?:[\w-]{{1,63}}\.){{1,8}}([A-Za-z]{{2,24}}))"
    r"(?![\w-]|\.\w)",
    re.ASCII,
)
IPV4 = re.compile(rf"(?:(?<![\w.])|{_ESCAPE})(?:\d{{1,3}}\.){{3}}\d{{1,3}}(?!\w|\.\w|-[A-Za-z])", re.ASCII)
# Only what the Internet routes (2000::/3): clock times, MAC addresses, fingerprints and C++ names begin otherwise.
IPV6 = re.compile(
    rf"(?:(?<![\w:.])|{_ESCAPE})[23][0-9A-Fa-f]{{3}}:[0-9A-Fa-f:]{{0,33}}(?:[0-9A-Fa-f]|::)(?!\w|:[\w:])", re.ASCII
)

_REPOSITORY_USERS = {"git", "hg", "svn"}  # git@host:owner/name.git
_EXAMPLE_DOMAINS = re.compile(
    r"(?:^|\.)(?:example\.\w+|example|invalid|test|localhost)$|^[\w-]+\.local$(?<!corp\.local)", re.IGNORECASE
)
# What stands where a domain's ending would, and is none: files ("icon@2x.png"), units ("getty@tty1.service").
_NO_ENDINGS = re.compile(
    r"png|jpe?g|gif|svg|webp|ico|css|m?js|[jt]sx?|json|html|t?gz|tar|whl|dll|exe|"
    r"service|socket|timer|mount|target|slice|scope",
    re.IGNORECASE,
)
_PACKAGE = re.compile(r"\d+\.")  # "left-pad@1.3.beta"
_NOBODY = re.compile(r"(?:no-?reply|donotreply)(?:\+.*)?$", re.IGNORECASE)
_RESOLVERS = {"1.1.1.1", "1.0.0.1", "8.8.8.8", "8.8.4.4", "9.9.9.9"}
# "version 1.2.3.4", "nginx/1.2.3.4", "foo-1.2.3.4", "package==1.2.3.4"
_VERSION = re.compile(
    r"(?:\b(?:v|rv|ver|version|versions|release|rel|build|rev|revision|sdk|driver|firmware|runtime|upgrade|update|updated)"
    r"\b(?:\s+(?:to|from|is|number))?[\s:=\"'`(*]{0,5}|(?<![/:])\b[A-Za-z][\w.]*[-/]|[=<>~^!]=\s?)$",
    re.IGNORECASE,
)
# What stands before a machine's address: "peer-1.2.3.4", "Connecting to db/1.2.3.4"
_MACHINE = re.compile(
    r"(?:\b(?:peer|host|node|ip|client|server|addr|address|remote|worker|ec2|from|connect(?:ing|ed)? to|endpoint)[-/ =:]{1,2}|"  # noqa: E501
    r"\b(?:connect(?:ing|ed)? to|host|address|remote|peer|refused:?|from)\s[\w.-]{1,60}/)$",
    re.IGNORECASE,
)
# "section 1.2.3.4", "package Foo 1.2.3.4", "nginx-1.2.3.4 to 1.2.3.5"
_NUMBERED = re.compile(
    r"(?:\b(?:sections?|chapter|clause|paragraph|table|figure|oid|item|rule|directx|package|library|assembly|plugin|gem|module)"
    r"(?:\s[\w.@/-]{1,40})?\s|[\w][/=-]\d{1,4}(?:\.\d{1,5}){3}\s(?:to|->|→)\s)$",
    re.IGNORECASE,
)
_SMALL = 32  # four numbers below it are a version more often than an address: of those one in 4,096 is such
VERSION_CONTEXT = 40  # characters before a number that tell whether it is a version


def is_private_email(local: str, domain: str, ending: str) -> bool:
    """Whether an address is somebody's. noreply addresses, reserved example domains and `git@host` are nobody's."""
    if _NO_ENDINGS.fullmatch(ending) or local.lower() in _REPOSITORY_USERS or _PACKAGE.match(domain):
        return False
    return not (_NOBODY.match(local) or "noreply" in domain.lower() or _EXAMPLE_DOMAINS.search(domain))


def is_private_ip(text: str, before: str = "", after: str = "") -> bool:
    """Whether an address leads to somebody's machine on the Internet.

    Loopback, private, link-local, documentation and other unrouted ranges do not, nor do the well-known resolvers, nor
    does a version of four numbers, where the text `before` shows that it is one or it ends in .0.0.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if not address.is_global or address.is_multicast or text in _RESOLVERS:
        return False
    if address.version == 6:
        return True
    # Java writes host/1.2.3.4:443; a port follows no version.
    if re.match(r":\d{2,5}(?!\d|\.\d)", after):
        return True
    small = all(int(part) < _SMALL for part in text.split("."))
    if _MACHINE.search(before) and not small:
        return True
    return not (small or text.endswith(".0.0") or _VERSION.search(before) or _NUMBERED.search(before))


# An address that is quoted, of another script, or in a URL's writing (%40).
_ODD_EMAIL = re.compile(
    r"(?:\"[^\"@\r\n]{1,64}\"|(?<![\w.%+\\/@-])[^\W\d_][\w.+-]{0,63})@(?P<domain>(?:[\w-]{1,63}\.){1,8}(?P<ending>[^\W\d_]{2,24}))(?![\w-]|\.\w)"
)
_ESCAPED_EMAIL = re.compile(
    r"(?<![\w.+-])(?P<local>[\w.+-]{1,64})%40(?P<domain>(?:[\w-]{1,63}\.){1,8}(?P<ending>[A-Za-z]{2,24}))(?![\w-]|\.\w)",
    re.ASCII,
)


def _is_odd(match: re.Match[str]) -> bool:
    local = match[0].rpartition("@")[0].strip('"')
    return is_private_email(local, match["domain"], match["ending"])


ADDRESSES = (
    Rule("email address", EMAIL, lambda match: is_private_email(match[1], match[2], match[3]), ("@",)),
    Rule("email address", _ODD_EMAIL, _is_odd, ("@",)),
    Rule(
        "email address",
        _ESCAPED_EMAIL,
        lambda match: is_private_email(match["local"], match["domain"], match["ending"]),
        ("%40",),
    ),
    Rule(
        "ip address",
        IPV4,
        lambda match: is_private_ip(
            match[0],
            match.string[max(0, match.start() - VERSION_CONTEXT) : match.start()],
            match.string[match.end() : match.end() + 8],
        ),
        (".",),
    ),
    Rule("ip address", IPV6, lambda match: is_private_ip(match[0]), (":",)),
)
