"""Every secret here is invented, and put together from pieces so that no scanner takes it for a real one."""

from __future__ import annotations

import base64
import os
import random
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic.preparing.redact import RULES, entropy, redact
from synthetic.redaction.forms import VENDORS
from synthetic.redaction.gitleaks import leaks

RANDOM = random.Random(7)
LETTERS = string.ascii_letters + string.digits


def drawn(length: int, alphabet: str = LETTERS) -> str:
    return "".join(RANDOM.choice(alphabet) for _ in range(length - 3)) + "aZ9"


def base64_lines(lines: int) -> str:
    return "\n".join(base64.b64encode(RANDOM.randbytes(48)).decode() for _ in range(lines))


def key_block(kind: str, foot: bool = True) -> str:
    end = f"\n-----{'END'} {kind}-----" if foot else ""
    return f"-----{'BEGIN'} {kind}-----\n{base64_lines(6)}{end}"


HEX = "0123456789abcdef"
JWT = ".".join(("ey" + "J" + drawn(30), "ey" + "J" + drawn(60), drawn(43)))
AWS_SECRET = "wJalr" + "XUtnFEMI/K7MD" + "ENG+bPxRfiCYzEXAMPLEKE"[:22]
SECRETS = {
    "gh classic": ("github token", "gh" + "p_" + drawn(36)),
    "gh oauth": ("github token", "gh" + "o_" + drawn(36)),
    "gh server": ("github token", "gh" + "s_" + drawn(36)),
    "gh fine-grained": ("github token", "github" + "_pat_" + drawn(22) + "_" + drawn(59)),
    "gitlab": ("gitlab token", "gl" + "pat-" + drawn(20)),
    "aws id": ("aws key", "AK" + "IA" + "QYLPMN5H3XTZ4KWB"),
    "google": ("google key", "AI" + "za" + "Sy" + drawn(33)),
    "google oauth": ("google key", "ya" + "29." + drawn(60)),
    "slack bot": ("slack token", "xo" + "xb-" + "123456789012-" + drawn(24)),
    "slack app": ("slack token", "xa" + "pp-1-" + drawn(40)),
    "stripe": ("stripe key", "sk" + "_live_" + drawn(24)),
    "npm": ("npm token", "np" + "m_" + drawn(36)),
    "pypi": ("pypi token", "py" + "pi-AgEIcHlwaS5vcmc" + drawn(70)),
    "hugging face": ("hugging face token", "h" + "f_" + drawn(34)),
    "openai": ("api key", "sk" + "-" + drawn(48)),
    "openai project": ("api key", "sk" + "-proj-" + drawn(74)),
    "sendgrid": ("sendgrid key", "S" + "G." + drawn(22) + "." + drawn(43)),
    "telegram": ("telegram token", "123456789:" + "A" + "A" + drawn(33)),
    "jwt": ("jwt", JWT),
    "rsa key": ("private key", key_block("RSA PRIVATE " + "KEY")),
    "openssh key": ("private key", key_block("OPENSSH PRIVATE " + "KEY")),
    "pgp key": ("private key", key_block("PGP PRIVATE " + "KEY BLOCK")),
    "key without foot": ("private key", key_block("PRIVATE " + "KEY", foot=False)),
    "e-mail": ("email address", "jane.doe+github@uni-hof.de"),
    "IPv4": ("ip address", "52.14.207.9"),
    "IPv6": ("ip address", "2600:1f18:44ab::9c1"),
}
# What tells a secret by what stands around it: before, secret, after.
MARKED = {
    "aws secret": ("aws key", "aws_secret_access_key = ", AWS_SECRET, "\n"),
    "slack hook": ("webhook", "https://hooks.slack.com/services/", "T024BE7LD/B01/" + drawn(24), " fails"),
    "discord hook": ("webhook", "https://discord.com/api/webhooks/", "1029384756/" + drawn(60), " fails"),
    "url": ("password in url", "postgres://", "bob:tr0ub4dor", "@db.corp.net:5432/app"),
    "url, odd password": ("password in url", "https://", "bob:p@ss:w0rd", "@host.io/x"),
    "bearer": ("authorization", '-H "Authorization: Bearer ', drawn(40), '" https://x.io'),
    "basic": ("authorization", "Authorization: Basic ", base64.b64encode(b"bob:tr0ub4dor&3").decode(), "\n"),
    "bearer alone": ("authorization", "sends Bearer ", drawn(32), " and waits"),
    "cookie": ("cookie", "Set-Cookie: ", "session=" + drawn(30) + "; path=/", "\n"),
    "password": ("password", "password: ", "tr0ub4dor", "\n"),
    "password, JSON": ("password", '{"db_password": "', "correcthorse", '"}'),
    "password, env": ("password", "MYSQL_PASSWORD=", "s3cr3t!", " docker up"),
    "password, XML": ("password", "<password>", "hunter22", "</password>"),
    "password, option": ("password", "deploy --password ", "hunter22", " --yes"),
    "curl": ("password", "curl -s -u ", "bob:hunter22", " https://x.io"),
    "netrc": ("password", "machine x.io login bob password ", "horse-battery", "\n"),
    "token": ("secret", "token=", drawn(32), "&page=2"),
    "api key, YAML": ("secret", "  api_key: ", drawn(24), "\n"),
    "secret as UUID": ("secret", "client_secret: ", "8d3f5b1e-7a6c-4b2d-9e0f-1a2b3c4d5e6f", "\n"),
    "azure": ("secret", "AccountKey=", base64.b64encode(RANDOM.randbytes(64)).decode(), ";EndpointSuffix=x"),
    "signed address": ("secret", "?X-Amz-Signature=", drawn(64, HEX), "&x=1"),
}


