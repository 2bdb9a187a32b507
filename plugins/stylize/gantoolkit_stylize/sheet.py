"""`python -m gantoolkit_stylize.sheet OUT.png [REFERENCE]:FOLDER …`: a row per style.

Each row shows its reference first. FOLDER is what `gantoolkit generate --out` wrote; its manifest
gives the order, and columns are the same inputs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from gantoolkit.core.errors import GantoolkitError, UsageError
from gantoolkit.data.rgb import read_rgb
from gantoolkit.report import pictures


def read_row(argument: str, columns: int) -> list[np.ndarray]:
    """Read the reference (white where there is none) and the first images of a folder.

    argument  [REFERENCE]:FOLDER
    columns   number of images
    """
    reference, colon, folder = argument.rpartition(":")
    manifest = Path(folder) / "manifest.jsonl"
    if not colon or not manifest.is_file():
        raise UsageError(
            f"'{argument}' is not a row; write REFERENCE:FOLDER or :FOLDER with a folder that "
            "'gantoolkit generate --out FOLDER' wrote."
        )
    lines = manifest.read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    names = [entry["file"] for entry in entries if entry["kind"] == "image"]
    images = [np.asarray(read_rgb(Path(folder) / name)) for name in names[:columns]]
    height, width = images[0].shape[:2]
    if reference:
        first = np.asarray(read_rgb(reference).resize((width, height)))
    else:
        first = np.full((height, width, 3), 255, np.uint8)
    return [first, *images]


def main(arguments: list[str], columns: int = 6) -> int:
    """Write the sheet; return the exit code."""
    try:
        if len(arguments) < 2:
            raise UsageError("Give the file to write and at least one row, REFERENCE:FOLDER.")
        out, *row_arguments = arguments
        rows = [read_row(argument, columns) for argument in row_arguments]
        print(pictures.save(pictures.grid(rows), out))
    except GantoolkitError as error:
        print(f"gantoolkit_stylize.sheet: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
