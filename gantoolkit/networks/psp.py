"""Encoders of photographs (or label maps) into W+: pSp (Richardson et al. 2021) and e4e.

e4e is by Tov et al. 2021. Tensor names follow the published checkpoints, which load without
renaming. The mean code that a checkpoint keeps beside its encoder is a buffer here, so that what
`forward` returns can be rendered at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.suggest import check_choice
from gantoolkit.networks.arcface import IR_SE50, build_trunk
from gantoolkit.networks.map2style import EqualLinear, MapToStyle

KINDS = ("psp", "e4e", "w+", "w")
COARSE_STYLES, MEDIUM_STYLES = 3, 7  # styles before these indices come from 16 and 32 pixels


class PSPEncoder(nn.Module):
    """Encode images [B,inputs,256,256], RGB in −1..1 or one-hot labels, as ws [B,num_ws,w_dim].

    num_ws  style codes of the generator
    kind    "psp" (one map2style per style on a feature pyramid), "e4e" (the same, each added to the
            first), "w+" and "w" (one linear layer on the last map)
    inputs  channels of an image
    units   (width, number of units) per stage of the IR-SE body; the last width is w_dim
    mean    rows of the mean code that is added: 0 none, 1 for all styles, num_ws for one each
    """

    resolution = 256  # pixels per side of its images

    def __init__(
        self,
        num_ws: int = 18,
        kind: str = "psp",
        inputs: int = 3,
        units: Sequence[Sequence[int]] = IR_SE50,
        mean: int = 0,
    ):
        super().__init__()
        check_choice("kind", kind, KINDS)
        self.num_ws = num_ws
        self.kind = kind
        self.inputs = inputs
        self.units = tuple((int(width), int(count)) for width, count in units)
        self.input_layer, self.body, self.w_dim = build_trunk(self.units, inputs)
        counts = [count for _, count in self.units]
        self.code_shape = (num_ws, self.w_dim)
        self.stage_ends = [sum(counts[:stage]) - 1 for stage in (2, 3, 4)]
        self._add_head(self.w_dim)
        self.register_buffer("latent_avg", torch.zeros(mean, self.w_dim) if mean else None)

    def _add_head(self, width: int) -> None:
        if self.kind in ("psp", "e4e"):
            sizes = self._per_style(coarse=16, medium=32, fine=64)
            self.styles = nn.ModuleList(MapToStyle(width, size, width) for size in sizes)
            self.latlayer1 = nn.Conv2d(self.units[2][0], width, 1)
            self.latlayer2 = nn.Conv2d(self.units[1][0], width, 1)
        elif self.kind == "w+":
            self.output_layer_2 = nn.Sequential(
                nn.BatchNorm2d(width),
                nn.AdaptiveAvgPool2d(7),
                nn.Flatten(),
                nn.Linear(width * 49, width),
            )
            self.linear = EqualLinear(width, width * self.num_ws)
        else:
            self.linear = EqualLinear(width, width)

    def _per_style(self, coarse, medium, fine) -> list:
        """List one value per style, by the map that the style is read off."""
        values = [coarse] * COARSE_STYLES + [medium] * (MEDIUM_STYLES - COARSE_STYLES)
        values += [fine] * max(0, self.num_ws - MEDIUM_STYLES)
        return values[: self.num_ws]

    @property
    def arch(self) -> dict:
        """Return the constructor's arguments, for weights files."""
        return {
            "type": "PSPEncoder",
            "num_ws": self.num_ws,
            "kind": self.kind,
            "inputs": self.inputs,
            "units": [list(unit) for unit in self.units],
            "mean": 0 if self.latent_avg is None else len(self.latent_avg),
        }

    def features(self, images: Tensor) -> list[Tensor]:
        """Return maps at 64, 32 and 16 pixels (of images of 256): the last of stages 2, 3 and 4."""
        x = self.input_layer(images)
        maps = []
        for index, unit in enumerate(self.body):
            x = unit(x)
            if index in self.stage_ends:
                maps.append(x)
        return maps

    def codes(self, images: Tensor) -> Tensor:
        """Return codes [B,num_ws,w_dim], without the mean code."""
        fine, medium, coarse = self.features(images)
        if self.kind in ("psp", "e4e"):
            return self._pyramid(fine, medium, coarse)
        if self.kind == "w+":
            codes = self.linear(self.output_layer_2(coarse))
            return codes.unflatten(1, (self.num_ws, self.w_dim))
        code = self.linear(coarse.mean((2, 3)))
        return code[:, None].expand(-1, self.num_ws, -1)

    def _pyramid(self, fine: Tensor, medium: Tensor, coarse: Tensor) -> Tensor:
        medium = _resize_like(coarse, medium) + self.latlayer1(medium)
        fine = _resize_like(medium, fine) + self.latlayer2(fine)
        sources = self._per_style(coarse, medium, fine)
        codes = [to_style(x) for to_style, x in zip(self.styles, sources, strict=True)]
        codes = torch.stack(codes, 1)
        if self.kind == "e4e":  # every later style is an offset from the first
            first, offsets = codes[:, :1], codes[:, 1:]
            codes = torch.cat([first, first + offsets], 1)
        return codes

    def forward(self, images: Tensor) -> Tensor:
        codes = self.codes(images)
        return codes if self.latent_avg is None else codes + self.latent_avg


def _resize_like(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=True)
