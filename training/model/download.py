"""A base from the Hugging Face Hub, in the Hub's own cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from labeler.base.retry import NO_NETWORK, NO_NETWORK_REMEDY, unresolved
from labeler.config import environment, read_machine
from labeler.data.textfile import one_line
from labeler.errors import DownloadError


def download(name: str, revision: str, wanted: Sequence[str]) -> Path:
    """The folder of a snapshot of the files that match `wanted`; it is named by the commit.

    Args:
        name: "owner/name".
        revision: a commit, branch or tag; "" for the main branch.

    Raises:
        DownloadError: the Hub does not give it.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    machine = read_machine(environment())
    try:
        folder = snapshot_download(
            name,
            revision=revision or None,
            allow_patterns=list(wanted),
            endpoint=machine.hub_endpoint,
            token=machine.hub_token or None,
        )
    except LocalEntryNotFoundError as error:
        if unresolved(error):
            host = urlsplit(machine.hub_endpoint).hostname
            what = f"{name}: no copy is in the cache, and {NO_NETWORK.format(host=host)}"
            raise DownloadError(what, f"{NO_NETWORK_REMEDY} Or give a folder.") from error
        remedy = "Check the network and HF_ENDPOINT, or give a folder."
        raise DownloadError(f"{name}: the Hub cannot be reached and no copy is in the cache", remedy) from error
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "no answer"
        remedy = "Check the name; for a gated model accept its terms on the Hub and set HF_TOKEN."
        raise DownloadError(f"{name}: the Hub refuses it ({status})", remedy) from error
    except (OSError, ValueError) as error:
        raise DownloadError(f"{name}: {one_line(str(error))}", "Run it again: what is there is kept.") from error
    return Path(folder)
