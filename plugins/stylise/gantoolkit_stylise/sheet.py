"""`python -m gantoolkit_stylise.sheet OUT.png [REFERENCE]:FOLDER …`: a row per style, its reference first.

FOLDER is what `gantoolkit generate --out` wrote; its manifest gives the order, columns are the same inputs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from gantoolkit.core.errors import GantoolkitError, UsageError
from gantoolkit.data.image_files import open_image
from gantoolkit.report import pictures


def row(argument: str, columns: int) -> list[np.ndarray]:
    """The reference (white where there is none) and the first pictures of a folder."""
    reference, colon, folder = argument.rpartition(":")
    manifest = Path(folder) / "manifest.jsonl"
    if not colon or not manifest.is_file():
        raise UsageError(
            f"'{argument}' is no row; write REFERENCE:FOLDER or :FOLDER with a folder that "
            "'gantoolkit generate --out FOLDER' wrote."
        )
    lines = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    names = [line["file"] for line in lines if line["kind"] == "image"][:columns]
    pictures = [np.asarray(open_image(Path(folder) / name).convert("RGB")) for name in names]
    size = pictures[0].shape[:2]
    first = np.full((*size, 3), 255, np.uint8)
    if reference:
        first = np.asarray(open_image(reference).convert("RGB").resize(size[::-1]))
    return [first, *pictures]


def main(arguments: list[str], columns: int = 6) -> int:
    """Write the sheet; returns the exit code."""
    try:
        if len(arguments) < 2:
            raise UsageError("Give the file to write and at least one row, REFERENCE:FOLDER.")
        print(pictures.save(pictures.grid([row(a, columns) for a in arguments[1:]]), arguments[0]))
    except GantoolkitError as error:
        print(f"gantoolkit_stylise.sheet: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
