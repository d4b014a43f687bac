from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine must not make a property fail by its time; the same examples every run.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Files that need the training environment are left out where torch is not installed."""
    if not collection_path.name.startswith("test_") or find_spec("torch") is not None:
        return None
    return True if "pytest.mark.training" in collection_path.read_text(encoding="utf-8") else None


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a tiny model with opinions, under the starter's labels: for reading only."""
    from tests.models import write_taught

    return write_taught(tmp_path_factory.mktemp("taught") / "taught")
