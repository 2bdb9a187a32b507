"""Captions in their published layouts: a text file per image, or one JSON file.

A text file holds a caption per line.

MM-CelebA-HQ: text/K.txt in the first release, celeba_caption/K.txt in the regenerated one, ten
lines each. Collaborative Diffusion: a JSON file {"K.jpg": {"Beard_and_Age": "…"}}.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gantoolkit.core import files as text_files
from gantoolkit.core.errors import DataError
from gantoolkit.core.text import check_names, check_text
from gantoolkit.data.cameras import stem
from gantoolkit.data.prepare.problem import Problem

FOLDERS = ("text/celeba-caption", "text", "celeba_caption", "celeba-caption", "captions")


class Captions:
    """The captions of all samples.

    files      stem → text file with a caption per line
    texts      stem → captions, from a JSON file
    per_image  fewer captions than this are a problem
    path       where they were found
    """

    def __init__(
        self,
        files: dict[str, Path] | None = None,
        texts: dict[str, tuple[str, ...]] | None = None,
        per_image: int = 1,
        path: Path | None = None,
    ):
        self.files = files or {}
        self.texts = texts or {}
        self.per_image = per_image
        self.path = path
        self.exist = bool(files or texts)

    @classmethod
    def find(
        cls, roots: Path | Sequence[Path], path: Path | None = None, per_image: int = 1
    ) -> Captions:
        """Find a folder of .txt files or a .json file: `path`, or what lies under the roots."""
        if path is not None and not Path(path).exists():
            raise DataError(
                f"There are no captions at {path}; give a folder of NAME.txt or a .json file."
            )
        path = Path(path) if path else _look_for_captions(roots)
        if path is None:
            return cls(per_image=per_image)
        if path.is_dir():
            paths = sorted(path.glob("*.txt"))
            check_names((file.name for file in paths), str(path))
            files = {stem(file): file for file in paths}
            return cls(files=files, per_image=per_image, path=path)
        return cls(texts=_read_json(path), path=path)

    def of(self, key: str, problems: list[Problem]) -> tuple[str, ...]:
        """Return the captions of sample `key`, perhaps none.

        Too few captions, and those that cannot be read, are added to `problems`.
        """
        path = self.files.get(key)
        try:
            captions = self._read(key)
        except DataError as error:
            problems.append(Problem(key, f"unusable captions: {error}", str(path or self.path)))
            return ()
        if self.exist and len(captions) < self.per_image:
            problem = f"{len(captions)} captions instead of {self.per_image}"
            problems.append(Problem(key, problem if captions else "no captions", str(path or "")))
        return captions

    def _read(self, key: str) -> tuple[str, ...]:
        """Read the captions of a sample; DataError where they are not clean text."""
        path = self.files.get(key)
        if path is None:
            captions = self.texts.get(key, ())
            for caption in captions:
                check_text(caption, f"{self.path}, '{key}':" if self.path else key)
        else:
            captions = text_files.read_text(path).split("\n")
            for number, line in enumerate(captions, 1):
                check_text(line, f"{path}, line {number}:")
        return tuple(" ".join(line.split()) for line in captions if line.strip())


def _look_for_captions(roots: Path | Sequence[Path]) -> Path | None:
    """Return the first known folder with .txt files under a root, or a .json file in text/."""
    if isinstance(roots, Path):
        roots = [roots]
    for root in dict.fromkeys(roots):
        for name in FOLDERS:
            if any((root / name).glob("*.txt")):
                return root / name
        for file in sorted((root / "text").glob("*.json")):
            return file
    return None


def _read_json(path: Path) -> dict[str, tuple[str, ...]]:
    content = text_files.read_json_object(path)
    return {stem(name): _collect_strings(value) for name, value in content.items()}


def _collect_strings(value) -> tuple[str, ...]:
    """Collect the strings in a value: itself, those of a list, or those of a dict's values."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return ()
    return tuple(text for item in value for text in _collect_strings(item))
