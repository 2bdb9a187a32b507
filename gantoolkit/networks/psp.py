"""Encoders of photographs (or label maps) into W+: pSp (Richardson et al. 2021) and e4e (Tov et al. 2021).

Tensor names follow the published checkpoints, so that they load without renaming. The mean code that the
checkpoint keeps beside its encoder is a buffer here: what `forward` returns can be drawn at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.suggest import check_choice
from gantoolkit.networks.arcface import IR_SE50, trunk
from gantoolkit.networks.map2style import EqualLinear, MapToStyle

KINDS = ("psp", "e4e", "w+", "w")
COARSE, MEDIUM = 3, 7  # styles before these indices are read off maps of 16 and 32 pixels


class PSPEncoder(nn.Module):
    """Images [B,inputs,256,256], RGB in −1..1 or one-hot labels, → ws [B,num_ws,w_dim].

    kind   "psp" (one map2style per style on a feature pyramid), "e4e" (the same, each added to the first), "w+" and
           "w" (one linear layer on the last map)
    units  (width, number of units) per stage of the IR-SE body; the last width is w_dim
    mean   rows of the mean code that is added: 0 none, 1 for all styles, num_ws for one each
    """

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
        self.num_ws, self.kind, self.inputs = num_ws, kind, inputs
        self.units = tuple((int(w), int(n)) for w, n in units)
        self.input_layer, self.body, width = trunk(self.units, inputs)
        self.w_dim = width
        self.ends = [sum(n for _, n in self.units[:stage]) - 1 for stage in (2, 3, 4)]
        self._add_head(width)
        self.register_buffer("latent_avg", torch.zeros(mean, width) if mean else None)

    def _add_head(self, width: int) -> None:
        if self.kind in ("psp", "e4e"):
            sizes = [16 if i < COARSE else 32 if i < MEDIUM else 64 for i in range(self.num_ws)]
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

    @property
    def arch(self) -> dict:
        """The constructor's arguments, for weights files."""
        return {
            "type": "PSPEncoder",
            "num_ws": self.num_ws,
            "kind": self.kind,
            "inputs": self.inputs,
            "units": [list(u) for u in self.units],
            "mean": 0 if self.latent_avg is None else len(self.latent_avg),
        }

    def features(self, images: Tensor) -> list[Tensor]:
        """Maps at 64, 32 and 16 pixels (of images of 256): the last of stages 2, 3 and 4."""
        x, found = self.input_layer(images), []
        for i, unit in enumerate(self.body):
            x = unit(x)
            found += [x] if i in self.ends else []
        return found

    def codes(self, images: Tensor) -> Tensor:
        """[B,num_ws,w_dim], without the mean code."""
        maps = self.features(images)
        if self.kind in ("psp", "e4e"):
            return self._pyramid(*maps)
        if self.kind == "w+":
            return self.linear(self.output_layer_2(maps[-1])).unflatten(
                1, (self.num_ws, self.w_dim)
            )
        return self.linear(maps[-1].mean((2, 3)))[:, None].expand(-1, self.num_ws, -1)

    def _pyramid(self, fine: Tensor, medium: Tensor, coarse: Tensor) -> Tensor:
        middle = _enlarge(coarse, medium) + self.latlayer1(medium)
        wide = _enlarge(middle, fine) + self.latlayer2(fine)
        sources = [
            coarse if i < COARSE else middle if i < MEDIUM else wide for i in range(self.num_ws)
        ]
        codes = torch.stack([style(x) for style, x in zip(self.styles, sources, strict=True)], 1)
        if self.kind == "e4e":  # every later style is an offset from the first
            codes = torch.cat([codes[:, :1], codes[:, :1] + codes[:, 1:]], 1)
        return codes

    def forward(self, images: Tensor) -> Tensor:
        codes = self.codes(images)
        return codes if self.latent_avg is None else codes + self.latent_avg


def _enlarge(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=True)
