"""Files of the Hugging Face hub: those in its cache, else downloads that give up soon where it can't be reached."""

import urllib.error
import urllib.request
from pathlib import Path

from common.models.weights import CONNECT_SECONDS


def hub_file(repository: str, *names: str, revision: str | None = None) -> Path:
    """The first of these files that the repository has, from the cache or downloaded into it.

    A `revision` is a commit; None takes the newest.

    Raises OSError where there is none, and where the hub can't be reached.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    for name in names:
        if isinstance(cached := try_to_load_from_cache(repository, name, revision=revision), str):
            return Path(cached)
    refuse_unreachable()
    for name in names:
        try:
            return Path(hf_hub_download(repository, name, revision=revision))
        except EntryNotFoundError as error:
            if isinstance(error, LocalEntryNotFoundError):  # which says that there is no connection
                raise
    raise OSError(f"{repository} has no {' or '.join(names)}")


def hub_address(repository: str, name: str) -> str:
    """Where a browser finds a file."""
    from huggingface_hub import hf_hub_url

    return hf_hub_url(repository, name)


def refuse_unreachable() -> None:
    """Raise OSError where the hub does not answer: its own client asks five times, for three quarters of a minute."""
    from huggingface_hub import constants

    if constants.is_offline_mode():
        return  # the client says so at once
    try:
        urllib.request.urlopen(constants.ENDPOINT, timeout=CONNECT_SECONDS).close()
    except urllib.error.HTTPError:
        return  # an answer
