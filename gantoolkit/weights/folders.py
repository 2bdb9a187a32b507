"""Weights in a folder as diffusers and transformers write them: which files, and their tensors.

    STEM.safetensors                        STEM.bin
    STEM.VARIANT.safetensors                STEM.VARIANT.bin
    STEM-00001-of-00002.safetensors         STEM.VARIANT-00001-of-00002.safetensors, …

Full precision comes before half, safetensors before .bin, one file before several. What is not
read is said, once per folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from gantoolkit.core.errors import WeightsError, warn
from gantoolkit.weights.recognize import refuse_damaged
from gantoolkit.weights.state_dict import shorten

if TYPE_CHECKING:
    from torch import Tensor

ENDINGS = (".safetensors", ".bin")  # the first is preferred
FOREIGN = (".pt", ".pth", ".ckpt", ".msgpack", ".h5", ".onnx", ".gguf", ".pkl")  # never read here
VARIANTS = ("", "fp16", "bf16")  # the first is preferred; others come last
SHARD = r"-(\d+)-of-(\d+)"


@dataclass(frozen=True)
class WeightsFile:
    """One file of weights, by the parts of its name."""

    path: Path
    ending: str
    variant: str  # "" is full precision
    shard: int  # from 1; 0: all tensors are in this file
    shards: int  # 0: not sharded

    @property
    def form(self) -> tuple[int, str, int, int]:
        """What files of one set of tensors share, in the order of preference."""
        rank = VARIANTS.index(self.variant) if self.variant in VARIANTS else len(VARIANTS)
        return rank, self.variant, ENDINGS.index(self.ending), self.shards


def parse_name(path: Path, stems: Sequence[str]) -> WeightsFile | None:
    """Read the parts of a name; None where it is not that of weights with one of these stems.

    >>> parse_name(Path("model.fp16-00002-of-00003.safetensors"), ["model"]).shard
    2
    """
    for stem in stems:
        pattern = rf"{re.escape(stem)}(?:\.(\w+))??(?:{SHARD})?(?:\.(\w+))?(\.safetensors|\.bin)"
        match = re.fullmatch(pattern, path.name)
        if match:
            before, shard, shards, after, ending = match.groups()
            if before and after:
                return None
            variant = before or after or ""
            return WeightsFile(path, ending, variant, int(shard or 0), int(shards or 0))
    return None


def choose_files(folder: Path, stems: Sequence[str]) -> list[Path]:
    """Choose the file, or all shards, that hold the weights of a folder; says what is ignored.

    stems  names of the weights without endings

    Raises WeightsError where none are complete.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file())
    chosen = preferred_files(files, stems)
    if not chosen:
        raise WeightsError(_describe_absence(folder, stems, group_sets(files, stems), files))

    weights = [path for path in files if path.suffix in (*ENDINGS, *FOREIGN)]
    ignored = [path.name for path in weights if path not in chosen]
    if ignored:
        _say_ignored(folder, chosen[0].name, tuple(ignored))
    return chosen


def preferred_files(files: Iterable[Path], stems: Sequence[str]) -> list[Path]:
    """Choose among the files of one folder by their names; [] where no set is complete."""
    sets = group_sets(files, stems)
    complete = [form for form, members in sets.items() if not _missing_shards(members)]
    return [member.path for member in sets[min(complete)]] if complete else []


def group_sets(files: Iterable[Path], stems: Sequence[str]) -> dict[tuple, list[WeightsFile]]:
    """Group files of weights into sets that hold the same tensors, by their form."""
    sets: dict[tuple, list[WeightsFile]] = {}
    for path in files:
        parsed = parse_name(path, stems)
        if parsed:
            sets.setdefault(parsed.form, []).append(parsed)
    return sets


def _missing_shards(members: list[WeightsFile]) -> list[int]:
    have = {member.shard for member in members}
    return [shard for shard in range(1, members[0].shards + 1) if shard not in have]


def _describe_absence(folder: Path, stems: Sequence[str], sets: dict, files: list[Path]) -> str:
    """Say why a folder has no complete weights."""
    if sets:
        members = sets[min(sets)]
        missing = ", ".join(map(str, _missing_shards(members)))
        return (
            f"{folder} lacks shard {missing} of {members[0].shards} beside "
            f"{members[0].path.name}; fetch what is missing."
        )
    names = " or ".join(f"{stem}{ending}" for stem in stems for ending in ENDINGS)
    indexes = [path.name for path in files if ".index" in path.name]
    if indexes:
        return f"{folder} has {indexes[0]} and none of the files that it lists; fetch them."
    others = [path.name for path in files if path.suffix in (*ENDINGS, *FOREIGN)]
    has = f"; it has {shorten(others)}, which is not read here" if others else ""
    return f"{folder} has no weights ({names}){has}."


@lru_cache
def _say_ignored(folder: Path, chosen: str, ignored: tuple[str, ...]) -> None:
    """Say once what is not read."""
    warn(f"{folder}: {chosen} is read; ignored: {shorten(ignored, 5)}.")


def read_folder(folder: Path, stems: Sequence[str]) -> tuple[dict[str, Tensor], Path]:
    """Read the tensors of a folder in float32, and the (first) file that they are from."""
    paths = choose_files(folder, stems)
    state: dict[str, Tensor] = {}
    for path in paths:
        for key, value in read_tensors(path).items():
            if key in state:
                raise WeightsError(f"{path} and another shard both hold {key}; fetch them again.")
            state[key] = value.float() if value.is_floating_point() else value
    return state, paths[0]


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read the state dict of one .safetensors or .bin file as it is; nothing in it is executed."""
    import torch
    from safetensors import SafetensorError, safe_open

    refuse_damaged(path)
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as file:
                keys = file.keys()  # safe_open is not iterable itself
                return {key: file.get_tensor(key) for key in keys}
        content = torch.load(path, "cpu", weights_only=True)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is not a readable safetensors file ({error}).") from None
    except Exception as error:  # whatever a damaged file leads torch to
        reason = " ".join(str(error).split())[:120]
        raise WeightsError(
            f"{path} is damaged, or not a plain state dict ({type(error).__name__}: {reason}); "
            "fetch it again."
        ) from None
    if not isinstance(content, dict):
        raise WeightsError(f"{path} holds a {type(content).__name__}, not a state dict.")
    content = content.get("state_dict", content)
    return {key: value for key, value in content.items() if isinstance(value, torch.Tensor)}