@pytest.mark.parametrize(("kind", "secret"), SECRETS.values(), ids=list(SECRETS))
@pytest.mark.parametrize(
    "text", ["{}", "I used {}, and it failed", 'x = "{}"\n', "see ({}).", "`{}`", "a\n{}\nb", "\\n{}"]
)
def test_a_secret_of_a_known_form_is_redacted_wherever_it_stands(kind: str, secret: str, text: str) -> None:
    found = redact(text.format(secret))
    assert found.text == text.format(f"[redacted: {kind}]")
    assert found.counts == {kind: 1}


@pytest.mark.parametrize(("kind", "before", "secret", "after"), MARKED.values(), ids=list(MARKED))
def test_a_secret_is_known_by_what_stands_before_it(kind: str, before: str, secret: str, after: str) -> None:
    found = redact(before + secret + after)
    assert found.text == f"{before}[redacted: {kind}]{after}"
    assert found.counts == {kind: 1}


LOOK_ALIKES = [
    "commit 3f786850e387550fdab836ed7e6dc881de23001b broke it, 3f78685 too",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "integrity sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
    "request 8d3f5b1e-7a6c-4b2d-9e0f-1a2b3c4d5e6f timed out",
    "my card has 00:1b:63:84:45:e6, at 12:34:56, SHA256:2a:2b:2c:2d:2e:2f:2a:2b",
    "version 10.2.3.4, v1.2.3.4, nginx/1.25.3.1, foo-1.2.3.4.jar, pkg==1.2.3.4, Version=4.0.0.0, rv:1.8.1.15",
    "127.0.0.1 0.0.0.0 ::1 10.1.2.3 192.168.0.10 172.16.4.4 169.254.1.1 192.0.2.7 2001:db8::1 fe80::1 8.8.8.8",
    "OID 1.3.6.1.4.1.311, section 1.2.3, 999.1.1.1",
    "thanks @octocat, @types/node@18.1 and left-pad@1.3.beta, icon@2x.png, getty@tty1.service",
    "git@github.com:octocat/hello.git, ssh://git@github.com/o/r, https://bob@dev.azure.com/x",
    "me@example.com, you@mail.example.org, noreply@github.com, 1+octocat@users.noreply.github.com",
    "password = getPassword(user)\ntoken: string;\npassword: str = None\nsecret = self.secret_1",
    "password: ${{ secrets.PASSWORD }} token=$GITHUB_TOKEN api_key=%API_KEY% password=********",
    "api_key: process.env.OPENAI_API_KEY_2, the password is required, password: required",
    "max_tokens=1024 tokenizer = AutoTokenizer2.from_pretrained token_type_ids=None num_tokens: 12345678901234567",
    "key: Linux-npm-2f3e, cache_key=abcdef0123456789abcdef0123, primary_key=True, keyboard=x",
    "Bearer authentication is broken, the Authorization: header too",
    "sk-folding-cube-container-wrapper task-1234567890abcdefgh npm_config_registry hf_hub_download",
    "http://localhost:8080/@scope/pkg?x=1:2 std::vector<int>::iterator a::b::c 2023:10:12 fd00::1",
    "postgres://user:password@host/db, scheme://user:pass@host",
    "token = config.token1234567890abcd, api_key=aaaaaaaaaaaaaaaa1, secret_key: $KEY1234567890abcdef",
    "from_token::h3c36ca9bf167f1fx7L",
    "-----BEGIN CERTIFICATE-----\nMIIB" + "\n-----END CERTIFICATE-----\n-----BEGIN PUBLIC KEY-----",
]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_a_look_alike_stays(text: str) -> None:
    found = redact(text)
    assert (found.text, found.counts) == (text, {})


