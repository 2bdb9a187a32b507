"""Repositories of the Hub: found in its cache, described, and fetched by huggingface_hub.

Its program does what it always does: $HF_HOME and $HF_HUB_CACHE, $HF_TOKEN, $HF_ENDPOINT,
$HF_HUB_OFFLINE, resuming, checking and progress bars are its own.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gantoolkit import __version__
from gantoolkit.core.errors import WeightsError
from gantoolkit.registry.hub_cache import snapshot
from gantoolkit.weights import hub_files
from gantoolkit.weights.recognize import read_json

UNKNOWN = "unknown, see its page"  # a licence that the Hub does not state
LOG_IN = "set $HF_TOKEN or type 'hf auth login'"


@dataclass(frozen=True)
class Repository:
    """What the Hub says of a repository."""

    name: str
    licence: str
    sizes: dict[str, int]  # bytes of the files that are needed

    @property
    def bytes(self) -> int:
        """The size of all needed files."""
        return sum(self.sizes.values())


def find(name: str, include: Sequence[str] = ()) -> Path | None:
    """Return the folder of a repository in the Hub's cache, or None where files are missing.

    Nothing is asked of the Hub.
    """
    folder = snapshot(name)
    if folder is None:
        return None
    try:
        return folder if hub_files.read_files(folder, include) else None
    except WeightsError:
        return None


def describe(name: str, include: Sequence[str] = ()) -> Repository:
    """Ask the Hub for the licence and the sizes of the needed files.

    include  patterns of files that are needed (default: by the form of the repository)

    Raises WeightsError with what to do.
    """
    from huggingface_hub import HfApi, hf_hub_download

    with in_one_sentence(name):
        api = HfApi(library_name="gantoolkit", library_version=__version__)
        info = api.model_info(name, files_metadata=True)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
        parts = None
        if hub_files.INDEX in sizes and not include:
            index = hf_hub_download(name, hub_files.INDEX, revision=info.sha)
            parts = hub_files.listed_parts(read_json(Path(index)))
    try:
        needed = hub_files.needed_files(sizes, parts, include)
    except WeightsError as error:
        raise WeightsError(f"{name} on the Hub {error}.") from None
    licence = (info.card_data or {}).get("license") or UNKNOWN
    return Repository(name, licence, {file: sizes[file] for file in needed})


def fetch(name: str, include: Sequence[str] = ()) -> Path:
    """Download the files of a repository that are needed into the Hub's cache.

    Returns their folder. Raises WeightsError with what to do.
    """
    from huggingface_hub import snapshot_download

    repository = describe(name, include)
    with in_one_sentence(name):
        folder = snapshot_download(
            name,
            allow_patterns=[glob.escape(file) for file in repository.sizes],
            library_name="gantoolkit",
            library_version=__version__,
        )
    return Path(folder)


@contextmanager
def in_one_sentence(name: str, done: str = "fetched from") -> Iterator[None]:
    """Turn what huggingface_hub raises about a repository into WeightsError with one sentence.

    done  what could not be done, to be read before the Hub's address
    """
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError

    try:
        yield
    except Exception as error:
        is_local = isinstance(error, OSError) and error.filename
        is_known = isinstance(error, (OSError, EntryNotFoundError, HFValidationError))
        if is_local or not (is_known or type(error).__module__.startswith("httpx")):
            raise
        raise WeightsError(_sentence(name, error, done)) from None


def _sentence(name: str, error: BaseException, done: str) -> str:
    """Say what is wrong, and what to do."""
    from huggingface_hub import constants, errors

    page = f"{constants.ENDPOINT}/{name}"
    cause = _first_cause(error)
    if isinstance(cause, errors.OfflineModeIsEnabled):
        return f"{name} could not be {done} the Hub: $HF_HUB_OFFLINE is set; unset it."
    if isinstance(cause, errors.GatedRepoError):
        return f"{name} is gated: accept its terms at {page}, then {LOG_IN} with a token of yours."
    status = getattr(getattr(cause, "response", None), "status_code", 0)
    if isinstance(cause, errors.RepositoryNotFoundError):
        return (
            f"{constants.ENDPOINT} has no repository {name} that you may read; check its name, or, "
            f"if it is private, {LOG_IN}."
        )
    if status == 401:
        return f"{constants.ENDPOINT} does not accept your token for {name}; {LOG_IN} with another."
    if status == 403:
        return f"Your token may not do this with {name}; see {page} and the token's permissions."
    if status:
        return f"{constants.ENDPOINT} answers {status} for {name}; try again later."
    reason = " ".join(str(cause).split())[:120] or type(cause).__name__
    return (
        f"{name} could not be {done} {constants.ENDPOINT} ({reason}); repeat the command later, or "
        "name a mirror in $HF_ENDPOINT."
    )


def _first_cause(error: BaseException) -> BaseException:
    """What huggingface_hub met before it looked for the file in its cache."""
    while error.__cause__ is not None and not hasattr(error, "response"):
        error = error.__cause__
    return error
