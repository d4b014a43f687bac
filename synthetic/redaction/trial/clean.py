"""Issue texts without any secret, full of what looks like one: 300, put together by seed from written ones.

Hashes, UUIDs, versions of four numbers, base64 of pictures, example tokens, placeholders, private addresses, test
reports with the word "pass", code that handles passwords.
"""

from __future__ import annotations

import base64
import hashlib
import random
import uuid
from collections.abc import Iterator

# {sha1} {sha256} {md5} {uuid} {b64} {png} {v4} {n} {n16} {short} are drawn anew for each text.
_WRITTEN = (
    "Regression since {sha1}\n\nBisected: {short} is fine, {sha1} is not.",
    "Image digest differs\n\nexpected sha256:{sha256}\nactual   sha256:{sha256}\n\nPulled twice, `docker images --digests` agrees.",  # noqa: E501
    "yarn.lock conflict\n\n```\nlodash@^4.17.21:\n  version \"4.17.21\"\n  integrity sha512-{b64}\n```",
    "Request {uuid} times out\n\nTrace id {uuid}, span {short}{short}. The gateway answers 504 after 30 s.",
    "Crash on 10.0.{n}.1 (Windows 10.0.19045.3803)\n\nDriver version 31.0.15.3623, DirectX 12.0.0.1, build 22.1.4.9.",
    "Update nginx/1.25.3.1 to 1.25.4.2\n\nAlso bump assembly version=4.{n}.0.0 and pkg==1.2.3.4.",
    "The logo is broken\n\n![logo](data:image/png;base64,{png})\n\nIt renders in Firefox only.",
    "How do I set a password?\n\nThe docs say `password: ${{DB_PASSWORD}}` or `password: <your-password>`, and neither works.",  # noqa: E501
    "Token refresh never happens\n\n```js\nconst token = await getToken(user.id);\nheaders.Authorization = `Bearer ${{token}}`;\n```",  # noqa: E501
    "password field shows ******** twice\n\nStep 1: type a password\nStep 2: password = ********\n",
    "CI: secrets not passed to forks\n\n```yaml\nenv:\n  TOKEN: ${{{{ secrets.GITHUB_TOKEN }}}}\n  API_KEY: ${{{{ secrets.API_KEY }}}}\n```",  # noqa: E501
    "Tests fail\n\n--- PASS: TestParse{n} (0.01s)\n--- FAIL: TestWrite{n} (0.02s)\npass: {n}\nfail: 1\nPASS: test_io{n}",  # noqa: E501
    "Example in the README is wrong\n\n`curl -H \"Authorization: Bearer YOUR_TOKEN\" https://api.example.com/v1/items/{n}`",
    "max_tokens={n} is ignored\n\ntokenizer = AutoTokenizer.from_pretrained('bert-base-uncased')\nnum_tokens: {n}\npad_token_id={n}",  # noqa: E501
    "`key` prop warning\n\nWarning: Each child in a list should have a unique \"key\" prop. key=item-{n}\nCache key: Linux-npm-{sha256}",  # noqa: E501
    "IPv6 literals are not parsed\n\nTried ::1, fe80::{n}, 2001:db8::{n} and [::ffff:127.0.0.1]. IPv4 127.0.0.{n}, 192.168.1.{n}, 10.1.2.3 are fine.",  # noqa: E501
    "Postgres example uses the default login\n\n`postgres://user:password@localhost:5432/db` and `mysql://root:root@127.0.0.1/test` in the docs.",  # noqa: E501
    "Support for `user:pass@host`\n\nIt'd be nice if http://user:pass@host:8080/ were accepted. http://localhost:{n}/@scope/pkg should stay.",  # noqa: E501
    "MAC address formatting\n\n00:1b:63:84:45:e6 becomes 001b.6384.45e6; fingerprint SHA256:2a:2b:2c:2d:2e:2f",
    "Scoped package @types/node@18.{n}.1 breaks the build\n\nnpm ERR! notarget No matching version for left-pad@1.3.{n}\nicon@2x.png is missing too.",  # noqa: E501
    "Segfault in libfoo.so.1.2.{n}\n\n#0 0x00007f3a{short} in std::vector<int>::push_back ()\n#1 0x0000{short} in main () at main.cpp:{n}",  # noqa: E501
    "Login page: the word password is translated wrongly\n\nGerman says \"Passwort: erforderlich\", French \"mot de passe : obligatoire\", Spanish \"contraseña: obligatoria\".",  # noqa: E501
    "Passwort vergessen geht nicht\n\nDas Passwort ist zu kurz, sagt die Seite, auch bei 20 Zeichen. Version 3.{n}.1.",
    "密码输入框无法粘贴\n\n版本 2.{n}.0，密码：不能为空 的提示一直显示。",
    "Le mot de passe est refusé\n\nMot de passe : (vide). Le champ reste rouge. Commit {short}.",
    "Add SSO\n\nclient_id: my-app, client_secret: <secret>, redirect_uri: http://localhost:{n}/cb",
    "Rename `secret_key` setting\n\nsecret_key = os.environ['SECRET_KEY']\nSECRET_KEY = env('SECRET_KEY')\nsecret: string;",  # noqa: E501
    "ETag is wrong\n\nETag: \"{md5}\"\nContent-MD5: {md5}\nX-Request-Id: {uuid}\nCF-RAY: {short}{short}-FRA",
    "Order {n16} is shown twice\n\nOrder ids {n16} and {n16}; customer {n}. Timestamps 1709812929113 and 1709812929114.",  # noqa: E501
    "Test cards are rejected\n\n4242 4242 4242 4242 and 4111 1111 1111 1111 should pass in test mode.",
    "Git LFS pointer\n\nversion https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {n}",
    "Public key in the docs is outdated\n\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{b43} is not what the server shows.",
    "-----BEGIN CERTIFICATE----- is not accepted\n\n-----BEGIN CERTIFICATE-----\n{b64}\n-----END CERTIFICATE-----",
    "Cookie banner overlaps\n\nThe cookie: it is set, but the banner stays. Set-Cookie is missing SameSite. document.cookie is empty.",  # noqa: E501
    "Webhook docs\n\nhttps://hooks.slack.com/services/ is all that the example has. Say where the rest comes from.",
    "sk-fading-circle spinner is off centre\n\n.sk-fading-circle .sk-circle{n} {{ width: 100%; }}\n.task-list-item-checkbox-container-wide-{n}",  # noqa: E501
    "hf_hub_download fails\n\nhf_hub_download(repo_id='org/model', revision='{sha1}')\nnpm_config_registry is set.",
    "Docs: docker login\n\n`docker login -u USERNAME -p PASSWORD registry.example.com`, `mysql -u root -p`, `--password <password>`",  # noqa: E501
    "Auth header dropped on redirect\n\nAuthorization: Basic is removed, as is Proxy-Authorization. Bearer authentication works.",  # noqa: E501
    "Mail from noreply@github.com is not filtered\n\nAlso me@example.com, 1+octocat@users.noreply.github.com, git@github.com:o/r.git",  # noqa: E501
    "Support OID 1.3.6.1.4.1.311\n\nSection 1.2.3.{n} of the standard, table 4.5.6, figure 2.1.",
    "Kubernetes example\n\napiVersion: v1\nkind: ConfigMap\ndata:\n  level: debug\n  replicas: \"{n}\"",
    "Dependabot: bump actions/checkout from {sha1} to {sha1}\n\nuses: actions/checkout@{sha1} # v4.{n}.1",
    "CSRF token mismatch\n\n419 after login. csrf_token() is empty, token: null, _token: undefined. Session id differs between tabs.",  # noqa: E501
    "GUID in registry\n\nHKEY_CLASSES_ROOT\\CLSID\\{{{uuid}}}\\InprocServer32, key = {{{uuid}}}",
    "Nuget restore\n\nPackage Foo 1.2.{n}.4 is not compatible with net6.0. contentHash: \"{b64}\"",
    "AWS example keys\n\nThe docs use AKIA" + "IOSFODNN7EXAMPLE as the id. Say that it is an example.",
    "Chrome 120.0.6099.{n}, Firefox 121.0, Safari 17.2\n\nMozilla/5.0 (X11; Linux x86_64) Chrome/120.0.6099.{n} Safari/537.36",  # noqa: E501
    "passphrase prompt appears twice\n\npassphrase: required, passphrase = None, pass=True, pw: str | None = None",
    "Sentry DSN placeholder\n\ndsn: https://<key>@sentry.example.com/{n}, environment: production, release: {sha1}",
)  # fmt: skip
_TAILS = (
    "",
    "\n\nVersion 2.{n}.1, Python 3.11.{n}, commit {short}.",
    "\n\n### Environment\n\n- OS: Ubuntu 22.04.3\n- Node: v18.{n}.0\n- Package: 1.4.{n}-beta.2+{short}",
    "\n\nWorks after deleting the cache in ~/.cache/{md5}.",
    "\n\nSee also #{n} and https://github.com/o/r/blob/{sha1}/src/main.ts#L{n}-L9{n}",
    "\n\n<details><summary>log</summary>\n\n[{n}] job {uuid} done in {n}ms\n[{n}] artifact {sha256}\n\n</details>",
)


def clean_texts(count: int = 300, seed: int = 0) -> Iterator[str]:
    """Texts in which everything that redaction takes is taken wrongly."""
    rng = random.Random(seed)
    for n in range(count):
        shape = _WRITTEN[n % len(_WRITTEN)] + _TAILS[n // len(_WRITTEN) % len(_TAILS)]
        yield shape.format_map(_Drawn(rng))


class _Drawn(dict[str, str]):
    """A new value at each look."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng

    def __missing__(self, name: str) -> str:
        raw = self._rng.randbytes(64)
        return {
            "sha1": hashlib.sha1(raw, usedforsecurity=False).hexdigest(),
            "sha256": hashlib.sha256(raw).hexdigest(),
            "md5": raw[:16].hex(),
            "short": raw[:4].hex()[:7],
            "uuid": str(uuid.UUID(bytes=raw[:16], version=4)),
            "b64": base64.b64encode(raw).decode(),
            "b43": base64.b64encode(raw[:32]).decode()[:43],
            "png": "iVBORw0KGgo" + base64.b64encode(self._rng.randbytes(180)).decode(),
            "n": str(raw[0]),
            "n16": str(10**15 + int.from_bytes(raw[:6], "big")),
        }[name]
