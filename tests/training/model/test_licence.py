"""What Gemma's terms ask for goes wherever a model made from it goes: package, bundles, checkpoints, publications."""

from __future__ import annotations

import re
import tarfile
import tomllib
from pathlib import Path

import pytest

from labeler.config import Machine
from labeler.errors import InputError
from labeler.model.bundle import read_manifest, verify
from labeler.model.predict import STARTER
from tests.models import LABELS, write_bundle
from tests.standins.hub import HubServer
from training.model.licence import NOTICE, carry_licence, licence_files, licence_of, licence_of_bundle
from training.model.unpack import unpack
from training.publish import HubTarget, read_content
from training.publish.release import write_archive

ROOT = Path(__file__).parents[3]
FILES = licence_files("gemma")
LINE = "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle made from a Gemma model by a version that did not carry the licence's files."""
    made = write_bundle(tmp_path / "bundle")
    manifest = (made / "bundle.json").read_text(encoding="utf-8")
    (made / "bundle.json").write_text(
        manifest.replace('"base_model": "bundle-checkpoint"', '"base_model": "gemma-3-270m"')
    )
    assert licence_of_bundle(read_manifest(made)) == "gemma"
    return made


def test_the_notice_holds_the_line_of_the_terms_and_says_that_files_were_modified() -> None:
    notice = FILES[NOTICE].read_text(encoding="utf-8")
    assert notice.splitlines()[0] == LINE
    assert "FILES HERE WERE MODIFIED" in notice
    assert all(name in notice for name in FILES if name != NOTICE)


def test_the_copy_of_the_terms_is_whole_and_without_the_page_around_it() -> None:
    terms = FILES["GEMMA_TERMS.md"].read_text(encoding="utf-8")
    assert "Last modified: March 24, 2025" in terms
    numbers = re.findall(r"^#+ (?:Section )?([\d.]+)", terms, re.MULTILINE)
    sections = [("1:", 2), ("2:", 2), ("3:", 3), ("4:", 9)]
    assert [number.rstrip(":") for number in numbers] == [
        number for head, parts in sections for number in [head[0], *(f"{head[0]}.{i + 1}" for i in range(parts))]
    ]
    assert "## Appendix" in terms
    assert LINE in terms
    assert "<" not in terms


def test_the_use_restrictions_are_those_of_section_3_2() -> None:
    restrictions = " ".join(FILES["GEMMA_USE_RESTRICTIONS.md"].read_text(encoding="utf-8").split())
    for said in ("enforceable provision", "ai.google.dev/gemma/prohibited_use_policy", "applicable laws"):
        assert said in restrictions


def test_the_package_carries_the_licences_of_its_code_and_of_its_weights() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    carried = {path for pattern in project["license-files"] for path in ROOT.glob(pattern)}
    assert carried == {ROOT / "LICENSE", ROOT / "NOTICE", *(STARTER / name for name in FILES)}
    assert LINE in (ROOT / "NOTICE").read_text(encoding="utf-8")
    for name, kept in FILES.items():
        assert (STARTER / name).read_bytes() == kept.read_bytes()


def test_an_export_of_a_gemma_model_carries_them(tmp_path: Path) -> None:
    for facts in ({"provenance": {"licence": "gemma"}}, {"base_model": "google/gemma-3-270m"}):
        manifest = read_manifest(write_bundle(tmp_path / next(iter(facts)), **facts))
        assert FILES.keys() <= manifest.files.keys()


def test_a_bundle_turned_back_into_a_checkpoint_carries_them(bundle: Path, tmp_path: Path) -> None:
    checkpoint = unpack(bundle, tmp_path / "checkpoint")
    assert licence_of("checkpoint", checkpoint) == "gemma"
    assert all((checkpoint / name).read_bytes() == kept.read_bytes() for name, kept in FILES.items())


def test_publishing_adds_them_to_a_bundle_that_lacks_them(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bundle / "mine.txt").write_text("stays here")
    content = read_content(bundle)
    assert content.added == tuple(FILES)
    assert content.left_out == ("mine.txt",)
    verify(bundle)
    assert FILES.keys() <= content.files.keys()
    assert read_content(bundle).added == ()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    with HubServer() as hub:
        machine = Machine(hub_token="hf_writer", hub_endpoint=hub.url)
        # Publishing fetches all of it back and compares every file.
        HubTarget("team/model").publish(content, machine, private=False, wait=lambda seconds: None)
    with tarfile.open(write_archive(tmp_path / "asset.tar.gz", content)) as tar:
        assert FILES.keys() <= set(tar.getnames())


def test_a_bundle_that_cannot_be_written_is_refused(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("shutil.copyfile", refuse)
    with pytest.raises(InputError, match=r"lacks .*NOTICE.* must go with a Gemma model"):
        carry_licence(bundle)


def test_a_bundle_under_another_licence_is_left_as_it_is(tmp_path: Path) -> None:
    made = write_bundle(tmp_path / "bundle", LABELS, provenance={"licence": "apache-2.0"}, base_model="like-gemma")
    assert read_content(made).added == ()
    assert not (made / NOTICE).exists()
