"""Values behind a key word: `password=`, `пароль:`, `密码：`, "das Passwort ist …", in ten languages and more.

A key word alone is no proof: the value has to look like a password (`is_password`), or drawn at random (`is_random`).
"""

from __future__ import annotations

import re

from synthetic.redaction.rule import Rule, valued
from synthetic.redaction.values import ASSIGNED, PASSWORD, VALUE, is_password, is_plain_password, is_random, is_strong

# en de fr es pt it nl pl ru tr cs sv, zh ja ko; as people write them, with and without accents.
_PASSWORDS = (
    r"password|passwd|passphrase|passcode|pass[ _-]?word|pwd|passwort|kennwort|"
    r"mot[ _-]de[ _-]passe|motdepasse|\bmdp|contrase[nñ]a|\bclave|palavra[ _-]passe|\bsenha|parola[ _-]d['’ ]ordine|\bparola|"  # noqa: E501
    r"wachtwoord|has[lł]o|пароль|пароля|паролем|şifre|\bsifre|heslo|l[öo]senord|"
    r"密码|密碼|口令|パスワード|暗証番号|비밀번호|암호"
)
_SECRETS = (
    r"secret|token|api[ _-]?key|apikey|credentials?|_auth|session[_-]?id|"
    r"(?:access|auth|account|private|encryption|signing|master|license|subscription|session|secret|service|shared|client|deploy|"
    r"app|write|admin|storage|webhook)[ _-]?key|"
    r"schl(?:ü|ue)ssel|geheimnis|jeton|cl[ée][ _-]?(?:api|secr[eè]te)|clave[ _-]?(?:api|secreta)|chave|chiave|segreto|segredo|sleutel|"  # noqa: E501
    r"klucz|токен|ключ|секрет|anahtar|密钥|密鑰|秘钥|令牌|トークン|秘密鍵|キー|토큰|키"
)
_IS = (
    r"(?:\s{1,3}(?:is|was|are|ist|war|lautet|est|était|es|era|é|è|jest|is|to|dir|je|является)(?:\s{1,3}(?:still|now|set\s{1,3}to|noch))?"
    r"\s{1,3}[:]?\s{0,3}|\s{1,3}[-–—]\s{1,3}|\s?(?:は|是|为|은|는)[:：]?\s{0,3})[\"'`“«「]?"
)
_PASS = r"(?:(?<![A-Za-z])pass|(?<![A-Za-z])pw|[a-z0-9][_-]pass|[a-z0-9][_-]pw)"
_VARIABLE = r"(?<![A-Za-z0-9_])[A-Z0-9_]{0,40}(?:PASSWORD|PASSWD|PASSPHRASE|_PASS|_PWD)="
# What the alternatives of each begin with, in lower case.
_PASSWORD_WORDS = (
    "pass",
    "pwd",
    "kennwort",
    "mot de",
    "mot_de",
    "mot-de",
    "motde",
    "mdp",
    "contrase",
    "clave",
    "palavra",
    "senha",
    "parola",
    "wachtwoord",
    "hasl",
    "hasł",
    "парол",
    "şifre",
    "sifre",
    "heslo",
    "lösenord",
    "losenord",
    "密码",
    "密碼",
    "口令",
    "パスワード",
    "暗証番号",
    "비밀번호",
    "암호",
)
_SECRET_WORDS = (
    "secret",
    "token",
    "api",
    "credential",
    "_auth",
    "session",
    "access",
    "auth",
    "account",
    "private",
    "encryption",
    "signing",
    "master",
    "license",
    "subscription",
    "service",
    "shared",
    "client",
    "deploy",
    "app",
    "write",
    "admin",
    "storage",
    "webhook",
    "schlüssel",
    "schluessel",
    "geheimnis",
    "jeton",
    "clé",
    "cle",
    "clave",
    "chave",
    "chiave",
    "segret",
    "segredo",
    "sleutel",
    "klucz",
    "токен",
    "ключ",
    "секрет",
    "anahtar",
    "密钥",
    "密鑰",
    "秘钥",
    "令牌",
    "トークン",
    "秘密鍵",
    "キー",
    "토큰",
    "키",
)


def _is_pass(match: re.Match[str]) -> bool:
    """`pass` and `pw` are words of test reports too ("pass: 12ms", "PASS: TestFoo1"): the value has to be strong."""
    if match.string[match.start() : match.start() + 5] == "PASS:" or "`" in match[0]:
        return False
    before = match.string[match.start("secret") - 1]
    return is_strong(match) or (before in "\"'=" and is_password(match))


# Order counts: `secret` first keeps the kind that a value had from its key.
KEYWORDS: tuple[Rule, ...] = (
    # An environment variable; on a line of its own, as in .env, the value is all that follows.
    Rule(
        "password",
        re.compile(_VARIABLE + r"(?P<secret>[^\s\"'\[]{6,200})(?=[ \t]*(?:\r?\n|\Z))"),
        is_plain_password,
        ("pass", "_pwd"),
    ),
    Rule("password", re.compile(_VARIABLE + rf"(?P<secret>{VALUE}{{6,200}})"), is_plain_password, ("pass", "_pwd")),
    valued(
        "password",
        rf"(?:{_PASSWORDS})(?:[_-]?\w{{1,12}})?{ASSIGNED}",
        PASSWORD,
        is_password,
        _PASSWORD_WORDS,
        starts=True,
    ),
    # XML and properties, where the value is the text of an element or an attribute beside the name.
    valued(
        "password",
        r"(?:name|key)=[\"'][\w.-]{0,60}(?:password|passwd|passphrase|pwd)[\"']\s{1,3}value=[\"']",
        r"[^\"'\r\n\[]{4,200}",
        is_password,
        words=("value=",),
    ),
    valued("password", _PASS + ASSIGNED, PASSWORD, _is_pass, words=("pass", "pw")),
    valued(
        "password",
        rf"(?:{_PASSWORDS}){_IS}",
        r"[^\s\"'`,;<>()\[\]{}”»」]{6,100}",
        is_strong,
        _PASSWORD_WORDS,
        starts=True,
    ),
    # login/password in one line of prose: "log in as demo / Xk29!fqa"
    valued(
        "password",
        r"\b(?:log ?in|login|sign ?in|credentials?|creds|zugangsdaten|identifiants|credenciales)\b[^\n/#]{0,40}?(?<![\w/.-])[\w.@-]{2,60}(?:\s[/|]\s|:\s?)",  # noqa: E501
        r"[^\s\"'`,;<>()\[\]{}/]{8,100}",
        is_strong,
        words=("log", "sign", "cred", "zugangs", "identif"),
    ),
    valued(
        "secret",
        rf"(?:{_SECRETS})(?:[_-]\w{{1,20}})?{ASSIGNED}",
        VALUE + "{16,2000}",
        is_random,
        _SECRET_WORDS,
        starts=True,
    ),
    valued("secret", rf"(?:{_SECRETS}){_IS}", VALUE + "{16,2000}", is_random, _SECRET_WORDS, starts=True),
)
