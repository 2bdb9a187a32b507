"""Where huggingface_hub keeps a repository that was fetched, without importing its program."""

from __future__ import annotations

from pathlib import Path


def snapshot(repository: str) -> Path | None:
    """Return the folder of OWNER/NAME at `main`, or None; files of it may still be missing."""
    from huggingface_hub import constants

    storage = Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"
    reference = storage / "refs" / "main"
    if not reference.is_file():
        return None
    folder = storage / "snapshots" / reference.read_text(encoding="utf-8").strip()
    return folder if folder.is_dir() else None
