"""The published LPIPS (Zhang et al. 2018): the heads of the package `lpips` on a trunk from a file.

The package bundles the learned channel weights but downloads the trunk. Here the trunk comes from a
file (registry.yaml, weights `lpips-alex` and so on, or GANTOOLKIT_LPIPS_<TRUNK>), so that nothing
is downloaded.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor, nn

from gantoolkit import weights
from gantoolkit.core.errors import DataError, WeightsError
from gantoolkit.core.suggest import check_choice
from gantoolkit.weights.state_dict import load_state_dict

TRUNKS = ("alex", "vgg", "squeeze")
LARGEST_TARGET = 1.5  # absolute value; resized images overshoot a little


class LPIPS(nn.Module):
    """Measure d(a, b) [B] between images −1..1 [B,3,H,W].

    trunk    alex (the paper family's choice), vgg or squeeze
    weights  torchvision's trunk as safetensors, 'random' for tests, None for the registered file
    """

    def __init__(self, trunk: str = "alex", weights: str | None = None):
        super().__init__()
        import gantoolkit.core.compat  # noqa: F401  before lpips, which imports torchvision

        import lpips

        check_choice("trunk", trunk, TRUNKS, WeightsError)
        self.module = lpips.LPIPS(net=trunk, pnet_rand=True, verbose=False)
        self.is_checked = False  # whether a target was seen to lie in −1..1
        source = weights or os.environ.get(f"GANTOOLKIT_LPIPS_{trunk.upper()}") or f"lpips-{trunk}"
        if source != "random":
            self._load_trunk(source)
        self.module.eval().requires_grad_(False)

    def _load_trunk(self, source: str) -> None:
        """Copy torchvision's `features.*` into the slices, whose layers keep its indices."""
        state, _, _ = weights.load(source)
        trunk_state = {}
        for key, value in self.module.net.state_dict().items():
            torchvision_key = "features." + key.split(".", 1)[1]
            given = state.get(torchvision_key, state.get(key))
            if given is None or given.shape != value.shape:
                raise WeightsError(
                    f"{source} lacks the trunk's {key}; "
                    "give torchvision's state dict as safetensors."
                )
            trunk_state[key] = given
        load_state_dict(self.module.net, trunk_state, source)

    def train(self, mode: bool = True):
        """Leave the trunk in eval mode."""
        super().train(mode)
        self.module.eval()
        return self

    def forward(self, images: Tensor, target: Tensor) -> Tensor:
        """Return the distance [B].

        Results may lie beyond −1..1, since generators are not clamped. The first target is checked:
        DataError where it is not RGB in −1..1.
        """
        if not self.is_checked and not target.is_meta:
            self._check_target(target.detach())
            self.is_checked = True
        return self.module(images, target).flatten()

    @staticmethod
    def _check_target(target: Tensor) -> None:
        """Refuse targets that are not images, such as those in 0..255."""
        if target.shape[1] != 3 or not target.abs().max() <= LARGEST_TARGET:
            raise DataError(
                "LPIPS needs targets that are RGB images in −1..1, got "
                f"{list(target.shape)} up to {float(target.abs().max()):.1f}; scale them first."
            )

    @torch.no_grad()
    def distance(self, images: Tensor, target: Tensor) -> Tensor:
        """Return the distance [B] without a gradient, for metrics."""
        return self(images, target)
