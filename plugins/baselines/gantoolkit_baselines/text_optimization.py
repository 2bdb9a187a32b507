"""Codes that follow a prompt: optimization per image with text and image towers (TediGAN)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gantoolkit.core import precision

BETAS = (0.9, 0.99)


@dataclass(frozen=True)
class TextOptimization:
    """How codes are moved towards a prompt: steps and weights.

    L = text · (1 − cos) + pixels · MSE to the initial image + code · MSE to the initial codes
    """

    steps: int = 40
    lr: float = 0.03
    text: float = 1.0  # weight of the distance between image and prompt
    pixels: float = 1.0  # weight of the distance to the initial image
    code: float = 0.05  # weight of the distance to the initial codes
    precision: str = "fp32"  # 'bf16' renders and embeds in autocast; codes and losses stay float32


def optimize_text(
    render: Callable[[Tensor], Tensor],
    towers,
    ws: Tensor,
    texts: Sequence[str],
    first_layer: int,
    options: TextOptimization,
) -> Tensor:
    """Move the codes ws [B,L,w_dim] from `first_layer` on towards the prompts.

    Rows with an empty prompt stay as they are. Codes before `first_layer` keep the structure that
    the mask gave (style mixing).

    render       codes → images [B,3,R,R] in −1..1
    towers       with `embed_text` and `embed_image`, unit vectors
    texts        B prompts
    """
    has_prompt = torch.tensor([float(bool(text)) for text in texts], device=ws.device)
    if not has_prompt.any() or not options.steps:
        return ws
    autocast = precision.autocast(options.precision, ws.device.type)
    with torch.no_grad(), autocast:
        initial_image = render(ws).float()
        text_embedding = towers.embed_text(list(texts)).float()

    fixed = ws[:, :first_layer]
    initial = ws[:, first_layer:]
    free = initial.clone().requires_grad_()
    optimizer = torch.optim.Adam([free], options.lr, BETAS)
    with torch.enable_grad():
        for _ in range(options.steps):
            with autocast:
                image = render(torch.cat([fixed, free], 1))
                image_embedding = towers.embed_image(image)
            text_distance = 1 - (image_embedding.float() * text_embedding).sum(1)
            image_distance = (image.float() - initial_image).square().mean((1, 2, 3))
            loss = options.text * text_distance + options.pixels * image_distance
            loss = loss + options.code * (free - initial).square().mean((1, 2))
            (free.grad,) = torch.autograd.grad((has_prompt * loss).sum(), free)
            optimizer.step()
    moved = torch.where(has_prompt.bool().view(-1, 1, 1), free.detach(), initial)
    return torch.cat([fixed, moved], 1)
