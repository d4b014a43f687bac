from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.config import CACHE_PATH, Machine, Settings, cache_plan, read_files, read_machine, read_settings
from labeler.decision.policy import Policy
from labeler.errors import UsageError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def settings(workspace: Path = Path(), **inputs: str) -> Settings:
    given = {"LABELER_" + name.upper(): text for name, text in inputs.items()}
    return read_settings({"GITHUB_WORKSPACE": str(workspace), "GITHUB_REPOSITORY": "octo/hello", **given})


def test_without_inputs_the_defaults_hold() -> None:
    plain = settings()
    assert (plain.model, plain.labels, plain.dry_run, plain.issue_number) == ("starter", None, False, None)
    assert plain.policy(relabel=False) == Policy()
    assert plain.api_url == "https://api.github.com"


def test_inputs_become_the_policy() -> None:
    given = settings(
        threshold="0.4, security=0.9\nci/cd = 1",
        max_labels="3",
        fallback_label="needs-triage",
        allow="bug\narea/*",
        block=" area/secret , ",
        skip_languages="de, JA",
    )
    assert given.policy(relabel=True) == Policy(
        threshold=0.4,
        thresholds={"security": 0.9, "ci/cd": 1.0},
        max_labels=3,
        fallback="needs-triage",
        allow=("bug", "area/*"),
        block=("area/secret",),
        skip_languages=("de", "ja"),
        relabel=True,
    )


@pytest.mark.parametrize(
    ("name", "text", "accepted"),
    [
        ("threshold", "high", "a number from 0 to 1"),
        ("threshold", "1.5", "a number from 0 to 1"),
        ("threshold", "-0.1", "a number from 0 to 1"),
        ("threshold", "nan", "a number from 0 to 1"),
        ("threshold", "bug=", "a number from 0 to 1"),
        ("threshold", "=0.5", "a label's name before each equals sign"),
        ("max-labels", "0", "a whole number from 1 up"),
        ("max-labels", "1.5", "a whole number from 1 up"),
        ("max-labels", "²", "a whole number from 1 up"),
        ("issue-number", "#12", "a whole number from 1 up"),
        ("patience", "0", "a whole number from 1 up"),
        ("dry-run", "yes", "true or false"),
        ("fail-on-error", "1", "true or false"),
        ("relabel-on-edit", "on", "true or false"),
        ("skip-labelled", "tRuE", "true or false"),
        ("skip-languages", "german", "two letters for each language"),
        ("warm-up", "y", "true or false"),
        ("fallback-label", "a, b", "the name of one label"),
        ("fallback-label", "x" * 51, "the name of one label"),
        ("github-api-url", "api.github.com", "the address of a GitHub API"),
        ("github-api-url", "https://user@host", "the address of a GitHub API"),
        ("github-api-url", "file:///etc", "the address of a GitHub API"),
        ("labels", ".github/labels.yml", "actions/checkout"),
    ],
)
def test_a_wrong_input_is_named_with_the_accepted_form(name: str, text: str, accepted: str) -> None:
    with pytest.raises(UsageError) as caught:
        settings(**{name.replace("-", "_"): text})
    assert f"'{name}'" in caught.value.what
    assert accepted in caught.value.remedy


@pytest.mark.parametrize(("text", "meaning"), [("true", True), ("TRUE", True), ("False", False), ("", False)])
def test_booleans_are_yamls(text: str, meaning: bool) -> None:
    assert settings(dry_run=text).dry_run is meaning


def test_files_are_looked_for_in_the_callers_workspace(tmp_path: Path) -> None:
    (tmp_path / "labels.yml").write_text("- bug")
    bundle = tmp_path / "models" / "ours"
    bundle.mkdir(parents=True)
    (bundle / "bundle.json").write_text("{}")
    given = settings(tmp_path, labels="labels.yml", model="models/ours")
    assert (given.labels, given.model) == (tmp_path / "labels.yml", str(bundle))
    assert settings(tmp_path, model="./missing").model == str(tmp_path / "missing")
    assert settings(tmp_path, model="owner/name").model == "owner/name"


def test_no_token_is_shown_by_a_repr() -> None:
    environ = {"LABELER_TOKEN": "ghs_a", "GITHUB_TOKEN": "ghs_b", "HF_TOKEN": "hf_c"}
    shown = repr(read_settings(environ)) + repr(read_machine(environ)) + repr(read_files(environ))
    assert not any(token in shown for token in environ.values())
    assert set(read_files(environ).secrets) == set(environ.values())


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings().model = "other"  # type: ignore[misc]


@given(st.dictionaries(st.sampled_from(["LABELER_FAIL_ON_ERROR", "GITHUB_OUTPUT", "LABELER_TOKEN"]), st.text()))
def test_what_is_needed_to_report_an_error_can_always_be_read(environ: dict[str, str]) -> None:
    assert read_files(environ).fail_on_error is (environ.get("LABELER_FAIL_ON_ERROR", "").strip().lower() == "true")


@pytest.mark.parametrize(
    ("environ", "field", "value"),
    [
        ({"GITHUB_TOKEN": "a", "GH_TOKEN": "b"}, "github_token", "a"),
        ({"GITHUB_TOKEN": "", "GH_TOKEN": "b"}, "github_token", "b"),
        ({"HF_ENDPOINT": "http://localhost:1/"}, "hub_endpoint", "http://localhost:1"),
        ({"GITHUB_API_URL": "https://ghe.example/api/v3/"}, "github_api_url", "https://ghe.example/api/v3"),
        ({"LABELER_CACHE": "/x", "XDG_CACHE_HOME": "/y"}, "cache", Path("/x")),
        ({"XDG_CACHE_HOME": "/y"}, "cache", Path("/y/issue-labeler")),
        ({}, "cache", Path(CACHE_PATH).expanduser()),
        ({"LABELER_CACHE": CACHE_PATH}, "cache", Path.home() / ".cache" / "issue-labeler"),
        ({"HF_HUB_OFFLINE": "1"}, "offline", True),
        ({"HF_HUB_OFFLINE": "0"}, "offline", False),
        ({"NO_COLOR": "1"}, "color", False),
        ({"NO_COLOR": ""}, "color", True),
    ],
)
def test_the_machine_is_read_from_the_usual_variables(environ: dict[str, str], field: str, value: object) -> None:
    assert getattr(read_machine(environ), field) == value


def test_a_bare_machine_has_the_public_addresses() -> None:
    assert read_machine({}).hub_endpoint == Machine().hub_endpoint == "https://huggingface.co"


@pytest.mark.parametrize(
    "model", ["starter", "/a/folder", "./folder", "owner/name", "owner/name@main", f"owner/name@{COMMIT[:7]}", "x y"]
)
def test_what_has_no_fixed_content_is_not_cached(model: str) -> None:
    assert cache_plan(model, "Linux") == ("", "")


def test_the_cache_key_names_system_and_content() -> None:
    assert cache_plan(f"owner/name@{COMMIT}", "Linux") == (f"issue-labeler-Linux-{COMMIT}", CACHE_PATH)
    asset = "github:octo/models@v1/bundle.tar.gz"
    keys = {
        cache_plan(model, system)[0]
        for model in (asset, asset + "#sha256=" + "0" * 64, asset.replace("v1", "v2"))
        for system in ("Linux", "macOS", "Windows")
    }
    assert len(keys) == 9
    assert all(len(key) < 512 and "," not in key for key in keys)
