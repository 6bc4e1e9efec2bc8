"""Folders of model cards on the Hugging Face hub, by its own client."""

from collections.abc import Sequence
from pathlib import Path

from common.errors import UserError
from common.models.hub import refuse_unreachable


def push(folder: Path, files: Sequence[str], repository: str) -> str:
    """Upload the files of a folder as USER/NAME, made private where it does not exist, and return the address.

    Raises UserError where the hub can't be reached, does not know the user, or refuses the name.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError

    try:
        refuse_unreachable()
        api = HfApi()
        address = api.create_repo(repository, private=True, exist_ok=True)
        api.upload_folder(repo_id=repository, folder_path=folder, allow_patterns=list(files))
    except (OSError, HFValidationError) as error:  # the hub's own answers are OSErrors
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"the files are in {folder}, but --push_to_hub {repository} failed ({reason}): log in with `hf auth login`"
        ) from None
    return str(address)
