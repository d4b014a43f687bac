"""Uploads a folder's files to the Hugging Face Hub as one commit, and reads them back to see that they arrived.

By huggingface_hub, the real client. Nothing is uploaded that is there already, so a run that broke off, or whose answer
got lost, is simply run again.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from labeler.base.retry import NO_NETWORK, NO_NETWORK_REMEDY, unresolved
from labeler.config import Machine
from labeler.data.textfile import one_line
from labeler.errors import LabelerError, UsageError
from labeler.fetch.huggingface import http_errors
from labeler.model.bundle import sha256

Kind = Literal["dataset", "model"]
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,94}/[A-Za-z0-9][\w.-]{0,94}", re.ASCII)
TOKEN_REMEDY = "Make a token that may write at https://huggingface.co/settings/tokens and put it into HF_TOKEN."


class HubError(LabelerError):
    """The Hub refused, or could not be reached."""


@dataclass(frozen=True)
class Upload:
    """What was uploaded. `commit` is its 40 hex digits; `changed` is False where all of it was there already."""

    repository: str
    commit: str
    url: str
    changed: bool


def check_name(repository: str) -> str:
    """The name of a repository on the Hub. Raises UsageError for what cannot be one."""
    if not _NAME.fullmatch(repository) or ".." in repository or "--" in repository or repository.endswith(".git"):
        raise UsageError(f"{repository!r} is no repository on the Hub.", "Write owner/name, as in its address.")
    return repository


def upload(
    machine: Machine,
    repository: str,
    kind: Kind,
    files: Mapping[str, Path],
    message: str,
    *,
    private: bool = False,
    obsolete: str = "",
    check: bool = True,
) -> Upload:
    """Commits the files to main, making the repository where it is missing.

    Args:
        files: path in the repository -> file.
        private: of a new repository; an existing one must be private already.
        obsolete: names (a regular expression) that are deleted where an earlier upload left them.
        check: download everything again and compare.

    Raises:
        HubError: the Hub refused, was out of reach, or gave back other bytes.
        UsageError: the repository exists and is public, though `private` is set; or the token is malformed.
    """
    api = _client(machine)
    with _translated(repository, machine.hub_token):
        # Of one that exists, asking to make it hides behind another error that the token may not write.
        if not api.repo_exists(repository, repo_type=kind):
            api.create_repo(repository, repo_type=kind, private=private, exist_ok=True)
        before = api.repo_info(repository, repo_type=kind)
        if private and not before.private:
            what = f"{repository} exists and is public"
            raise UsageError(what, "Make it private on its settings page first, or name another one.")
        present = api.list_repo_files(repository, repo_type=kind, revision=before.sha)
        gone = [name for name in present if re.fullmatch(obsolete, name) and name not in files]
        done = api.create_commit(
            repository, operations=_operations(files, gone), commit_message=message, repo_type=kind
        )
        if check:
            _compare(api, repository, kind, done.oid, files)
    url = f"{machine.hub_endpoint}/{'datasets/' if kind == 'dataset' else ''}{repository}"
    return Upload(repository, done.oid, url, done.oid != before.sha)


def _client(machine: Machine) -> Any:
    token = machine.hub_token.strip()
    if not all("!" <= character <= "~" for character in token):
        # Checked here because an HTTP library that refuses a header prints it, token and all.
        raise UsageError("HF_TOKEN holds a space or a character that no token has.", "Copy the token again.")
    if machine.offline:
        raise UsageError("HF_HUB_OFFLINE is set, and publishing needs the Hub.", "Unset it.")
    import logging

    import huggingface_hub.utils

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # what it warns of is said by `Upload.changed`
    if not sys.stderr.isatty():
        huggingface_hub.utils.disable_progress_bars()
    # Without a token the client takes the one that `hf auth login` left, as users of the Hub expect.
    return huggingface_hub.HfApi(endpoint=machine.hub_endpoint, token=token or None, library_name="issue-labeler")


def _operations(files: Mapping[str, Path], gone: list[str]) -> list[Any]:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    added = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=path) for name, path in sorted(files.items())]
    return [*added, *(CommitOperationDelete(path_in_repo=name) for name in gone)]


def _compare(api: Any, repository: str, kind: Kind, commit: str, files: Mapping[str, Path]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, path in files.items():
            back = api.hf_hub_download(repository, name, repo_type=kind, revision=commit, local_dir=folder)
            if sha256(Path(back)) != sha256(path):
                what = f"{name} of {repository}@{commit} differs from what was uploaded"
                raise HubError(what, "Run the command again; if it stays, look at the file on the Hub.")


@contextmanager
def _translated(repository: str, token: str) -> Iterator[None]:
    """Turns the client's errors into ours, without the token in any of them."""
    import huggingface_hub.errors

    try:
        yield
    except LabelerError:
        raise
    except huggingface_hub.errors.HfHubHTTPError as error:
        raise _refused(repository, error, token) from None
    except huggingface_hub.errors.LocalTokenNotFoundError:
        raise HubError("There is no token for the Hub.", TOKEN_REMEDY) from None
    except (OSError, ValueError, RuntimeError, *http_errors()) as error:  # type: ignore[misc]
        cause = error.__cause__
        if isinstance(cause, huggingface_hub.errors.HfHubHTTPError):
            raise _refused(repository, cause, token) from None
        if unresolved(error):
            raise HubError(f"{repository}: {NO_NETWORK.format(host='of the Hub')}", NO_NETWORK_REMEDY) from None
        # The last line of the client's message says what it was; a card's fault stands there too.
        said = _safe(f"{type(error).__name__}: {error}", token)
        what = f"{repository}: uploading failed: {said}"
        raise HubError(what, "Check the connection and run again: what is there already is not sent twice.") from None


def _refused(repository: str, error: Any, token: str) -> HubError:
    status = error.response.status_code
    said = _safe(error.server_message or "", token)
    what = f"The Hub answered {repository} with {status}" + (f": {said}" if said else "")
    if status in (401, 403):
        return HubError(what, TOKEN_REMEDY)
    if status == 412:
        return HubError(what, "Somebody changed the repository at the same time: run the command again.")
    if status == 429 or status >= 500:
        return HubError(what, "Run the command again later: what is there already is not sent twice.")
    return HubError(what, "Check the name of the repository, and that the token may write to it.")


def _safe(text: str, token: str) -> str:
    return one_line(text.replace(token, "***") if token else text)[:300]
