"""Which files of a repository of the Hub are read here, by their names.

model_index.json   a pipeline of diffusers: the parts that it lists, each with one set of weights
config.json        one network: a ControlNet, a CLIP, a bridge that was exported
neither            what `include` names
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

from gantoolkit.core.errors import WeightsError
from gantoolkit.weights.folders import ENDINGS, FOREIGN, preferred_files
from gantoolkit.weights.recognize import read_json

INDEX = "model_index.json"
CONFIG = "config.json"
STEMS = (  # names of weights without endings: of diffusers, and of transformers
    ("diffusion_pytorch_model",),
    ("model", "pytorch_model"),
)
SETTINGS = (".json", ".txt", ".model")  # configs, vocabularies, SentencePiece's models
UNUSED = ("safety_checker", "feature_extractor", "image_encoder")  # parts that nothing here reads
NAME = re.compile(r"(?!runs/)[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def is_repository(name: str) -> bool:
    """Whether a name can only be OWNER/NAME of the Hub: no path, run folder or file of weights.

    >>> is_repository("stabilityai/sdxl-turbo"), is_repository("models/ffhq.pkl")
    (True, False)
    """
    if not NAME.fullmatch(name) or name.endswith((*ENDINGS, *FOREIGN, ".zip", ".py")):
        return False
    return not Path(name).parent.is_dir()


def read_files(folder: Path, include: Sequence[str] = ()) -> list[Path]:
    """List the files of a folder on disk that are read here, in sorted order.

    Of a folder of neither form they are all of its files. Raises WeightsError as `needed_files`.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in files]
    if not include and not {INDEX, CONFIG} & set(names):
        return files
    parts = listed_parts(read_json(folder / INDEX)) if INDEX in names else None
    return sorted(folder / name for name in needed_files(names, parts, include))


def listed_parts(index: dict[str, Any]) -> list[str]:
    """List the folders of a pipeline that are read, from the content of its model_index.json."""
    parts = []
    for name, value in index.items():
        is_part = isinstance(value, list) and len(value) == 2 and value[0] is not None
        if is_part and name not in UNUSED:
            parts.append(name)
    return parts


def needed_files(
    names: Iterable[str], parts: Sequence[str] | None, include: Sequence[str] = ()
) -> list[str]:
    """Choose the files of a repository that are read here.

    names    all files, as paths with /
    parts    folders that its model_index.json lists; None where it has none
    include  patterns of files; where given, these and nothing else

    Raises WeightsError, to be read after the repository's name, where files are missing.
    """
    paths = sorted(map(PurePosixPath, names))
    if include:
        return _included(paths, include)
    if parts is not None:
        chosen = [PurePosixPath(INDEX)]
        for part in parts:
            chosen += _part_files(paths, part)
        return list(map(str, chosen))
    if PurePosixPath(CONFIG) not in paths:
        raise WeightsError(
            f"has neither {INDEX} nor {CONFIG}, so nothing says which files are needed; name "
            "them with --include 'PATTERN'"
        )
    return list(map(str, _part_files(paths, ".")))


def _included(paths: list[PurePosixPath], patterns: Sequence[str]) -> list[str]:
    chosen: set[str] = set()
    for pattern in patterns:
        matching = [str(path) for path in paths if fnmatch(str(path), pattern)]
        if not matching:
            raise WeightsError(f"has no file '{pattern}'")
        chosen.update(matching)
    return sorted(chosen)


def _part_files(paths: list[PurePosixPath], part: str) -> list[PurePosixPath]:
    """The settings of one folder, and its weights if it is a network."""
    inside = [path for path in paths if str(path.parent) == part]
    settings = [path for path in inside if path.suffix in SETTINGS]
    if not settings:
        raise WeightsError(f"lacks {part}/")
    if CONFIG not in [path.name for path in settings]:
        return settings  # a tokenizer or a scheduler
    for stems in STEMS:
        weights = preferred_files(map(Path, inside), stems)
        if weights:
            return settings + [PurePosixPath(path) for path in weights]
    place = "" if part == "." else f" in {part}/"
    raise WeightsError(f"has no complete weights{place} (.safetensors or .bin)")
