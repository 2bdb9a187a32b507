"""An encoder: text and a visual condition → features at denoising steps.

In a config: `encoder = dict(type="MyPlugin", resolution=64)`, with targets='gt', because it makes
no image. The contract stands in `gantoolkit/encoders/__init__.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.types import Condition, Features, FeatureShapes

CLASSES = 19


class MyPlugin(nn.Module):
    """Shares of the classes of a label map, in 4×4 and 8×8 fields; no diffusion, no text.

    resolution  pixels per side of label maps
    """

    condition = "mask"
    generates = False  # there is no I^d_0
    latent_shape = (1, 1, 1)

    def __init__(self, resolution: int = 64):
        super().__init__()
        self.resolution = resolution
        self.timesteps = (0,)
        self.shapes = FeatureShapes(h=(CLASSES, 4, 4), f=((CLASSES, 8, 8),), tokens=1, steps=(0,))
        self.register_buffer("place", torch.zeros(()))  # tells where the encoder is

    @property
    def device(self) -> torch.device:
        """Where it works."""
        return self.place.device

    def features(
        self, latents: Tensor | None, t: Tensor | int, condition: Condition, only_h: bool = False
    ) -> Features:
        """Return h [B,19,4,4] and f [B,19,8,8]; z_t does not matter."""
        mask = condition.mask.to(self.device)
        f = F.adaptive_avg_pool2d(mask, 8)
        count = len(condition)
        times = torch.as_tensor(t, device=self.device).expand(count)
        words = torch.zeros(count, 1, dtype=torch.bool, device=self.device)
        attention = torch.ones(count, 1, 8, 8, device=self.device)
        h = F.adaptive_avg_pool2d(mask, 4)
        return Features(h, (f,), (f,), (attention,), words, times, latents)

    def trace(
        self,
        condition: Condition,
        steps: int | None = None,
        source: str = "trajectory",
        x0: bool = True,
        image: Tensor | None = None,
    ) -> Iterator[Features]:
        """Yield the features of the only step."""
        latents, _ = self.trajectory(condition)
        yield self.features(latents[:, 0], 0, condition)

    def trajectory(self, condition: Condition, steps: int | None = None) -> tuple[Tensor, Tensor]:
        """Return z_t [B,1,1,1,1] and I^d_0 [B,3,R,R], both zeros."""
        count, side = len(condition), self.resolution
        latents = torch.zeros(count, 1, *self.latent_shape, device=self.device)
        return latents, torch.zeros(count, 3, side, side, device=self.device)
