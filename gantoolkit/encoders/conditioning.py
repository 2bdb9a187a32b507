"""What a ControlNet is shown: a label map as one-hot channels or colors, or a scribble."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.core.labels import CLASSES, PALETTE
from gantoolkit.core.suggest import check_choice
from gantoolkit.core.types import Condition

WALL, PERSON = (120, 120, 120), (150, 5, 61)  # ADE20K's colors of "wall" and "person"
PALETTES = {  # name → RGB 0..255 of every class
    "celebamask": PALETTE,
    "ade20k": (WALL,) + (PERSON,) * (len(CLASSES) - 1),  # ADE20K has no parts of a face
}
KINDS = ("mask", "scribble")
KIND_BY_CHANNELS = {len(CLASSES): "mask", 1: "scribble"}
SCRIBBLE_NAMES = ("scribble", "scribbles", "softedge", "hed", "canny", "lineart")
EXPORTED = ("export", "controlnet")  # where a run leaves its ControlNet
MASK_NAMES = ("seg", "segmentation", "mask", "masks")


def condition_kind(channels: int, requested: str | None) -> str:
    """Return 'mask' or 'scribble' for a ControlNet with this many conditioning channels.

    3 channels may be either: `requested` decides, and the default is a mask.
    """
    if requested is not None:
        check_choice("condition", requested, KINDS)
    kind = KIND_BY_CHANNELS.get(channels, requested or "mask")
    if requested not in (None, kind):
        raise UsageError(
            f"This ControlNet takes {channels} conditioning channel(s), "
            f"which is a {kind}, not a {requested}."
        )
    return kind


def choose_palette(channels: int, requested: str | None) -> str:
    """Return the palette for a mask: one-hot for 19 channels, else `requested` or celebamask."""
    known = ("one-hot", *PALETTES)
    if requested is not None and requested not in known:
        raise UsageError(f"The palette '{requested}' is unknown; choose {', '.join(known)}.")
    takes_one_hot = channels == len(CLASSES)
    palette = requested or ("one-hot" if takes_one_hot else "celebamask")
    if (palette == "one-hot") != takes_one_hot:
        raise UsageError(
            f"The palette '{palette}' does not fit a ControlNet with {channels} conditioning "
            "channels."
        )
    return palette


def guess_kind(name: str) -> str | None:
    """Guess from a published ControlNet's name whether it takes a 'scribble' or a 'mask'.

    Only the last part of a path counts (of RUN/export/controlnet the run's), split at everything
    that is not a letter.

    >>> guess_kind("lllyasviel/control_v11p_sd15_seg"), guess_kind("cached/mine")
    ('mask', None)
    """
    path = Path(name)
    own_name = path.parts[-3] if path.parts[-2:] == EXPORTED and len(path.parts) > 2 else path.name
    words = set(re.split(r"[^a-z]+", own_name.lower()))
    if words.intersection(SCRIBBLE_NAMES):
        return "scribble"
    if words.intersection(MASK_NAMES):
        return "mask"
    return None


def guess_kinds(
    condition: str | Sequence[str] | None, names: Sequence[str]
) -> str | Sequence[str | None] | None:
    """Return `condition`, or where that is None what the names of ControlNets say, if any."""
    if condition is None and names:
        return [guess_kind(name) for name in names]
    return condition


def mask_image(mask: Tensor, palette: str) -> Tensor:
    """Turn a one-hot mask [B,19,H,W] into the image [B,3,H,W] in 0..1 of a palette.

    With the palette 'one-hot' the mask itself is returned.
    """
    if mask.shape[1] != len(CLASSES):
        raise UsageError(f"A mask has {len(CLASSES)} classes, this one has {mask.shape[1]}.")
    if palette == "one-hot":
        return mask
    colors = torch.tensor(PALETTES[palette], dtype=mask.dtype, device=mask.device) / 255
    return torch.einsum("bkhw,kc->bchw", mask, colors)


def control_image(
    condition: Condition, kind: str, channels: int, palette: str, size: tuple[int, int]
) -> Tensor:
    """Return what a ControlNet sees of a condition, [B,channels,H,W] in 0..1 at `size` (H, W).

    Masks are resized by nearest neighbor, scribbles with antialiasing.
    """
    source = condition.mask if kind == "mask" else condition.scribble
    if source is None:
        raise UsageError(f"This ControlNet is conditioned on a {kind}, but the condition has none.")
    source = source.float()
    resize = tuple(source.shape[-2:]) != size

    if kind == "mask":
        mask = F.interpolate(source, size=size, mode="nearest-exact") if resize else source
        return mask_image(mask, palette)
    if resize:
        source = F.interpolate(
            source, size=size, mode="bilinear", antialias=True, align_corners=False
        )
    return source.clamp(0, 1).expand(-1, channels, -1, -1)