def test_secrets_of_several_kinds_are_counted_by_kind() -> None:
    token, other = SECRETS["gh classic"][1], SECRETS["gh oauth"][1]
    found = redact(f"{token} then {other}\nmail jane@uni-hof.de from 52.14.207.9 with token={token}")
    assert found.counts == {"github token": 3, "email address": 1, "ip address": 1}


def test_a_private_key_in_json_is_redacted_to_its_foot() -> None:
    block = key_block("PRIVATE " + "KEY").replace("\n", "\\n")
    assert (
        redact(f'{{"private_key": "{block}\\n", "x": 1}}').text
        == '{"private_key": "[redacted: private key]\\n", "x": 1}'
    )


def test_two_private_keys_do_not_swallow_what_stands_between_them() -> None:
    block = key_block("RSA PRIVATE " + "KEY")
    assert redact(f"{block}\nand\n{block}").text == "[redacted: private key]\nand\n[redacted: private key]"


PIECES = [secret for _, secret in SECRETS.values()] + [f"{b}{s}{a}" for _, b, s, a in MARKED.values()] + LOOK_ALIKES


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=20), max_size=6), st.sampled_from([" ", "\n", "", '"', "="]))
def test_redacting_twice_changes_nothing_more(pieces: list[str], joint: str) -> None:
    once = redact(joint.join(pieces)).text
    assert redact(once).text == once


# Repeated, each makes much work for some rule.
PUMPED = [
    "a",
    ".",
    " ",
    "\n",
    "5",
    "password",
    "password:",
    "password \t",
    "a@",
    "a.b-",
    "a%40",
    "x:y@",
    "http://",
    "http://a:b",
    "-----BEGIN PRIVATE " + "KEY-----\n",
    "Private-" + "Lines: 9\n",
    "A" * 64 + "\n",
    "ey" + "Jaaaaaaaaaaa.",
    "1.2.3.",
    "2000:",
    "curl ",
    "token = ",
    "cookie: a=",
    "--a-",
    "machine a login b ",
    "kind: Secret\n",
    "4111 1111 ",
    "a:12:b:c:",
    "login a ",
    "twitter",
    "M" + "a" * 20 + ".",
    "s" + "k-a",
    "mysql -",
    "Authorization: ",
    "key=",
    "secret_",
    "0123456789abcdef",
    "api-key ",
    "docker ",
    " ".join(word for leak in leaks() for word in leak.words),
]
# The long form: REDACTION_PUMPED=1000000 python -m pytest tests/synthetic/preparing/test_redact.py -k pumped
LENGTH = int(os.environ.get("REDACTION_PUMPED", "40000"))


