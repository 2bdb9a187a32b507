"""Inversion by optimization: the codes in W+ whose render comes closest to given images."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gantoolkit.core.types import Camera


def invert(
    generator,
    images: Tensor,
    camera: Camera | Tensor | None = None,
    steps: int = 300,
    lr: float = 0.05,
    perceptual: Callable[[Tensor, Tensor], Tensor] | None = None,
    anchor: float = 0.0,
) -> Tensor:
    """Find codes ws [B,num_ws,w_dim] of `images` [B,3,R,R] in −1..1 by Adam, from mean_w.

    The loss is MSE + perceptual + anchor·mean|ws − w̄|². Renders are deterministic, so the result
    is a function of the arguments.

    generator   should be frozen
    camera      where a 3D generator renders from
    steps, lr   of Adam; the learning rate rises over the first twentieth of the steps, and falls
                over the last quarter
    perceptual  (images, targets) → distances, of which the mean is taken
    anchor      weight of the distance to the mean code
    """
    mean_w = generator.mean_w.detach()
    ws = mean_w.expand(len(images), generator.num_ws, -1).clone().requires_grad_()
    optimizer = torch.optim.Adam([ws], lr, (0.9, 0.99))
    with torch.enable_grad():
        for step in range(steps):
            progress = step / max(1, steps)
            warmup = (progress + 1 / steps) / 0.05
            cooldown = (1 - progress) / 0.25
            optimizer.param_groups[0]["lr"] = lr * min(1.0, warmup, cooldown)

            image = generator.render(ws, camera, noise="const", deterministic=True).image
            loss = (image - images).square().mean((1, 2, 3)).sum()
            loss = loss + anchor * (ws - mean_w).square().mean((1, 2)).sum()
            if perceptual is not None:
                loss = loss + perceptual(image, images).mean() * len(images)
            (ws.grad,) = torch.autograd.grad(loss, ws)
            optimizer.step()
    return ws.detach()
