"""What a user hands in (a prompt with label maps or scribbles on disk) as Conditions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.core.images import one_hot
from gantoolkit.core.suggest import check_choice
from gantoolkit.core.text import check_text, normal_name
from gantoolkit.core.types import Camera, Condition
from gantoolkit.data.image_files import list_images
from gantoolkit.data.label_maps import read_label_map
from gantoolkit.data.user_scribbles import read_scribble

KINDS = ("mask", "scribble")


def condition_kinds(condition: str) -> tuple[str, ...]:
    """List the kinds of images that a run on 'mask', 'scribble' or 'both' is given."""
    return KINDS if condition == "both" else (condition,)


@dataclass(frozen=True)
class UserInput:
    """One image of a user, or a label map with its drawing."""

    path: Path
    name: str  # unique among the inputs, safe in file names
    labels: Tensor | None = None  # [H,W] uint8
    scribble: Tensor | None = None  # [1,H,W] in 0..1
    drawing: Path | None = None  # the file of the scribble where `path` is that of the label map


def read_inputs(
    path: str | Path, kind: str, resolution: int, order: str = "celebamask"
) -> list[UserInput]:
    """Read a file or folder of label maps (kind "mask") or drawings ("scribble")."""
    check_choice("kind", kind, KINDS)
    inputs = []
    paths = list_images(path)
    for file, name in zip(paths, unique_names(paths), strict=True):
        if kind == "mask":
            inputs.append(UserInput(file, name, labels=read_label_map(file, resolution, order)))
        else:
            inputs.append(UserInput(file, name, scribble=read_scribble(file, resolution)))
    return inputs


def read_pairs(
    mask: str | Path, scribble: str | Path, resolution: int, order: str = "celebamask"
) -> list[UserInput]:
    """Read label maps with their drawings: two files, or two folders paired by stem."""
    masks = read_inputs(mask, "mask", resolution, order)
    drawings = {item.name: item for item in read_inputs(scribble, "scribble", resolution)}
    if Path(mask).is_file() and Path(scribble).is_file():
        drawings = {masks[0].name: next(iter(drawings.values()))}

    mask_names = {item.name for item in masks}
    unpaired = []
    for folder, missing in (
        (scribble, mask_names - drawings.keys()),
        (mask, drawings.keys() - mask_names),
    ):
        if missing:
            unpaired.append(f"{folder} has nothing named {', '.join(sorted(missing))}")
    if unpaired:
        raise DataError(f"Masks and scribbles are paired by name: {'; '.join(unpaired)}.")

    pairs = []
    for item in masks:
        drawing = drawings[item.name]
        pairs.append(replace(item, scribble=drawing.scribble, drawing=drawing.path))
    return pairs


def unique_names(paths: Sequence[Path]) -> list[str]:
    """Name each path by its stem, with the suffix where files share a stem.

    What is still equal is numbered.
    """
    stems = [re.sub(r"[^\w.-]+", "-", normal_name(path.stem)) for path in paths]
    uses = Counter(stems)
    names: dict[str, str] = {}  # keys in small letters, which is how some disks compare names
    for stem, path in zip(stems, paths, strict=True):
        base = f"{stem}_{path.suffix.lstrip('.')}" if uses[stem] > 1 else stem
        name = base
        number = 2
        while name.casefold() in names:
            name = f"{base}-{number}"
            number += 1
        names[name.casefold()] = name
    return list(names.values())


def make_condition(
    inputs: Sequence[UserInput],
    text: str | Sequence[str],
    seeds: Iterable[int],
    camera: Camera | None = None,
) -> Condition:
    """Batch inputs of one kind (or of both) with a prompt for all or one each, and a seed each."""
    prompts = (text,) * len(inputs) if isinstance(text, str) else tuple(text)
    for prompt in prompts:
        check_text(prompt, "The prompt", UsageError)
    masks = [item.labels for item in inputs if item.labels is not None]
    scribbles = [item.scribble for item in inputs if item.scribble is not None]
    return Condition(
        prompts,
        one_hot(torch.stack(masks)) if masks else None,
        torch.stack(scribbles) if scribbles else None,
        camera,
        torch.tensor(list(seeds)),
    )


def read_condition(
    text: str,
    mask: str | Path | None = None,
    scribble: str | Path | None = None,
    resolution: int = 64,
    seed: int = 0,
) -> Condition:
    """Read the Condition [1] of a prompt and one label map or drawing on disk, or of both.

    resolution  pixels per side, as the pipeline takes them (`pipeline.resolution`)
    seed        of the pipeline's noise
    """
    if mask is not None and scribble is not None:
        inputs = read_pairs(mask, scribble, resolution)
    elif mask is not None:
        inputs = read_inputs(mask, "mask", resolution)
    elif scribble is not None:
        inputs = read_inputs(scribble, "scribble", resolution)
    else:
        raise UsageError("Give a mask, a scribble or both.")
    return make_condition(inputs[:1], text, [seed])
