"""A feature pyramid of the visual condition alone, by timm: no diffusion, no text (an ablation)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

import gantoolkit.core.compat  # noqa: F401  timm imports torchvision

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit import weights as weights_files
from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import check_choice
from gantoolkit.core.types import Condition, Features, FeatureShapes
from gantoolkit.encoders import conditioning, sampling
from gantoolkit.weights.state_dict import load_state_dict

CONDITIONS = ("mask", "scribble")


class PyramidEncoder(nn.Module):
    """A frozen network that sees the condition only.

    h is its coarsest level, f^n are the last `levels` ones from coarse to fine, A^n = 1, and no
    prompt has words. There is one step and no I^d_0: where other encoders give it, this one gives
    the image of the condition, and a bridge must be trained with targets='gt'.

    model       any timm model with features_only, such as resnet18
    weights     its state dict as safetensors (a name or a file); None: random, from `seed`.
                Nothing is downloaded
    condition   'mask' or 'scribble'
    palette     colors of a mask: 'celebamask' or 'ade20k'
    levels      N, the levels that are f
    resolution  pixels per side at which the network sees the condition
    seed        of the random weights

    >>> encoder = PyramidEncoder("resnet18", levels=2, resolution=64)
    >>> encoder.shapes.h, encoder.shapes.f
    ((512, 2, 2), ((512, 2, 2), (256, 4, 4)))
    >>> scribble = torch.zeros(1, 1, 64, 64)
    >>> encoder = PyramidEncoder("resnet18", condition="scribble", resolution=64)
    >>> encoder.features(None, 0, Condition(("",), scribble=scribble)).h.shape
    torch.Size([1, 512, 2, 2])
    """

    generates = False  # no I^d_0
    timesteps = (0,)
    guidance = 1.0

    def __init__(
        self,
        model: str = "resnet18",
        weights: str | None = None,
        condition: str = "mask",
        palette: str = "celebamask",
        levels: int = 3,
        resolution: int = 256,
        seed: int = 0,
    ):
        super().__init__()
        check_choice("condition", condition, CONDITIONS)
        self.network = _build_pyramid(model, seed)
        count = len(self.network.feature_info.channels())
        if not 1 <= levels <= count:
            raise UsageError(f"'{model}' has {count} levels, so levels={levels} cannot be.")
        if weights:
            self._load(weights)
        self.condition = condition
        self.palette = palette
        self.levels = levels
        self.resolution = resolution
        self.eval().requires_grad_(False)

    def _load(self, name: str) -> None:
        state, _, _ = weights_files.load(name)
        expected = self.network.state_dict()
        load_state_dict(self.network, {k: v for k, v in state.items() if k in expected}, name)

    def train(self, mode: bool = True):
        """Stay in eval mode: the encoder is frozen."""
        return super().train(False)

    @property
    def device(self) -> torch.device:
        """Where the network works."""
        return next(self.parameters()).device

    @cached_property
    def latent_shape(self) -> tuple[int, int, int]:
        """(1,1,1): there is no z_t, and one number stands in its place."""
        return 1, 1, 1

    @cached_property
    def shapes(self) -> FeatureShapes:
        """Shapes of h and f, read from the network's description."""
        info = self.network.feature_info
        level_shapes = []
        for channels, reduction in zip(info.channels(), info.reduction()):
            side = -(-self.resolution // reduction)
            level_shapes.append((channels, side, side))
        coarse_to_fine = tuple(reversed(level_shapes[-self.levels :]))
        return FeatureShapes(level_shapes[-1], coarse_to_fine, 1, self.timesteps)

    def encode_condition(self, condition: Condition) -> Tensor:
        """Return what the network sees, [B,3,R,R] in −1..1."""
        size = (self.resolution, self.resolution)
        image = conditioning.control_image(condition, self.condition, 3, self.palette, size)
        return image.to(self.device) * 2 - 1

    @torch.no_grad()
    def features(
        self, latents: Tensor | None, t: Tensor | int, condition: Condition, only_h: bool = False
    ) -> Features:
        """Return the pyramid of the condition; z_t and t do not matter, and h comes last."""
        with torch.autocast(self.device.type, enabled=False):
            levels = [level.float() for level in self.network(self.encode_condition(condition))]
        f = tuple(reversed(levels[-self.levels :]))
        count = len(condition)
        words = torch.zeros(count, 1, dtype=torch.bool, device=self.device)
        attn_out = tuple(torch.ones_like(level) for level in f)
        attn_prob = tuple(torch.ones(count, 1, *m.shape[-2:], device=self.device) for m in f)
        t = torch.as_tensor(t, device=self.device).expand(count).contiguous()
        return Features(levels[-1], f, attn_out, attn_prob, words, t, latents)

    @torch.no_grad()
    def trajectory(self, condition: Condition, steps: int | None = None) -> tuple[Tensor, Tensor]:
        """Return zeros [B,1,1,1,1], and the image of the condition [B,3,R,R]."""
        latents = torch.zeros(len(condition), 1, 1, 1, 1, device=self.device)
        return latents, self.encode_condition(condition)

    @torch.no_grad()
    def trace(
        self,
        condition: Condition,
        steps: int | None = None,
        source: str = "trajectory",
        x0: bool = True,
        image: Tensor | None = None,
    ) -> Iterator[Features]:
        """Yield the features of the one step."""
        sampling.check_source(source)
        latents, condition_image = self.trajectory(condition)
        features = self.features(latents[:, 0], 0, condition)
        yield replace(features, x0=condition_image) if x0 else features

    def decode(self, latents: Tensor) -> Tensor:
        """Return a gray image: there is nothing to decode."""
        return F.interpolate(latents[:, :1] * 0, self.resolution).expand(-1, 3, -1, -1)


def _build_pyramid(model: str, seed: int) -> nn.Module:
    """The network with random weights, the same wherever a trained bridge is read."""
    import timm

    try:
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            return timm.create_model(model, pretrained=False, features_only=True)
    except RuntimeError as error:
        raise UsageError(
            f"timm has no feature pyramid '{model}' ({error}); see timm.list_models()."
        ) from None
