"""`python -m training publish --dry-run` where there is no network: the plan, with what could not be checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models import write_bundle
from tests.standins.network import no_network
from training.cli import main


@pytest.mark.parametrize(
    ("to", "listed"), [("octo/labels", "decoder.bin"), ("github:octo/models@v1", "labels-270m.tar.gz")]
)
def test_a_dry_run_needs_no_network(
    to: str, listed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = write_bundle(tmp_path / "bundle", name="labels-270m", version="3")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    no_network(monkeypatch)
    assert main(["publish", "--bundle", str(bundle), "--to", to, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert listed in out
    assert "not checked" in out
    assert "no network?" in out
    assert main(["publish", "--bundle", str(bundle), "--to", to]) == 1
