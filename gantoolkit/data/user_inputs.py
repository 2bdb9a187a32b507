"""What a user hands in (a prompt with label maps or scribbles on disk) as Conditions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import maximum_filter, minimum_filter
from torch import Tensor

from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.core.images import one_hot
from gantoolkit.core.labels import PALETTE
from gantoolkit.core.suggest import check_choice
from gantoolkit.core.types import Camera, Condition
from gantoolkit.data.image_files import list_images, open_image
from gantoolkit.data.label_maps import read_label_map
from gantoolkit.data.user_scribbles import LOOK_SIZE, read_scribble

KINDS = ("mask", "scribble")
Color = tuple[int, int, int]  # RGB 0..255
PART_AREAS = 0.05  # least share of a label map's pixels that lie inside of parts
FLAT_AREAS = 0.45  # least share of a label map's pixels that lie inside of parts or background
CONTRAST = 48  # of 255, least between ink and paper; numbered grays of labels 0 and 1 lie closer


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
            inputs.append(UserInput(file, name, labels=read_mask(file, resolution, order)))
        else:
            inputs.append(UserInput(file, name, scribble=read_scribble(file, resolution)))
    return inputs


def read_mask(path: Path, resolution: int, order: str = "celebamask") -> Tensor:
    """Read a label map; drawings and photos whose few colors pass for labels are refused."""
    if reason := explain_not_label_map(open_image(path)):
        raise DataError(
            f"{path} {reason}, rather than a label map; give drawings with --scribble, and save "
            "label numbers 0 to 18 as 8-bit gray PNG."
        )
    try:
        return read_label_map(path, resolution, order)
    except DataError as error:
        if path.suffix.lower() not in (".jpg", ".jpeg"):
            raise
        raise DataError(
            f"{str(error).removesuffix('.')}; save a label map as PNG, since JPEG blurs its edges, "
            "most of all below 256 pixels."
        ) from error


def explain_not_label_map(image: Image.Image) -> str:
    """Say what an image of one bit or with a palette is if it is not a label map; else ""."""
    if image.mode not in ("1", "P"):
        return ""
    counted = cast(list[tuple[int, Color]], image.convert("RGB").getcolors(256))
    colors = [color for _, color in counted]
    is_ink_on_paper = _is_dark_and_light(colors) and np.asarray(image).max() == 1
    if image.mode == "1" or is_ink_on_paper:
        return "is only dark and light, a drawing or the mask of one part"
    if set(colors) <= set(PALETTE) or min(image.size) < LOOK_SIZE // 4:
        return ""

    small = image.copy()
    small.thumbnail((LOOK_SIZE, LOOK_SIZE), Image.Resampling.NEAREST)
    indices = np.asarray(small)
    is_flat = minimum_filter(indices, 3) == maximum_filter(indices, 3)
    if min(small.size) >= LOOK_SIZE // 2 and is_flat.mean() < FLAT_AREAS:
        return "has few flat areas, as a photo in few colors"
    background = np.bincount(indices.flat).argmax()
    is_part = is_flat & (indices != background)
    if is_part.mean() < PART_AREAS:
        return "holds lines or specks on a plain ground, as a drawing in few colors"
    return ""


def _is_dark_and_light(colors: Sequence[Color]) -> bool:
    """Whether these are two grays, as ink and paper are."""
    grays = sorted(red for red, green, blue in colors if red == green == blue)
    return len(colors) == len(grays) == 2 and grays[1] - grays[0] > CONTRAST


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
    stems = [re.sub(r"[^\w.-]+", "-", path.stem) for path in paths]
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
