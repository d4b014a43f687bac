"""A bundle as one commit of a model repository on the Hugging Face Hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labeler.config import Machine
from labeler.errors import DownloadError, UsageError
from labeler.fetch.download import NotThereError, Remote, UnreachableError, Wait, bearer, opened
from labeler.fetch.hub_upload import TOKEN_REMEDY, upload
from labeler.fetch.huggingface import CARD, HubReference
from labeler.model.bundle import MANIFEST
from training.publish.content import Content, Plan, Published, fetch_back

# What a repository may hold besides without being somebody's other work: its page on the Hub makes these.
_MADE_WITH_IT = {".gitattributes", CARD, "LICENSE"}


@dataclass(frozen=True)
class HubTarget:
    """`owner/name`, made where it is missing."""

    repository: str

    def plan(self, content: Content, machine: Machine, *, private: bool, wait: Wait) -> Plan:
        """Asks the Hub and changes nothing; where it is out of reach, what is there stays open.

        Raises:
            UsageError: the name is taken: by another repository's content or, with `private`, by a public one.
            DownloadError: the Hub refused.
        """
        where = f"{machine.hub_endpoint}/{self.repository}"
        try:
            found = None if machine.offline else self._look_up(machine, wait)
        except UnreachableError as error:
            return Plan(where, (f"commit {len(content.files)} files; not checked: {error.what}",), content.sizes)
        if machine.offline:
            return Plan(where, (f"commit {len(content.files)} files; not checked: offline",), content.sizes)
        return self._planned(content, machine, found, private)

    def _planned(self, content: Content, machine: Machine, found: dict[str, Any] | None, private: bool) -> Plan:
        if found is None:
            steps = [f"make the {'private' if private else 'public'} model repository {self.repository}"]
        else:
            self._check(found, private)
            kept = "private" if found["private"] else "public"
            steps = [f"add to the {kept} model repository {self.repository}, now at {found['sha']}"]
        steps += [f"commit {len(content.files)} files to main", "download the commit and compare it with the bundle"]
        return Plan(f"{machine.hub_endpoint}/{self.repository}", tuple(steps), content.sizes)

    def publish(self, content: Content, machine: Machine, *, private: bool, wait: Wait) -> Published:
        """Uploads what is not there yet, and fetches it back.

        Raises:
            LabelerError: as `plan`; the token may not write; or what was uploaded cannot be fetched back whole.
        """
        self._planned(content, machine, self._look_up(machine, wait), private)
        message = f"Publish {content.name} {content.version}"
        done = upload(machine, self.repository, "model", content.files, message, private=private, check=False)
        pin = str(HubReference(self.repository, done.commit))
        fetch_back(pin, content, machine, wait)
        return Published(pin, f"{done.url}/tree/{done.commit}", done.changed)

    def _look_up(self, machine: Machine, wait: Wait) -> dict[str, Any] | None:
        """What the Hub says of the repository (https://huggingface.co/docs/hub/api); None where it shows none."""
        if machine.offline:
            raise UsageError("HF_HUB_OFFLINE is set, and publishing needs the Hub.", "Unset it.")
        from huggingface_hub.utils import build_hf_headers

        token = machine.hub_token.strip()
        bearer(token)  # refuses a malformed one without showing it
        remote = Remote(
            what=self.repository,
            url=f"{machine.hub_endpoint}/api/models/{self.repository}",
            headers=build_hf_headers(token=token or None, library_name="issue-labeler"),
            refused=self._refusal,
        )
        with opened(wait) as http:
            try:
                answer = http.json(remote)
            except NotThereError:
                return None
        try:
            files = {str(one["rfilename"]) for one in answer["siblings"]}
            return {"id": str(answer["id"]), "sha": answer["sha"], "private": answer["private"], "files": files}
        except (KeyError, TypeError) as error:
            what = f"{self.repository}: the answer is not the Hub's description of a repository"
            raise DownloadError(what, "Check the configured Hub address (HF_ENDPOINT).") from error

    def _refusal(self, status: int, headers: Mapping[str, str]) -> DownloadError:
        said = headers.get("x-error-message", "")
        # To a stranger a missing repository answers 401 like a private one; only this text means the token itself.
        if status == 401 and said == "Invalid credentials in Authorization header":
            return DownloadError(f"The Hub does not accept the token ({said})", TOKEN_REMEDY)
        if status in (401, 404):
            return NotThereError(f"{self.repository}: not on the Hub, or private")
        if status == 403:
            return DownloadError(f"{self.repository}: access is restricted (HTTP 403)", TOKEN_REMEDY)
        return DownloadError(
            f"{self.repository}: the Hub answered HTTP {status}", "Check the configured Hub address (HF_ENDPOINT)."
        )

    def _check(self, found: Mapping[str, Any], private: bool) -> None:
        if found["id"] != self.repository:
            raise UsageError(f"{self.repository} is now called {found['id']}", f"Write --to {found['id']}.")
        if private and not found["private"]:
            what = f"{self.repository} exists and is public"
            raise UsageError(what, "Make it private on its settings page first, or name another one.")
        others = sorted(found["files"] - _MADE_WITH_IT)
        if others and MANIFEST not in others:
            what = (
                f"The name is taken: {self.repository} holds something else than a bundle ({others[0]}, for instance)"
            )
            raise UsageError(what, "Name another repository: it is made where it is missing.")
