from __future__ import annotations

from hypothesis import settings

# A busy machine must not make a property fail by its time; the same examples every run.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")
