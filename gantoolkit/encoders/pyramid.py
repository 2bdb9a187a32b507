"""A feature pyramid of the visual condition alone, by timm: no diffusion, no text (an ablation)."""

from __future__ import annotations

from collections.abc import Iterator
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


class PyramidEncoder(nn.Module):
    """h is the coarsest level, f^n the last `levels` ones, coarse to fine; A^n = 1 and no prompt has words.

    model       any timm model with features_only, such as resnet18
    weights     its state dict as safetensors (a name or a file); None: random, from `seed`. Nothing is downloaded
    condition   'mask' or 'scribble'; palette: the colours of a mask
    resolution  pixels at which the condition is looked at

    There is one step and no I^d_0: where others give it, this gives the picture of the condition, and a bridge must
    be trained with targets='gt'.
    """

    generates = False  # no I^d_0
    timesteps, guidance = (0,), 1.0

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
        import timm

        check_choice("condition", condition, ("mask", "scribble"))
        try:
            with torch.random.fork_rng(
                devices=()
            ):  # the same network wherever a trained bridge is read
                torch.manual_seed(seed)
                self.network = timm.create_model(model, pretrained=False, features_only=True)
        except RuntimeError as error:
            raise UsageError(
                f"timm has no feature pyramid '{model}' ({error}); see timm.list_models()."
            ) from None
        count = len(self.network.feature_info.channels())
        if not 1 <= levels <= count:
            raise UsageError(f"'{model}' has {count} levels, so levels={levels} cannot be.")
        if weights:
            self._load(weights)
        self.condition, self.palette, self.levels, self.resolution = (
            condition,
            palette,
            levels,
            resolution,
        )
        self.eval().requires_grad_(False)

    def _load(self, name: str) -> None:
        state, _, _ = weights_files.load(name)
        missing = self.network.load_state_dict(state, strict=False).missing_keys
        if missing:
            raise UsageError(
                f"'{name}' lacks {len(missing)} tensors of this pyramid, such as {missing[0]}."
            )

    def train(self, mode: bool = True):
        """Always in eval mode: the encoder is frozen."""
        return super().train(False)

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @cached_property
    def latent_shape(self) -> tuple[int, int, int]:
        """There is no z_t; one number stands in its place."""
        return 1, 1, 1

    @cached_property
    def shapes(self) -> FeatureShapes:
        """Shapes of h and f, read from the network's description."""
        info = self.network.feature_info
        levels = [
            (c, *(-(-self.resolution // r),) * 2) for c, r in zip(info.channels(), info.reduction())
        ]
        return FeatureShapes(levels[-1], tuple(reversed(levels[-self.levels :])), 1, self.timesteps)

    def picture(self, condition: Condition) -> Tensor:
        """What the network sees [B,3,R,R] in −1..1."""
        size = (self.resolution, self.resolution)
        shown = conditioning.control_picture(condition, self.condition, 3, self.palette, size)
        return shown.to(self.device) * 2 - 1

    @torch.no_grad()
    def features(
        self, latents: Tensor | None, t: Tensor | int, condition: Condition, only_h: bool = False
    ) -> Features:
        """The pyramid; z_t and t do not matter, and h comes last."""
        with torch.autocast(self.device.type, enabled=False):
            maps = [m.float() for m in self.network(self.picture(condition))]
        f = tuple(reversed(maps[-self.levels :]))
        count = len(condition)
        words = torch.zeros(count, 1, dtype=torch.bool, device=self.device)
        ones = tuple(torch.ones_like(m) for m in f)
        prob = tuple(torch.ones(count, 1, *m.shape[-2:], device=self.device) for m in f)
        t = torch.as_tensor(t, device=self.device).expand(count).contiguous()
        return Features(maps[-1], f, ones, prob, words, t, latents)

    @torch.no_grad()
    def trajectory(self, condition: Condition, steps: int | None = None) -> tuple[Tensor, Tensor]:
        """(zeros [B,1,1,1,1], the picture of the condition [B,3,R,R])."""
        return torch.zeros(len(condition), 1, 1, 1, 1, device=self.device), self.picture(condition)

    @torch.no_grad()
    def trace(
        self,
        condition: Condition,
        steps: int | None = None,
        source: str = "trajectory",
        x0: bool = True,
        image: Tensor | None = None,
    ) -> Iterator[Features]:
        """The one step."""
        sampling.check_source(source)
        latents, shown = self.trajectory(condition)
        found = self.features(latents[:, 0], 0, condition)
        yield Features(
            found.h,
            found.f,
            found.attn_out,
            found.attn_prob,
            found.words,
            found.t,
            found.latents,
            shown if x0 else None,
        )

    def decode(self, latents: Tensor) -> Tensor:
        """There is nothing to decode: a grey image."""
        return F.interpolate(latents[:, :1] * 0, self.resolution).expand(-1, 3, -1, -1)
