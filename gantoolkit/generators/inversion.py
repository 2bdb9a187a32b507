"""Inversion by optimisation: the codes in W+ whose render comes closest to given images."""

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
    """ws [B,num_ws,w_dim], from mean_w by Adam on MSE + perceptual + anchor·mean|ws − w̄|².

    images [B,3,R,R] in −1..1; perceptual(image, target) gives distances, averaged. The generator should be
    frozen. The learning rate rises over the first twentieth and falls over the last quarter; renders are
    deterministic, so the result is a function of the arguments.
    """
    mean = generator.mean_w.detach()
    ws = mean.expand(len(images), generator.num_ws, -1).clone().requires_grad_()
    optimizer = torch.optim.Adam([ws], lr, (0.9, 0.99))
    with torch.enable_grad():
        for step in range(steps):
            done = step / max(1, steps)
            optimizer.param_groups[0]["lr"] = lr * min(
                1.0, (done + 1 / steps) / 0.05, (1 - done) / 0.25
            )
            image = generator.render(ws, camera, noise="const", deterministic=True).image
            loss = (image - images).square().mean((1, 2, 3)).sum()
            loss = loss + anchor * (ws - mean).square().mean((1, 2)).sum()
            if perceptual is not None:
                loss = loss + perceptual(image, images).mean() * len(images)
            (ws.grad,) = torch.autograd.grad(loss, ws)
            optimizer.step()
    return ws.detach()
