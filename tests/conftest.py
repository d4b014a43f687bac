from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine must not make a property fail by its time; the same examples every run.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a tiny model with opinions, under the starter's labels: for reading only."""
    from tests.models import write_taught

    return write_taught(tmp_path_factory.mktemp("taught") / "taught")
