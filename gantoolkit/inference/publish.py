"""Upload an exported bridge with its card to the Hub, by huggingface_hub and the user's token."""

from __future__ import annotations

from pathlib import Path

from gantoolkit import __version__
from gantoolkit.core.errors import UsageError
from gantoolkit.inference.hub import CARD, CONFIG, MODEL
from gantoolkit.weights.hub import LOG_IN, in_one_sentence
from gantoolkit.weights.hub_files import NAME


def check(repository: str) -> None:
    """Refuse a name that is not OWNER/NAME, and an upload without a token."""
    from huggingface_hub import get_token

    if not NAME.fullmatch(repository):
        raise UsageError(f"'{repository}' is not a repository of the Hub; give OWNER/NAME.")
    if not get_token():
        raise UsageError(f"An upload needs a token of yours that may write; {LOG_IN}.")


def push(folder: Path, repository: str, private: bool = False) -> str:
    """Upload the three files of a bridge; the repository is made if it does not exist.

    Returns the address of the repository. Raises WeightsError with what to do.
    """
    from huggingface_hub import HfApi

    api = HfApi(library_name="gantoolkit", library_version=__version__)
    with in_one_sentence(repository, "uploaded to"):
        address = api.create_repo(repository, private=private or None, exist_ok=True)
        api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            allow_patterns=[CONFIG, MODEL, CARD],
            commit_message="Upload a bridge of gantoolkit",
        )
    return str(address)
