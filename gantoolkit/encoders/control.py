"""The picture a ControlNet is shown: a one-hot mask, a mask in colours, or a scribble."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.data.labels import PALETTE
from gantoolkit.errors import UsageError
from gantoolkit.types import Condition

CLASSES = len(PALETTE)
WALL, PERSON = (120, 120, 120), (150, 5, 61)  # ADE20K colours of "wall" and "person"
PALETTES = {  # name → RGB 0..255 of every class
    "celebamask": PALETTE,
    "ade20k": (WALL,) + (PERSON,) * (CLASSES - 1),  # ADE20K knows no part of a face
}


def kind_of(channels: int, wanted: str | None) -> str:
    """'mask' or 'scribble' for a ControlNet with so many conditioning channels (3: as wanted, else mask)."""
    kind = {CLASSES: "mask", 1: "scribble"}.get(channels, wanted or "mask")
    if wanted not in (None, kind):
        raise UsageError(f"This ControlNet takes {channels} conditioning channel(s), "
                         f"which is a {kind}, not a {wanted}.")
    return kind


def palette_of(channels: int, palette: str | None) -> str:
    """The palette for a mask: one-hot for 19 channels, else `palette` (default celebamask)."""
    known = ("one-hot", *PALETTES)
    if palette is not None and palette not in known:
        raise UsageError(f"The palette '{palette}' is unknown; choose {', '.join(known)}.")
    chosen = palette or ("one-hot" if channels == CLASSES else "celebamask")
    if (chosen == "one-hot") != (channels == CLASSES):
        raise UsageError(f"The palette '{chosen}' does not fit a ControlNet with {channels} conditioning "
                         "channels.")
    return chosen


def mask_picture(mask: Tensor, palette: str) -> Tensor:
    """One-hot mask [B,19,H,W] → [B,19,H,W] itself or RGB [B,3,H,W] in 0..1."""
    if mask.shape[1] != CLASSES:
        raise UsageError(f"A mask has {CLASSES} classes, this one has {mask.shape[1]}.")
    if palette == "one-hot":
        return mask
    colours = torch.tensor(PALETTES[palette], dtype=mask.dtype, device=mask.device) / 255
    return torch.einsum("bkhw,kc->bchw", mask, colours)


def control_picture(condition: Condition, kind: str, channels: int, palette: str,
                    size: tuple[int, int]) -> Tensor:
    """[B,channels,H,W] in 0..1 at the diffusion model's image size; masks by nearest neighbour."""
    given = condition.mask if kind == "mask" else condition.scribble
    if given is None:
        raise UsageError(f"This ControlNet is conditioned on a {kind}, but the condition has none.")
    if kind == "mask":
        return mask_picture(_resize_nearest(given.float(), size), palette)
    scribble = given.float()
    if tuple(scribble.shape[-2:]) != size:
        scribble = F.interpolate(scribble, size=size, mode="bilinear", antialias=True, align_corners=False)
    return scribble.clamp(0, 1).expand(-1, channels, -1, -1)


def _resize_nearest(picture: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(picture.shape[-2:]) == size:
        return picture
    return F.interpolate(picture, size=size, mode="nearest-exact")
