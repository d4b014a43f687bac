"""Invented secrets of 45 kinds, drawn by seed. Prefixes are put together from pieces: no scanner finds one here."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable

LETTERS = string.ascii_letters + string.digits
LOWER = string.ascii_lowercase + string.digits
UPPER = string.ascii_uppercase + string.digits
HEX = "0123456789abcdef"
URL_SAFE = LETTERS + "-_"
_ODD = "!$%^*+~_.-#"
_WORDS = [
    "otter",
    "lantern",
    "copper",
    "violet",
    "harbor",
    "saddle",
    "walnut",
    "meadow",
    "thunder",
    "pickle",
    "glacier",
    "ribbon",
    "cobalt",
    "maple",
    "tunnel",
]
_NAMES = [
    "jana.k",
    "m.oliveira",
    "tomasz.w",
    "priya_r",
    "s.lindqvist",
    "aylin.d",
    "chen.wei",
    "p.moreau",
    "lbianchi",
    "k.sato",
    "r.devries",
    "ivan.p",
]
_DOMAINS = [
    "uni-hof.de",
    "brightlane.io",
    "acme-soft.com",
    "nordwerk.se",
    "kaigan.jp",
    "zeta-labs.co",
    "mailbox.org",
    "corp.local",
    "tarifa.es",
]


def drawn(rng: random.Random, length: int, alphabet: str = LETTERS) -> str:
    """Characters drawn one by one; of three or more, one each of the kinds that the alphabet has, as in real keys."""
    found = [rng.choice(alphabet) for _ in range(length)]
    kinds = [k for k in ("ABCDEF", "abcdef", "0123456789") if set(k) & set(alphabet)]
    for place, kind in zip(rng.sample(range(length), min(length, len(kinds))), kinds, strict=False):
        found[place] = rng.choice([c for c in kind if c in alphabet])
    return "".join(found)


def password(rng: random.Random) -> str:
    """Of three sorts that people have: words with a number, letters with signs, a generator's."""
    sort = rng.randrange(3)
    if sort == 0:
        return rng.choice(_WORDS).capitalize() + rng.choice("!-_#") + rng.choice(_WORDS) + str(rng.randrange(10, 9999))
    if sort == 1:
        return drawn(rng, 5) + rng.choice("!$%*+~") + drawn(rng, 5)
    return drawn(rng, rng.randrange(12, 20))


def odd_password(rng: random.Random) -> str:
    """With signs that an address would have to escape, and often does not."""
    return drawn(rng, 4) + "".join(rng.choice("!$`{[/@%^*+~") + drawn(rng, 3) for _ in range(2))


def block(rng: random.Random, kind: str = "RSA PRIVATE KEY", lines: int = 8) -> str:
    """A private key in PEM."""
    body = "\n".join(base64.b64encode(rng.randbytes(48)).decode() for _ in range(lines))
    return f"-----{'BEGIN'} {kind}-----\n{body}\n-----{'END'} {kind}-----"


def _base64(rng: random.Random, count: int) -> str:
    return base64.b64encode(rng.randbytes(count)).decode()


def _jwt(rng: random.Random) -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": drawn(rng, 10), "iat": rng.randrange(10**9, 2 * 10**9)})
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join((*coded, drawn(rng, 43, URL_SAFE)))


def _card(rng: random.Random) -> str:
    digits = rng.choice(["4", "51", "53", "2345", "6011"])
    digits += "".join(rng.choice("0123456789") for _ in range(15 - len(digits)))
    total = sum(d - 9 * (d > 9) for d in (int(c) * (1 + (n + 1) % 2) for n, c in enumerate(reversed(digits))))
    digits += str(-total % 10)
    return " ".join(digits[n : n + 4] for n in range(0, 16, 4)) if rng.random() < 0.7 else digits


def _ipv4(rng: random.Random) -> str:
    return f"{rng.choice([23, 34, 46, 52, 78, 91, 138, 185, 203])}.{rng.randrange(1, 250)}.{rng.randrange(2, 250)}.{rng.randrange(2, 250)}"  # noqa: E501


def _ipv6(rng: random.Random) -> str:
    return f"2a0{rng.randrange(10)}:{drawn(rng, 4, HEX)}:{drawn(rng, 3, HEX)}::{drawn(rng, 4, HEX)}"


