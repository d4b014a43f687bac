"""Secrets that are known by their own form: private keys, and prefixes of services (gitleaks has more of them)."""

from __future__ import annotations

import re

from synthetic.redaction.rule import START, Rule, token, valued
from synthetic.redaction.values import ASSIGNED, is_random

_KEY_HEAD = r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
_KEY_FOOT = _KEY_HEAD.replace("BEGIN", "END")
_BASE64_LINES = r"(?:[A-Za-z0-9+/=]{40,100}(?:\r?\n|\\[nr])[ \t>]{0,20}){2,400}[A-Za-z0-9+/=]{0,100}"

KNOWN = (
    # To its foot; one that was cut off, as far as it looks like base64.
    Rule(
        "private key",
        re.compile(
            rf"{_KEY_HEAD}(?:(?:(?!-----BEGIN)[\s\S]){{0,16000}}?{_KEY_FOOT}"
            r"|(?:(?:\s|\\[nr]|>){0,8}[A-Za-z0-9+/=]{16,})*)"
        ),
        words=("private key",),
    ),
    # One that lost its head, and PuTTY's.
    Rule(
        "private key",
        re.compile(rf"(?<![A-Za-z0-9+/=])(?P<secret>{_BASE64_LINES}\s?{_KEY_FOOT})"),
        words=("private key",),
    ),
    Rule(
        "private key",
        re.compile(r"Private-Lines: \d{1,3}\s{1,2}(?P<secret>(?:[ \t]{0,8}[A-Za-z0-9+/=]{20,80}\s{1,2}){1,60})"),
        words=("private-lines",),
    ),
    token(
        "github token",
        r"gh[pousr]_[A-Za-z0-9_.-]{35,500}[A-Za-z0-9]",
        r"github_pat_[A-Za-z0-9_]{22,255}",
        words=("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    ),
    token("gitlab token", r"gl(?:pat|dt|rt|cbt|ptt|soat|agent|imt|ffct|oas|ft)-[\w.-]{20,200}", words=("gl",)),
    token(
        "aws key",
        r"(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ANVA|ABIA|ACCA)(?![A-Z0-9]{9}EXAMPLE)[A-Z0-9]{16}",
        words=("akia", "asia", "agpa", "aida", "aroa", "anpa", "anva", "abia", "acca"),
    ),
    valued(
        "aws key",
        r"secret.{0,3}(?:access)?.{0,3}key(?:\s?\[\w{1,20}\])?" + ASSIGNED,
        r"[A-Za-z0-9/+]{40}(?![\w/+=])",
        words=("secret",),
    ),
    # Beside its id, without a name of its own.
    valued(
        "aws key",
        r"(?:\[redacted: aws key\]|(?:AKIA|ASIA)[A-Z0-9]{16})[\"']?(?:\s{0,3}[:,;|/]\s{0,3}|\s{1,3})[\"']?",
        r"[A-Za-z0-9/+]{40}(?![\w/+=])",
        words=("aws key", "akia", "asia"),
    ),
    valued(
        "aws key", r"session.{0,3}token(?:\s?\[\w{1,20}\])?" + ASSIGNED, r"[A-Za-z0-9/+=]{100,2000}", words=("session",)
    ),
    token(
        "google key",
        r"AIza[\w-]{35}",
        r"GOCSPX-[\w-]{28}",
        r"ya29\.[\w.-]{20,1000}",
        r"AQ\.[\w-]{40,200}",
        r"1//0[\w-]{30,200}",
        words=("aiza", "gocspx-", "ya29.", "aq.", "1//0"),
    ),
    token(
        "slack token", r"xox[abceoprsd](?:\.xox[bp])?-[\w-]{10,250}", r"xapp-\d-[\w-]{20,250}", words=("xox", "xapp")
    ),
    valued(
        "webhook",
        r"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/",
        r"[\w/-]{20,300}",
        words=("hooks.slack",),
    ),
    valued(
        "webhook",
        r"https://(?:\w{1,20}\.)?discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/",
        r"[\w/-]{20,300}",
        words=("/webhooks/",),
    ),
    valued("webhook", r"webhook\.office\.com/webhookb2/", r"[\w@/-]{30,300}", words=("webhookb2",)),
    token(
        "stripe key",
        r"[sr]k_(?:live|test|org|prod)_[A-Za-z0-9_]{16,250}",
        r"whsec_[A-Za-z0-9+/=]{24,100}",
        words=("sk_", "rk_", "whsec_"),
    ),
    token("npm token", r"npm_[A-Za-z0-9]{36}", words=("npm_",)),
    token("pypi token", r"pypi-[\w-]{50,500}", words=("pypi-",)),
    token("hugging face token", r"(?:hf|api_org)_[A-Za-z0-9]{30,60}", words=("hf_", "api_org_")),
    # OpenAI's and others'. Class names of style sheets begin with sk- too, and have neither capitals nor digits.
    token(
        "api key",
        r"sk-(?=[\w-]{0,200}\d)(?=[\w-]{0,200}[A-Z])[\w-]{20,250}",
        r"sk-(?:or-v1-)?[0-9a-f]{32,64}",
        words=("sk-",),
    ),
    token("sendgrid key", r"SG\.[\w-]{22}\.[\w-]{43}", words=("sg.",)),
    token("twilio key", r"SK[0-9a-f]{32}", words=("sk",)),
    token("telegram token", r"\d{8,10}:AA[\w-]{33}", words=(":aa",), starts=False),
    token("docker token", r"dckr_[po]at_[\w-]{27,64}", words=("dckr_",)),
    token("digitalocean token", r"do[opr]_v1_[0-9a-f]{64}", words=("doo_v1_", "dop_v1_", "dor_v1_")),
    token("databricks token", r"dapi[0-9a-f]{32}", words=("dapi",)),
    token("shopify token", r"shp(?:at|ca|pa|ss|ua)_[0-9a-fA-F]{32}", words=("shp",)),
    token("atlassian token", r"AT(?:ATT3|CTT3|BB)[\w=-]{24,300}", words=("atatt3", "atctt3", "atbb")),
    token("jwt", r"eyJ[\w-]{8,4000}\.eyJ[\w-]{8,8000}(?:\.[\w-]{0,2000})?", words=("eyj",)),
)


def _vendor(name: str, *patterns: str, words: tuple[str, ...], starts: bool = True) -> Rule:
    return token(f"{name} key", *patterns, words=words, starts=starts)


# What gitleaks lacks, or knows in one of several forms only; after its rules.
VENDORS = (
    _vendor("discord", r"[MNO][A-Za-z\d_-]{23,25}\.[\w-]{6}\.[\w-]{27,40}", words=(".",), starts=False),
    _vendor("groq", r"gsk_[A-Za-z0-9]{40,60}", words=("gsk_",)),
    _vendor("xai", r"xai-[A-Za-z0-9]{60,100}", words=("xai-",)),
    _vendor("replicate", r"r8_[A-Za-z0-9]{37,40}", words=("r8_",)),
    _vendor("perplexity", r"pplx-[A-Za-z0-9]{40,60}", words=("pplx-",)),
    _vendor("supabase", r"sbp_(?:v0_|oauth_)?[0-9a-f]{40}", r"sb_secret_[\w-]{20,60}", words=("sbp_", "sb_secret_")),
    _vendor("airtable", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}", words=("pat",)),
    _vendor("new relic", r"NR(?:AK|II|AA|IQ|RA)-[\w-]{20,60}", words=("nrak", "nrii", "nraa", "nriq", "nrra")),
    _vendor("new relic", r"[0-9a-f]{32,36}(?:FFFF)?NRAL", words=("nral",), starts=False),
    _vendor("crates.io", r"cio[A-Za-z0-9]{32}", words=("cio",)),
    _vendor("langsmith", r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}", r"ls__[0-9a-f]{32}", words=("lsv2_", "ls__")),
    _vendor("mailgun", r"(?<!-)key-[0-9a-f]{32}", words=("key-",)),
    _vendor("mailgun", r"[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}", words=("-",), starts=False),
    _vendor("square", r"sq0(?:atp|csp|idb)-[\w-]{22,60}", r"EAAA[\w-]{56,64}", words=("sq0", "eaaa")),
    _vendor("heroku", r"HRKU-(?:AA)?[\w-]{30,70}", words=("hrku-",)),
    _vendor("dropbox", r"sl\.(?:u\.)?[\w-]{120,1400}", words=("sl.",)),
    _vendor("facebook", r"EAA[A-Za-z0-9]{80,300}", words=("eaa",)),
    _vendor("nuget", r"oy2[a-z0-9]{43}", words=("oy2",)),
    _vendor(
        "cloudflare",
        r"cf(?:ut|at|k)_[\w-]{40,80}",
        r"v1\.0-[0-9a-f]{24}-[0-9a-f]{146}",
        words=("cfut_", "cfat_", "cfk_", "v1.0-"),
    ),
    _vendor("doppler", r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}", words=("dp.",)),
    _vendor("notion", r"ntn_[A-Za-z0-9]{40,50}", r"secret_[A-Za-z0-9]{43}", words=("ntn_", "secret_")),
    _vendor("linear", r"lin_(?:api|oauth|wh)_[A-Za-z0-9]{32,64}", words=("lin_",)),
    _vendor("figma", r"fig[duo]r?_[\w-]{38,60}", words=("fig",)),
    _vendor("postman", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}", r"PMAT-[A-Z0-9]{26}", words=("pmak-", "pmat-")),
    _vendor("vault", r"hv[sbr]\.[\w-]{22,300}", words=("hvs.", "hvb.", "hvr.")),
    _vendor("grafana", r"gl(?:sa|c)_[A-Za-z0-9_=+/-]{32,400}", words=("glsa_", "glc_")),
    _vendor("sentry", r"sntry[su]_[\w+/=-]{40,400}", words=("sntry",)),
    _vendor("tailscale", r"tskey-[a-z]{2,10}-\w{8,24}-\w{20,64}", words=("tskey-",)),
    _vendor("netlify", r"nf[pcoub]_[A-Za-z0-9]{36,40}", words=("nf",)),
    _vendor("vercel", r"vc[paikr]_[A-Za-z0-9]{24,60}", words=("vc",)),
    _vendor("fly.io", r"f(?:o1|m1[ar]|m2)_[\w+/=,-]{40,2000}", words=("fo1_", "fm1", "fm2_")),
    _vendor("pulumi", r"pul-[0-9a-f]{40}", words=("pul-",)),
    _vendor("terraform", r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,70}", words=(".atlasv1.",), starts=False),
    _vendor("rubygems", r"rubygems_[0-9a-f]{48}", words=("rubygems_",)),
    _vendor("age", r"AGE-SECRET-KEY-1[A-Z0-9]{50,60}", words=("age-secret-key-1",)),
    _vendor(
        "1password", r"ops_eyJ[\w+/=-]{100,2000}", r"A3-[A-Z0-9]{6}(?:-[A-Z0-9]{5,6}){4,5}", words=("ops_eyj", "a3-")
    ),
    _vendor("buildkite", r"bk(?:ua|ra|ct|cc|at)_[0-9a-f]{40}", words=("bk",)),
    _vendor("circleci", r"CCI(?:PAT|PRJ)_[\w]{20,30}_[0-9a-f]{40}", words=("cci",)),
    _vendor("mapbox", r"sk\.eyJ[\w-]{20,200}\.[\w-]{20,40}", words=("sk.eyj",)),
    _vendor("planetscale", r"pscale_(?:tkn|pw|oauth)_[\w.-]{32,64}", words=("pscale_",)),
    _vendor("posthog", r"ph[xr]_[A-Za-z0-9]{36,60}", words=("phx_", "phr_")),
    _vendor("brevo", r"x(?:key|smtp)sib-[0-9a-f]{64}-[A-Za-z0-9]{16}", words=("xkeysib-", "xsmtpsib-")),
    _vendor("resend", r"re_[A-Za-z0-9]{6,10}_[A-Za-z0-9]{20,30}", words=("re_",)),
    _vendor("render", r"rnd_[A-Za-z0-9]{28,40}", words=("rnd_",)),
    _vendor("pinecone", r"pcsk_[A-Za-z0-9_]{50,80}", words=("pcsk_",)),
    _vendor("bedrock", r"bedrock-api-key-[\w+/=-]{40,4000}", words=("bedrock-api-key-",)),
    _vendor("openshift", r"sha256~[\w-]{43}", words=("sha256~",)),
    Rule(
        "azure key",
        re.compile(rf"{START}[\w.~-]{{3}}\dQ~[\w.~-]{{31,34}}(?![\w~-])", re.ASCII),
        words=("q~",),
    ),
    valued("okta key", r"\bSSWS\s{1,3}", r"00[\w-]{38,42}", words=("ssws",)),
    valued("okta key", r"okta[^\n]{0,40}?" + ASSIGNED, r"00[\w-]{38,42}(?![\w-])", is_random, words=("okta",)),
)