def seconds(unit: str, length: int) -> float:
    text = (unit * (length // len(unit) + 1))[:length]
    started = time.process_time()
    redact(text)
    return time.process_time() - started


@pytest.mark.parametrize("unit", PUMPED, ids=lambda unit: unit[:12].strip() or repr(unit))
def test_a_pumped_text_takes_two_seconds_a_megabyte_at_most(unit: str) -> None:
    assert min(seconds(unit, LENGTH) for _ in range(2)) < 2 * LENGTH / 1e6 + 0.02


@pytest.mark.parametrize("unit", ["a.b-", "curl ", "password:", "http://a:b", "kind: Secret\n", "a:12:b:c:"])
def test_a_pumped_text_of_eightfold_length_takes_about_eight_times_as_long(unit: str) -> None:
    short = min(seconds(unit, 25_000) for _ in range(3))
    assert seconds(unit, 200_000) < 8 * short * 2


def test_entropy_is_zero_for_one_character_and_two_bits_for_four_equally_frequent_ones() -> None:
    assert entropy("aaaa") == 0
    assert entropy("abcdabcd") == pytest.approx(2)


# Vendors' forms that gitleaks lacks or knows in part: kind, prefix in pieces, length, letters, suffix.
VENDOR_KEYS = [
    ("discord key", "M" + "T", 24, LETTERS, "." + "Gabc12." + "x9" * 19),
    ("groq key", "gs" + "k_", 52, LETTERS, ""),
    ("xai key", "xa" + "i-", 80, LETTERS, ""),
    ("replicate key", "r" + "8_", 37, LETTERS, ""),
    ("supabase key", "sb" + "p_", 40, HEX, ""),
    ("crates.io key", "ci" + "o", 32, LETTERS, ""),
    ("langsmith key", "lsv2" + "_pt_", 32, HEX, "_0123456789"),
    ("mailgun key", "ke" + "y-", 32, HEX, ""),
    ("square key", "sq0" + "csp-", 43, LETTERS, ""),
    ("dropbox key", "s" + "l.u.", 130, LETTERS, ""),
    ("facebook key", "EA" + "AB", 120, LETTERS, ""),
    ("nuget key", "oy" + "2", 43, string.ascii_lowercase + string.digits, ""),
    ("doppler key", "dp" + ".st.", 43, LETTERS, ""),
    ("vault key", "hv" + "s.", 24, LETTERS, ""),
    ("tailscale key", "ts" + "key-auth-", 16, LETTERS, "-" + "aB3" * 10),
    ("netlify key", "nf" + "p_", 36, LETTERS, ""),
    ("buildkite key", "bk" + "ua_", 40, HEX, ""),
    ("posthog key", "ph" + "x_", 43, LETTERS, ""),
    ("render key", "rn" + "d_", 32, LETTERS, ""),
    ("pinecone key", "pc" + "sk_", 60, LETTERS, ""),
    ("airtable key", "pa" + "t", 14, LETTERS, "." + "0a" * 32),
    ("heroku key", "HRK" + "U-AA", 50, LETTERS, ""),
    ("mapbox key", "s" + "k.ey" + "J", 60, LETTERS, "." + "aB3" * 7),
    ("resend key", "r" + "e_", 8, LETTERS, "_" + "aB3" * 8),
]


@pytest.mark.parametrize(
    ("kind", "prefix", "length", "alphabet", "suffix"), VENDOR_KEYS, ids=[one[0] for one in VENDOR_KEYS]
)
def test_a_vendors_key_is_redacted(kind: str, prefix: str, length: int, alphabet: str, suffix: str) -> None:
    key = prefix + "".join(RANDOM.choice(alphabet) for _ in range(length)) + suffix
    for text in ("{}", "I used {}, and it failed", 'x = "{}"', "see ({})."):
        found = redact(text.format(key))
        assert key[:-6] not in found.text
        assert found.counts == {kind: 1}


def test_every_kind_of_rule_is_tested_here_or_has_a_form_like_one_that_is() -> None:
    tested = {kind for kind, *_ in (*SECRETS.values(), *MARKED.values())}
    like = {"twilio key", "docker token", "digitalocean token", "databricks token", "shopify token", "atlassian token"}
    assert {rule.kind for rule in RULES if rule not in VENDORS} == tested | like | {"card number"}
    assert {kind for kind, *_ in VENDOR_KEYS} <= {rule.kind for rule in VENDORS}


# What an attack found to be left: before, secret, after.
LEFT = [
    ("smtp://mailer:", "S8s!4iDV29c$q1", "@smtp.host.io"),
    ("https://x:", "a/b{c[d`e", "@host.io/p"),
    ("https://", "9f8e7d6c5b4a39281706a5b4", "@git.host.io/x"),
    ("DB_PASS=", "hunter77x", "\n"),
    ('"pass": "', "kd83jf9sk", '"'),
    ("PGPASSWORD=", "correcthorsebattery", " psql"),
    ("machine x.io\n    login b\n    account c\n    password ", "zebra-77", "\n"),
    ("default login a password ", "zebra-77", ""),
    ("db:5432:a:b:", "zebra-77", "\n"),
    ("mysql -u root -p", "zebra77", " x"),
    ("sshpass -p ", "zebra77", " ssh h"),
    ("root:", "zebra-77", "@tcp(db:3306)/x"),
    ("PWD={", "a;b c{d", "};"),
    ("client-key-data: ", "LS0tLS1CRUdJTiBSU0EgUFJJ", "\n"),
    ('{"auth": "', base64.b64encode(b"bob:zebra-77").decode(), '"}'),
    ('"Cookie": "', "sid=8f7e6d5c4b3a", '"'),
    ("curl -b '", "sid=8f7e6d5c4b3a", "' https://x.io"),
    ("PHPSESSID=", "8f7e6d5c4b3a2918", ";"),
    ("AWS Secret Access Key [None]: ", AWS_SECRET, "\n"),
    ("https://hooks.slack.com/triggers/", "T0/12/" + drawn(24), " x"),
    ("connect to api/", "52.14.207.9", ":443"),
    ("peer-", "52.14.207.9", " left"),
    ("mail ", "jane.doe@corp.local", " x"),
    ("?to=", "jane%40uni-hof.de", "&x"),
    ("mail ", '"jane d"@uni-hof.de', " x"),
    ("mail ", "jürgen@köln-uni.de", " x"),
    ("пароль: ", "zebra-77", "\n"),
    ("密码：", "zebra-77", "\n"),
    ("Das Passwort ist ", "Zebra-77", " hier"),
]


@pytest.mark.parametrize(("before", "secret", "after"), LEFT)
def test_what_an_attack_found_to_be_left_goes(before: str, secret: str, after: str) -> None:
    found = redact(before + secret + after)
    assert secret not in found.text
    assert found.text.startswith(before if "://" not in before else before.partition("//")[0])
    assert found.text.endswith(f"]{after}")


@pytest.mark.parametrize(
    "text",
    [
        "--- PASS: TestX1 (0.1s)",
        "pass: 12ms",
        "my password is sha256-hashed1",
        "http://localhost:80/a/@b",
        "from 1.5.0.3 to 1.6.0.1",
        "http://x:$PW@h/",
        "http://u:{password}@h/",
        "password: <your-password>",
        "login.js#L63-L75 Login/a/login.js#L6-L7",
    ],
)
def test_what_only_resembles_it_stays(text: str) -> None:
    assert redact(text).text == text
