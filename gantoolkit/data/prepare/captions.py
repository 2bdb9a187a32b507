"""Captions in their published layouts: a text file per image, or one JSON file.

A text file holds a caption per line.

MM-CelebA-HQ: text/K.txt in the first release, celeba_caption/K.txt in the regenerated one, ten
lines each. Collaborative Diffusion: a JSON file {"K.jpg": {"Beard_and_Age": "…"}}.
"""

from __future__ import annotations

import json
from pathlib import Path

from gantoolkit.core.errors import DataError
from gantoolkit.data.cameras import stem
from gantoolkit.data.prepare.problem import Problem

FOLDERS = ("text/celeba-caption", "text", "celeba_caption", "celeba-caption", "captions")


class Captions:
    """The captions of all samples.

    files      stem → text file with a caption per line
    texts      stem → captions, from a JSON file
    per_image  fewer captions than this are a problem
    """

    def __init__(
        self,
        files: dict[str, Path] | None = None,
        texts: dict[str, tuple[str, ...]] | None = None,
        per_image: int = 1,
    ):
        self.files = files or {}
        self.texts = texts or {}
        self.per_image = per_image
        self.exist = bool(files or texts)

    @classmethod
    def find(cls, root: Path, path: Path | None = None, per_image: int = 1) -> Captions:
        """Find a folder of .txt files or a .json file: `path`, or what lies under the root."""
        if path is not None and not Path(path).exists():
            raise DataError(
                f"There are no captions at {path}; give a folder of NAME.txt or a .json file."
            )
        path = Path(path) if path else _look_for_captions(root)
        if path is None:
            return cls(per_image=per_image)
        if path.is_dir():
            files = {stem(file): file for file in sorted(path.glob("*.txt"))}
            return cls(files=files, per_image=per_image)
        return cls(texts=_read_json(path))

    def of(self, key: str, problems: list[Problem]) -> tuple[str, ...]:
        """Return the captions of sample `key`, perhaps none; too few are added to `problems`."""
        path = self.files.get(key)
        if path is None:
            captions = self.texts.get(key, ())
        else:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            captions = tuple(" ".join(line.split()) for line in lines if line.strip())
        if self.exist and len(captions) < self.per_image:
            problem = f"{len(captions)} captions instead of {self.per_image}"
            problems.append(Problem(key, problem if captions else "no captions", str(path or "")))
        return captions


def _look_for_captions(root: Path) -> Path | None:
    """Return the first known folder with .txt files under the root, or a .json file in text/."""
    for name in FOLDERS:
        if any((root / name).glob("*.txt")):
            return root / name
    return next(iter(sorted((root / "text").glob("*.json"))), None)


def _read_json(path: Path) -> dict[str, tuple[str, ...]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {stem(name): _collect_strings(value) for name, value in content.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path} holds no captions ({error}); a JSON object of names is expected."
        ) from None


def _collect_strings(value) -> tuple[str, ...]:
    """Collect the strings in a value: itself, those of a list, or those of a dict's values."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return ()
    return tuple(text for item in value for text in _collect_strings(item))
