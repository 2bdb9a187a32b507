"""Codes that follow a prompt: per-image optimisation with text and image towers (TediGAN's instance-level step)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Follow:
    """Steps and weights: Σ text · (1 − cos) + pixels · MSE to the start's image + code · MSE to the start's codes.

    precision   'bf16' draws and judges in autocast; codes and losses stay in float32
    """

    steps: int = 40
    lr: float = 0.03
    text: float = 1.0
    pixels: float = 1.0
    code: float = 0.05
    precision: str = "fp32"


def follow_text(
    draw: Callable[[Tensor], Tensor],
    towers,
    ws: Tensor,
    texts: Sequence[str],
    first: int,
    how: Follow,
) -> Tensor:
    """ws [B,L,w_dim] whose codes from `first` on were moved; rows with an empty prompt stay as they are.

    Codes before `first` keep the structure that the mask gave (style mixing: the others are the prompt's).
    """
    told = torch.tensor([float(bool(text)) for text in texts], device=ws.device)
    if not told.any() or not how.steps:
        return ws
    fast = torch.autocast(ws.device.type, torch.bfloat16, enabled=how.precision == "bf16")
    with torch.no_grad(), fast:
        start, wanted = draw(ws).float(), towers.embed_text(list(texts)).float()
    free = ws[:, first:].clone().requires_grad_()
    optimizer = torch.optim.Adam([free], how.lr, (0.9, 0.99))
    with torch.enable_grad():
        for _ in range(how.steps):
            with fast:
                image = draw(torch.cat([ws[:, :first], free], 1))
                seen = towers.embed_image(image)
            image, away = image.float(), 1 - (seen.float() * wanted).sum(1)
            loss = how.text * away + how.pixels * (image - start).square().mean((1, 2, 3))
            loss = loss + how.code * (free - ws[:, first:]).square().mean((1, 2))
            (free.grad,) = torch.autograd.grad((told * loss).sum(), free)
            optimizer.step()
    moved = torch.where(told.bool().view(-1, 1, 1), free.detach(), ws[:, first:])
    return torch.cat([ws[:, :first], moved], 1)
