"""Captions in their published layouts: one text file per image with a caption per line, or one JSON file.

MM-CelebA-HQ: text/K.txt in the first release, celeba_caption/K.txt in the regenerated one, ten lines each.
Collaborative Diffusion: a JSON file {"K.jpg": {"Beard_and_Age": "…"}}.
"""

from __future__ import annotations

import json
from pathlib import Path

from gantoolkit.core.errors import DataError
from gantoolkit.data.cameras import stem
from gantoolkit.data.prepare.problem import Problem

FOLDERS = ("text/celeba-caption", "text", "celeba_caption", "celeba-caption", "captions")


class Captions:
    """`of(key, problems)` gives the captions of a sample and notes missing and short files."""

    def __init__(
        self,
        files: dict[str, Path] | None = None,
        texts: dict[str, tuple[str, ...]] | None = None,
        per_image: int = 1,
    ):
        self.files, self.texts, self.per_image = files or {}, texts or {}, per_image
        self.given = bool(files or texts)

    @classmethod
    def find(cls, root: Path, given: Path | None = None, per_image: int = 1) -> Captions:
        """From a folder of .txt files or a .json file, named by the user or looked for under the root."""
        if given is not None and not Path(given).exists():
            raise DataError(
                f"There are no captions at {given}; give a folder of NAME.txt or a .json file."
            )
        place = (
            Path(given)
            if given
            else next((root / n for n in FOLDERS if any((root / n).glob("*.txt"))), None)
        )
        if place is None:
            place = next(iter(sorted((root / "text").glob("*.json"))), None)
        if place is None:
            return cls(per_image=per_image)
        if place.is_dir():
            return cls(files={stem(p): p for p in sorted(place.glob("*.txt"))}, per_image=per_image)
        return cls(texts=_read_json(place))

    def of(self, key: str, problems: list[Problem]) -> tuple[str, ...]:
        """The captions of sample `key`, perhaps none."""
        path = self.files.get(key)
        if path is not None:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            found = tuple(" ".join(line.split()) for line in lines if line.strip())
        else:
            found = self.texts.get(key, ())
        if self.given and len(found) < self.per_image:
            what = (
                "no captions" if not found else f"{len(found)} captions instead of {self.per_image}"
            )
            problems.append(Problem(key, what, str(path or "")))
        return found


def _read_json(path: Path) -> dict[str, tuple[str, ...]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {stem(name): _texts(value) for name, value in content.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path} holds no captions ({error}); a JSON object of names is expected."
        ) from None


def _texts(value) -> tuple[str, ...]:
    """The strings in a value: itself, a list of them, or the values of a dict."""
    if isinstance(value, str):
        return (value,)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return tuple(text for v in inner for text in _texts(v))
