"""Expected failures: each says what happened and what to do about it.

LabelerError            exit code 1: something outside the program must be mended
├── UsageError          exit code 2: the command line or an input of the action is wrong
├── InputError          a labels file, dataset or issue file is wrong; names file, line and field
├── BundleError         a model bundle is missing or damaged
│   └── NewerBundleError    … or made for a newer version
├── DownloadError       a bundle could not be fetched
└── GitHubError         GitHub refused or did not answer; subclasses in labeler.github.refusals
"""

from __future__ import annotations


class LabelerError(Exception):
    """An expected failure. `str(error)` is what happened, followed by the remedy where there is one."""

    exit_code = 1

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what}\n{self.remedy}" if self.remedy else self.what


class UsageError(LabelerError):
    """The command line or an input of the action is wrong."""

    exit_code = 2


class InputError(LabelerError):
    """A file that a person wrote is wrong; the message names file, line or row, and field."""


class BundleError(LabelerError):
    """A model bundle is missing, damaged, or made for another version."""


class NewerBundleError(BundleError):
    """A bundle of a newer format: whole, but not for this version. Fetching it again would not help."""


class DownloadError(LabelerError):
    """A bundle could not be fetched."""


class GitHubError(LabelerError):
    """GitHub refused a request or did not answer."""
