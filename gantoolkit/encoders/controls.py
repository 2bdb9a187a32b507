"""ControlNets and the picture that each is shown: a one-hot mask, a mask in colours, or a scribble."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.errors import UsageError
from gantoolkit.core.labels import CLASSES, PALETTE
from gantoolkit.core.types import Condition

WALL, PERSON = (120, 120, 120), (150, 5, 61)  # ADE20K colours of "wall" and "person"
PALETTES = {  # name → RGB 0..255 of every class
    "celebamask": PALETTE,
    "ade20k": (WALL,) + (PERSON,) * (len(CLASSES) - 1),  # ADE20K knows no part of a face
}


def kind_of(channels: int, wanted: str | None) -> str:
    """'mask' or 'scribble' for a ControlNet with so many conditioning channels (3: as wanted, else mask)."""
    kind = {len(CLASSES): "mask", 1: "scribble"}.get(channels, wanted or "mask")
    if wanted not in (None, kind):
        raise UsageError(
            f"This ControlNet takes {channels} conditioning channel(s), "
            f"which is a {kind}, not a {wanted}."
        )
    return kind


def palette_of(channels: int, palette: str | None) -> str:
    """The palette for a mask: one-hot for 19 channels, else `palette` (default celebamask)."""
    known = ("one-hot", *PALETTES)
    if palette is not None and palette not in known:
        raise UsageError(f"The palette '{palette}' is unknown; choose {', '.join(known)}.")
    chosen = palette or ("one-hot" if channels == len(CLASSES) else "celebamask")
    if (chosen == "one-hot") != (channels == len(CLASSES)):
        raise UsageError(
            f"The palette '{chosen}' does not fit a ControlNet with {channels} conditioning "
            "channels."
        )
    return chosen


def mask_picture(mask: Tensor, palette: str) -> Tensor:
    """One-hot mask [B,19,H,W] → [B,19,H,W] itself or RGB [B,3,H,W] in 0..1."""
    if mask.shape[1] != len(CLASSES):
        raise UsageError(f"A mask has {len(CLASSES)} classes, this one has {mask.shape[1]}.")
    if palette == "one-hot":
        return mask
    colours = torch.tensor(PALETTES[palette], dtype=mask.dtype, device=mask.device) / 255
    return torch.einsum("bkhw,kc->bchw", mask, colours)


def control_picture(
    condition: Condition, kind: str, channels: int, palette: str, size: tuple[int, int]
) -> Tensor:
    """[B,channels,H,W] in 0..1 at the diffusion model's image size; masks by nearest neighbour."""
    given = condition.mask if kind == "mask" else condition.scribble
    if given is None:
        raise UsageError(f"This ControlNet is conditioned on a {kind}, but the condition has none.")
    if kind == "mask":
        return mask_picture(_resize_nearest(given.float(), size), palette)
    scribble = given.float()
    if tuple(scribble.shape[-2:]) != size:
        scribble = F.interpolate(
            scribble, size=size, mode="bilinear", antialias=True, align_corners=False
        )
    return scribble.clamp(0, 1).expand(-1, channels, -1, -1)


def _resize_nearest(picture: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(picture.shape[-2:]) == size:
        return picture
    return F.interpolate(picture, size=size, mode="nearest-exact")


class Control(nn.Module):
    """One ControlNet with the kind of condition, the palette and the strength that it is used with."""

    def __init__(
        self, network: nn.Module, condition: str | None, palette: str | None, strength: float
    ):
        super().__init__()
        self.network, self.strength = network, strength
        self.channels = network.config.conditioning_channels
        self.kind = kind_of(self.channels, condition)
        self.palette = palette_of(self.channels, palette) if self.kind == "mask" else "one-hot"

    def picture(self, condition: Condition, size: tuple[int, int]) -> Tensor:
        """What this ControlNet sees of a condition [B,channels,H,W]."""
        return control_picture(condition, self.kind, self.channels, self.palette, size)

    def forward(
        self, latents: Tensor, t: Tensor, embedding: Tensor, picture: Tensor
    ) -> tuple[list[Tensor], Tensor]:
        """(residuals of the down blocks, residual of the mid block)."""
        return self.network(
            latents,
            t,
            embedding,
            controlnet_cond=picture,
            conditioning_scale=self.strength,
            return_dict=False,
        )


def controls(networks: Sequence[nn.Module], condition, palette, strength) -> nn.ModuleList:
    """Each ControlNet with its settings; one value stands for all, a list gives one each."""
    count = len(networks)

    def each(name: str, value) -> list:
        values = list(value) if isinstance(value, (list, tuple)) else [value] * count
        if len(values) != count:
            raise UsageError(f"{name} lists {len(values)} values for {count} ControlNets.")
        return values

    columns = zip(
        networks, each("condition", condition), each("palette", palette), each("strength", strength)
    )
    return nn.ModuleList(Control(*column) for column in columns)


def add_up(found: Sequence[tuple[list[Tensor], Tensor]]) -> tuple[list[Tensor], Tensor]:
    """The sums of the residuals of several ControlNets."""
    (down, mid), *others = found
    for more, middle in others:
        down, mid = [a + b for a, b in zip(down, more)], mid + middle
    return down, mid


def kind_by_name(name: str) -> str | None:
    """What a published ControlNet's name says that it is shown: 'scribble', 'mask' or None."""
    name = str(name).lower()
    if any(word in name for word in ("scribble", "softedge", "hed", "canny", "lineart")):
        return "scribble"
    return "mask" if "seg" in name or "mask" in name else None
