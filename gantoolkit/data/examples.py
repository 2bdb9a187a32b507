"""Faces to begin with, inside the package: label maps, scribbles of the same people, prompts.

They are renders of the plugin annyfaces, of its test people:
`gantoolkit data render annyfaces --resolution 128 --count 24 --start test`, without single pixels.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.errors import UsageError

FOLDER = Path(__file__).parents[1] / "examples"
KIND_FOLDERS = {"mask": "masks", "scribble": "scribbles"}
CAPTIONS = FOLDER / "captions.json"  # name → its prompt
PROMPTS = FOLDER / "prompts.txt"  # prompts for any face, one a line


def captions() -> dict[str, str]:
    """Return the names of all examples, each with the prompt that fits it."""
    return files.read_json_object(CAPTIONS)


def prompts() -> list[str]:
    """Return prompts that fit any face."""
    return files.read_text(PROMPTS).splitlines()


def find(name: str | Path, kind: str) -> Path:
    """Return the file of an example of a kind ('mask', 'scribble'); other paths as they are.

    >>> find("old-man", "mask").name, str(find("my/face.png", "mask"))
    ('old-man.png', 'my/face.png')
    """
    path = Path(name)
    example = FOLDER / KIND_FOLDERS[kind] / f"{path}.png"
    is_name = len(path.parts) == 1 and not path.exists()
    return example if is_name and example.is_file() else path


def copy(folder: str | Path) -> list[Path]:
    """Copy all examples into a folder; returns the files.

    UsageError where it holds another file of the same name.
    """
    sources = sorted(path for path in FOLDER.rglob("*") if path.is_file())
    targets = [Path(folder) / source.relative_to(FOLDER) for source in sources]
    for source, target in zip(sources, targets, strict=True):
        if target.exists() and target.read_bytes() != source.read_bytes():
            raise UsageError(f"{target} is there already and is another file; give another --out.")
    for source, target in zip(sources, targets, strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    return targets
