"""ControlNets beside a U-Net, each with what it is shown, its palette and its scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import check_choice
from gantoolkit.core.types import Condition
from gantoolkit.encoders import conditioning
from gantoolkit.encoders.fixed_inputs import Times, repeat_rows
from gantoolkit.encoders.frozen_unet import FrozenControlNet, Told

UNION_TYPES = {  # what pictures a ControlNet-Union is shown → their number
    "openpose": 0,
    "depth": 1,
    "scribble": 2,
    "lineart": 3,
    "normal": 4,
    "segment": 5,
    "tile": 6,
    "repaint": 7,
}
TYPE_BY_KIND = {"mask": "segment", "scribble": "scribble"}


class ConditionedControlNet(nn.Module):
    """A ControlNet with the kind of condition, the palette and the scale that it is used with.

    network             diffusers' ControlNetModel
    condition           'mask' or 'scribble'; None: what its conditioning channels say
    palette             colors of a mask; None: one-hot for 19 channels, else celebamask
    conditioning_scale  factor of its residuals
    """

    def __init__(
        self,
        network: nn.Module,
        condition: str | None,
        palette: str | None,
        conditioning_scale: float,
    ):
        super().__init__()
        self.network = network
        self.frozen = FrozenControlNet(network)
        self.conditioning_scale = conditioning_scale
        self.channels = network.config.conditioning_channels
        self.kind = conditioning.condition_kind(self.channels, condition)
        self.palette = (
            conditioning.choose_palette(self.channels, palette)
            if self.kind == "mask"
            else "one-hot"
        )

    def control_image(self, condition: Condition, size: tuple[int, int]) -> Tensor:
        """Return what this ControlNet sees of a condition, [B,channels,H,W] in 0..1."""
        return conditioning.control_image(condition, self.kind, self.channels, self.palette, size)

    def prepare(self, times: Times, told: Told, image: Tensor) -> Any:
        """Compute what stays the same over the steps `times`; image: a `control_image` [B].

        What is told has B rows, or a multiple of it.
        """
        embedded = self.frozen.embed(image)
        return self.frozen.prepare(times, told), repeat_rows(embedded, len(told.text))

    def forward(
        self, latents: Tensor, t: int | Tensor, prepared: Any
    ) -> tuple[list[Tensor], Tensor]:
        """Return the residuals of the down blocks, and that of the mid block.

        latents [n,4,h,w], t of the prepared steps
        """
        down, mid = self.frozen(latents, t, *prepared)
        scale = self.conditioning_scale
        if scale == 1:
            return down, mid
        return [scale * residual for residual in down], scale * mid


class ConditionedUnion(ConditionedControlNet):
    """A ControlNet-Union: one network for pictures of several types, told of which it is shown.

    network    diffusers' ControlNetUnionModel
    condition  'mask', 'scribble', or 'both' for two pictures at once; None: a mask

    Its `types` are the numbers of the types that its pictures have. The scale multiplies the
    residuals of one picture, but the features of each of several pictures, as in diffusers, whose
    own forward pass evaluates it.
    """

    def __init__(
        self,
        network: nn.Module,
        condition: str | None,
        palette: str | None,
        conditioning_scale: float,
    ):
        is_both = condition == "both"
        super().__init__(network, None if is_both else condition, palette, conditioning_scale)
        self.kind = "both" if is_both else self.kind
        self.types = tuple(UNION_TYPES[TYPE_BY_KIND[kind]] for kind in self.kinds)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of its pictures."""
        return ("mask", "scribble") if self.kind == "both" else (self.kind,)

    def choose_types(self, names: Sequence[str]) -> None:
        """Replace `types` by those of these names."""
        for name in names:
            check_choice("control_type", name, UNION_TYPES)
        if len(names) != len(self.kinds):
            raise UsageError(
                f"control_type names {len(names)} types for {len(self.kinds)} picture(s) of a "
                "ControlNet-Union."
            )
        self.types = tuple(UNION_TYPES[name] for name in names)

    def control_image(self, condition: Condition, size: tuple[int, int]) -> Tensor:
        """Return its pictures of a condition one after the other, [B,3 or 6,R,R] in 0..1."""
        palette = self.palette
        pictures = [
            conditioning.control_image(condition, kind, self.channels, palette, size)
            for kind in self.kinds
        ]
        return torch.cat(pictures, 1)

    def prepare(self, times: Times, told: Told, image: Tensor) -> Any:
        """Repeat the pictures [B] for all rows."""
        return told, repeat_rows(image, len(told.text))

    def forward(
        self, latents: Tensor, t: int | Tensor, prepared: Any
    ) -> tuple[list[Tensor], Tensor]:
        """Return residuals as ConditionedControlNet does."""
        told, image = prepared
        chosen = latents.new_zeros(len(latents), self.network.config.num_control_type)
        chosen[:, list(self.types)] = 1
        return self.network(
            latents,
            t,
            told.text,
            controlnet_cond=list(image.split(self.channels, 1)),
            control_type=chosen,
            control_type_idx=list(self.types),
            conditioning_scale=[self.conditioning_scale] * len(self.types),
            added_cond_kwargs={"text_embeds": told.pooled, "time_ids": told.sizes},
            return_dict=False,
        )


def condition_controlnets(
    model: Any,
    condition,
    palette,
    conditioning_scale,
    make: Callable[..., nn.Module] | None = None,
) -> nn.ModuleList:
    """Give each ControlNet its settings; a single value stands for all, a list gives one each.

    model  holds `controlnets`, and `controlnet_names`, which say the condition where that is None
    make  (network, condition, palette, conditioning_scale) → module; None: of U-Nets' ControlNets
    """
    make = make or _conditioned
    condition = conditioning.guess_kinds(condition, model.controlnet_names)
    networks = model.controlnets
    count = len(networks)

    def one_each(name: str, setting) -> list:
        values = list(setting) if isinstance(setting, (list, tuple)) else [setting] * count
        if len(values) != count:
            raise UsageError(f"{name} lists {len(values)} values for {count} ControlNets.")
        return values

    settings = zip(
        networks,
        one_each("condition", condition),
        one_each("palette", palette),
        one_each("conditioning_scale", conditioning_scale),
    )
    return nn.ModuleList(make(*each) for each in settings)


def _conditioned(network: nn.Module, *settings) -> ConditionedControlNet:
    """A ControlNet of either class with its settings."""
    is_union = type(network).__name__ == "ControlNetUnionModel"
    return (ConditionedUnion if is_union else ConditionedControlNet)(network, *settings)


def sum_residuals(
    residuals: Sequence[tuple[list[Tensor], Tensor]],
) -> tuple[list[Tensor], Tensor]:
    """Add up the (down, mid) residuals of several ControlNets."""
    (down, mid), *others = residuals
    for other_down, other_mid in others:
        down = [a + b for a, b in zip(down, other_down)]
        mid = mid + other_mid
    return down, mid
