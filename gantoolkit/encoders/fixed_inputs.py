"""What a denoising network is given beside z_t and t: computed once for all steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gantoolkit.encoders.schedules import Schedule
from gantoolkit.encoders.text_encoder import EncodedPrompts

Times = tuple[int, ...] | Tensor  # the labels of steps, or one label per row [n]


@dataclass(frozen=True)
class FixedInputs:
    """What the network is given beside z_t and t: the same at every step of a trajectory."""

    prompts: EncodedPrompts  # [n]: under guidance n = 2B, the negative prompt first
    images: list[Tensor]  # what each ControlNet is shown [B,…]
    schedule: Schedule
    conditional: slice  # the rows of the prompts themselves
    times: Times  # the steps at which networks are evaluated
    prepared: Any = None  # what a family's networks make of all this, by `prepare`


def repeat_rows(image: Tensor, rows: int) -> Tensor:
    """Repeat an image [B,…] for a multiple of B rows."""
    return torch.cat([image] * (rows // len(image)))
