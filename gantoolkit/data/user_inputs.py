"""What a user hands in (a prompt with label maps or scribbles on disk) as Conditions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import maximum_filter, minimum_filter
from torch import Tensor

from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.core.images import one_hot
from gantoolkit.core.labels import PALETTE
from gantoolkit.core.types import Camera, Condition
from gantoolkit.data.label_maps import list_images, open_image, read_label_map
from gantoolkit.data.user_scribbles import LOOKED, read_scribble

KINDS = ("mask", "scribble")
AREAS, FLAT = (
    0.05,
    0.45,
)  # of a label map's pixels at least: inside of parts, and inside of parts or background
CONTRAST = 48  # of 255, between ink and paper at least; numbered greys of labels 0 and 1 lie closer


def condition_kinds(condition: str) -> tuple[str, ...]:
    """The pictures that a run on 'mask', 'scribble' or 'both' is given."""
    return KINDS if condition == "both" else (condition,)


@dataclass(frozen=True)
class UserInput:
    """One picture of a user, or a label map with its drawing."""

    path: Path
    name: str  # unique among the inputs, safe in file names
    labels: Tensor | None = None  # [H,W] uint8
    scribble: Tensor | None = None  # [1,H,W] in 0..1
    drawing: Path | None = None  # the file of the scribble where `path` is that of the label map


def read_inputs(
    path: str | Path, kind: str, resolution: int, order: str = "celebamask"
) -> list[UserInput]:
    """The label maps (kind "mask") or drawings ("scribble") of a file or folder, at `resolution`."""
    if kind not in KINDS:
        raise UsageError(f"Unknown kind of condition '{kind}'; known: {', '.join(KINDS)}.")
    paths = list_images(path)
    if kind == "mask":
        return [
            UserInput(p, n, labels=read_mask(p, resolution, order))
            for p, n in zip(paths, names(paths))
        ]
    return [
        UserInput(p, n, scribble=read_scribble(p, resolution)) for p, n in zip(paths, names(paths))
    ]


def read_mask(path: Path, resolution: int, order: str = "celebamask") -> Tensor:
    """A label map as `read_label_map` reads it; drawings and photos whose few colours count as labels are refused."""
    if why := no_label_map(open_image(path)):
        raise DataError(
            f"{path} {why}, rather than a label map; give drawings with --scribble, and save label numbers "
            "0 to 18 as 8-bit grey PNG."
        )
    try:
        return read_label_map(path, resolution, order)
    except DataError as error:
        if path.suffix.lower() not in (".jpg", ".jpeg"):
            raise
        raise DataError(
            f"{str(error).removesuffix('.')}; save a label map as PNG, since JPEG blurs its edges, most of "
            "all below 256 pixels."
        ) from error


def no_label_map(picture: Image.Image) -> str:
    """What an opened picture of one bit or with a palette is if it is no label map; else ""."""
    if picture.mode not in ("1", "P"):
        return ""
    colours = [colour for _, colour in picture.convert("RGB").getcolors(256)]
    if picture.mode == "1" or _dark_and_light(colours) and np.asarray(picture).max() == 1:
        return "is dark and light alone, a drawing or the mask of one part"
    if set(colours) <= set(PALETTE) or min(picture.size) < LOOKED // 4:
        return ""
    small = picture.copy()
    small.thumbnail((LOOKED, LOOKED), Image.Resampling.NEAREST)
    numbers = np.asarray(small)
    flat = minimum_filter(numbers, 3) == maximum_filter(numbers, 3)
    if min(small.size) >= LOOKED // 2 and flat.mean() < FLAT:
        return "has few flat areas, as a photo in few colours"
    parts = flat & (numbers != np.bincount(numbers.flat).argmax())
    return (
        ""
        if parts.mean() >= AREAS
        else "holds lines or specks on a plain ground, as a drawing in few colours"
    )


def _dark_and_light(colours: Sequence[tuple[int, int, int]]) -> bool:
    """Whether these are two greys, as ink and paper are."""
    greys = sorted(red for red, green, blue in colours if red == green == blue)
    return len(colours) == len(greys) == 2 and greys[1] - greys[0] > CONTRAST


def read_pairs(
    mask: str | Path, scribble: str | Path, resolution: int, order: str = "celebamask"
) -> list[UserInput]:
    """Label maps with their drawings: two files, or two folders whose files are paired by name without suffix."""
    masks = read_inputs(mask, "mask", resolution, order)
    drawn = {item.name: item for item in read_inputs(scribble, "scribble", resolution)}
    if Path(mask).is_file() and Path(scribble).is_file():
        drawn = {masks[0].name: next(iter(drawn.values()))}
    ours = {item.name for item in masks}
    lonely = [
        f"{folder} has nothing named {', '.join(sorted(missing))}"
        for folder, missing in ((scribble, ours - drawn.keys()), (mask, drawn.keys() - ours))
        if missing
    ]
    if lonely:
        raise DataError(f"Masks and scribbles are paired by name: {'; '.join(lonely)}.")
    return [
        replace(item, scribble=drawn[item.name].scribble, drawing=drawn[item.name].path)
        for item in masks
    ]


def names(paths: Sequence[Path]) -> list[str]:
    """A stable name per path: its stem, with the suffix where two files share a stem; what is still equal is numbered."""
    safe = [re.sub(r"[^\w.-]+", "-", p.stem) for p in paths]
    shared = Counter(safe)
    found: dict[str, str] = {}  # in small letters, which is how some disks compare names → name
    for stem, path in zip(safe, paths):
        name = f"{stem}_{path.suffix.lstrip('.')}" if shared[stem] > 1 else stem
        name = next(
            n for n in chain([name], (f"{name}-{k}" for k in count(2))) if n.casefold() not in found
        )
        found[name.casefold()] = name
    return list(found.values())


def make_condition(
    inputs: Sequence[UserInput],
    text: str | Sequence[str],
    seeds: Iterable[int],
    camera: Camera | None = None,
) -> Condition:
    """A batch: inputs of one kind (or of both), a prompt for all or one each, a seed each."""
    prompts = (text,) * len(inputs) if isinstance(text, str) else tuple(text)
    masks = [i.labels for i in inputs if i.labels is not None]
    strokes = [i.scribble for i in inputs if i.scribble is not None]
    return Condition(
        prompts,
        one_hot(torch.stack(masks)) if masks else None,
        torch.stack(strokes) if strokes else None,
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
    """The Condition [1] of a prompt and one label map or drawing on disk, or of both."""
    if mask is None and scribble is None:
        raise UsageError("Give a mask, a scribble or both.")
    if mask is not None and scribble is not None:
        return make_condition(read_pairs(mask, scribble, resolution)[:1], text, [seed])
    kind, path = ("mask", mask) if mask is not None else ("scribble", scribble)
    return make_condition(read_inputs(path, kind, resolution)[:1], text, [seed])