def _login(rng: random.Random) -> str:
    return base64.b64encode(f"{rng.choice(_NAMES)}:{password(rng)}".encode()).decode()


def _fixed(prefix: str, length: int, alphabet: str = LETTERS, suffix: str = "") -> Callable[[random.Random], str]:
    return lambda rng: prefix + drawn(rng, length, alphabet) + suffix


# kind -> how one is drawn. Those under "token" of `known` and `unseen` share contexts.
KINDS: dict[str, Callable[[random.Random], str]] = {
    "github classic": lambda rng: "gh" + rng.choice("pousr") + "_" + drawn(rng, 36),
    "github fine-grained": lambda rng: "github" + "_pat_" + drawn(rng, 22) + "_" + drawn(rng, 59),
    "gitlab": lambda rng: "gl" + rng.choice(["pat", "dt", "rt", "oas", "ptt"]) + "-" + drawn(rng, 20, URL_SAFE),
    "aws access key": _fixed("AK" + "IA", 16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
    "google api key": _fixed("AI" + "zaSy", 33, URL_SAFE),
    "google refresh token": _fixed("1/" + "/0", 60, URL_SAFE),
    "slack token": lambda rng: (
        "xo"
        + "x"
        + rng.choice("bp")
        + "-"
        + "-".join(drawn(rng, 12, "123456789") for _ in range(2))
        + "-"
        + drawn(rng, 24)
    ),
    "stripe": lambda rng: rng.choice("sr") + "k_" + rng.choice(["live", "org"]) + "_" + drawn(rng, 30),
    "openai": lambda rng: "s" + "k-proj-" + drawn(rng, 74, URL_SAFE),
    "anthropic": lambda rng: "s" + "k-ant-api03-" + drawn(rng, 93, URL_SAFE) + "AA",
    "hugging face": _fixed("h" + "f_", 34, string.ascii_letters),
    "npm": _fixed("np" + "m_", 36),
    "pypi": _fixed("py" + "pi-AgEIcHlwaS5vcmc", 80, URL_SAFE),
    "jwt": _jwt,
    "discord bot": lambda rng: "M" + "T" + drawn(rng, 24) + "." + drawn(rng, 6) + "." + drawn(rng, 38, URL_SAFE),
    "vault": _fixed("hv" + "s.", 24),
    "grafana": lambda rng: "gl" + "sa_" + drawn(rng, 32) + "_" + drawn(rng, 8, HEX),
    "notion": _fixed("nt" + "n_", 46),
    "linear": _fixed("lin" + "_api_", 40),
    "databricks": _fixed("da" + "pi", 32, HEX),
    "docker hub": _fixed("dckr" + "_oat_", 32),
    "digitalocean": _fixed("do" + "p_v1_", 64, HEX),
    "groq": _fixed("gs" + "k_", 52),
    "terraform": lambda rng: drawn(rng, 14) + ".atlas" + "v1." + drawn(rng, 65),
    "azure client secret": lambda rng: drawn(rng, 3) + "8" + "Q~" + drawn(rng, 34),
    "aws secret key": _fixed("", 40, LETTERS + "+/"),
    "aws session token": lambda rng: _base64(rng, 180),
    "private key": block,
    "service account": lambda rng: block(rng, "PRIVATE KEY", 10).replace("\n", "\\n"),
    "slack webhook": lambda rng: f"T{drawn(rng, 9, UPPER)}/B{drawn(rng, 9, UPPER)}/{drawn(rng, 24)}",
    "password in url": odd_password,
    "connection string": password,
    "azure storage key": lambda rng: _base64(rng, 64),
    ".netrc": password,
    ".pgpass": password,
    "kubeconfig": lambda rng: _base64(rng, 300),
    "docker auth": _login,
    "cookie": lambda rng: drawn(rng, 32),
    "authorization": lambda rng: drawn(rng, 40, URL_SAFE),
    "password": password,
    "password, other languages": password,
    "command line": password,
    "e-mail": lambda rng: f"{rng.choice(_NAMES)}{rng.randrange(99)}@{rng.choice(_DOMAINS)}",
    "ip address": lambda rng: _ipv6(rng) if rng.random() < 0.25 else _ipv4(rng),
    "card": _card,
}
