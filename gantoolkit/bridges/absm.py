"""Attention-based style modulation (section 3.3): T refines the codes of M, w = w^m ⊙ w^γ + w^β (Eq. 4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn

from gantoolkit.bridges.layers import Styles, conv_stack, resize
from gantoolkit.bridges.mapping import Mapping
from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import check_choice
from gantoolkit.core.types import Features, FeatureShapes, Latent

ATTENTION = ("output_max", "prob_broadcast", "prob_proj", "none")


class AbSM(nn.Module):
    """M and T. Untrained, T is the identity (w^γ = 1, w^β = 0) and M gives w̄.

    feature_shapes, num_ws, w_dim, mean_w   from the encoder and the generator
    size        H = W of the common maps; None: the largest f^n
    width       channels of T; depth: convolutions of each scale and shift network
    mapping     other arguments of M: dict(width, stem, normalise, pyramid)
    attention   [switch] A^n from the maximum of the attention outputs ('output_max'), from probabilities
                averaged over words ('prob_broadcast') or projected from all of them ('prob_proj');
                'none': A = 1 and Ā = 1 (ablation (b))
    tokens      [switch] Ā averages over the words of the 'prompt' or over 'all' tokens
    alpha       [switch] α of Eq. 3 as one 'scalar' each for γ and β, or one 'per_step' of the encoder's grid
    per_style, add_mean   [switch] as in Mapping
    detach      w^m enters Eq. 4 without gradient: M is trained by Eq. 6 alone, T by Eq. 7
    """

    def __init__(
        self,
        feature_shapes: FeatureShapes,
        num_ws: int,
        w_dim: int,
        mean_w: Tensor,
        size: int | None = None,
        width: int = 128,
        depth: int = 2,
        mapping: dict | None = None,
        attention: Literal["output_max", "prob_broadcast", "prob_proj", "none"] = "output_max",
        tokens: Literal["prompt", "all"] = "prompt",
        alpha: Literal["scalar", "per_step"] = "scalar",
        per_style: bool = False,
        add_mean: bool = True,
        detach: bool = True,
    ):
        super().__init__()
        _check(
            attention=(attention, ATTENTION),
            tokens=(tokens, ("prompt", "all")),
            alpha=(alpha, ("scalar", "per_step")),
        )
        if alpha == "per_step" and not feature_shapes.steps:
            raise UsageError("alpha='per_step' needs an encoder with a fixed grid of steps.")
        self.attention, self.tokens, self.detach = attention, tokens, detach
        self.size = (size,) * 2 if size else max(shape[1:] for shape in feature_shapes.f)
        self.mapping = Mapping(
            feature_shapes,
            num_ws,
            w_dim,
            mean_w,
            per_style=per_style,
            add_mean=add_mean,
            **{"width": width, **(mapping or {})},
        )
        channels = [shape[0] for shape in feature_shapes.f]
        self.local = nn.ModuleDict(
            {k: conv_stack(sum(channels), width, depth) for k in ("gamma", "beta")}
        )
        self.overall = nn.ModuleDict({k: conv_stack(1, width, depth) for k in ("gamma", "beta")})
        self.styles = nn.ModuleDict(
            {
                k: Styles(width, self.size[0], width, num_ws, w_dim, per_style)
                for k in ("gamma", "beta")
            }
        )
        count = len(feature_shapes.steps) if alpha == "per_step" else 1
        self.a = nn.ParameterDict({k: nn.Parameter(torch.zeros(count)) for k in ("gamma", "beta")})
        self.project = nn.ModuleList(
            nn.Conv2d(feature_shapes.tokens, c, 1) for c in channels if attention == "prob_proj"
        )
        self.register_buffer(
            "steps", torch.tensor(feature_shapes.steps, dtype=torch.int64), persistent=False
        )
        self.to(memory_format=torch.channels_last)

    @property
    def reads_f(self) -> bool:
        """Whether M reads f too."""
        return self.mapping.reads_f

    # -- Eq. 4 ---------------------------------------------------------------------------------------

    def forward(self, features: Features, mapping_only: bool = False) -> Latent:
        """Codes [B,L,w_dim]; `mapping_only` leaves T out (ws = w^m)."""
        w_m = self.mapping.codes(features)
        if mapping_only:
            return Latent(w_m, w_m)
        w_gamma, w_beta = self.modulation(features)
        base = w_m.detach() if self.detach else w_m
        return Latent(base * w_gamma + w_beta, w_m, w_gamma, w_beta)

    def modulation(self, features: Features) -> tuple[Tensor, Tensor]:
        """T: (w^γ = 1 + Δ, w^β = Δ), each [B,L,w_dim]."""
        local, overall = self.maps(features)
        gamma, beta = (
            self.styles[k](self.mix(k, local, overall, features.t)) for k in ("gamma", "beta")
        )
        return 1 + gamma, beta

    # -- Eq. 3 ---------------------------------------------------------------------------------------

    def mix(self, which: str, local: Tensor, overall: Tensor, t: Tensor) -> Tensor:
        """F̂^γ or F̂^β [B,width,H,W] = α · local + (1−α) · global."""
        alpha = self.alpha(which, t).to(local.dtype)
        return alpha * self.local[which](local) + (1 - alpha) * self.overall[which](overall)

    def alpha(self, which: str, t: Tensor) -> Tensor:
        """α in 0..1, [1,1,1,1] or, with one per step, [B,1,1,1] (the grid's step nearest to t)."""
        a = self.a[which]
        if len(a) > 1:
            a = a[(self.steps - t.to(self.steps.device)[:, None]).abs().argmin(1)]
        return torch.sigmoid(a).view(-1, 1, 1, 1)

    # -- what the scale and shift networks see ---------------------------------------------------------

    def maps(self, features: Features) -> tuple[Tensor, Tensor]:
        """(concat_n F̂^n [B,ΣC_n,H,W], F̄̂ [B,1,H,W])."""
        f = [resize(f, self.size) for f in features.f]
        mean = torch.stack([m.mean(1, keepdim=True) for m in f]).mean(0)  # F̄
        if self.attention != "none":
            f = [m * a for m, a in zip(f, self.attention_maps(features))]  # F̂^n = F^n ⊙ A^n
            mean = mean * self.word_attention(features)
        local = torch.cat(f, 1).contiguous(memory_format=torch.channels_last)
        return local, mean.contiguous(memory_format=torch.channels_last)

    def attention_maps(self, features: Features) -> list[Tensor]:
        """A^n: N maps [B,C_n or 1,H,W]."""
        if self.attention == "output_max":
            return [resize(a, self.size) for a in features.attn_out]
        if self.attention == "prob_broadcast":
            return [
                resize(self._over_words(p, features.words), self.size) for p in features.attn_prob
            ]
        words = self._chosen(features.words)[:, :, None, None]
        silent = ~words.any(1, keepdim=True)
        found = (project(p * words) for project, p in zip(self.project, features.attn_prob))
        return [resize(torch.where(silent, torch.ones_like(a), a), self.size) for a in found]

    def word_attention(self, features: Features) -> Tensor:
        """Ā [B,1,H,W]: probabilities averaged over words and blocks; 1 where the prompt has no words."""
        maps = [resize(self._over_words(p, features.words), self.size) for p in features.attn_prob]
        return torch.stack(maps).mean(0)

    def _chosen(self, words: Tensor) -> Tensor:
        return torch.ones_like(words) if self.tokens == "all" else words

    def _over_words(self, probabilities: Tensor, words: Tensor) -> Tensor:
        """[B,T,·,·] → [B,1,·,·]: the mean over the chosen tokens, 1 where there are none."""
        weight = self._chosen(words).to(probabilities.dtype)
        count = weight.sum(1).view(-1, 1, 1)
        mean = torch.einsum("bthw,bt->bhw", probabilities, weight) / count.clamp_min(1)
        return torch.where(count > 0, mean, torch.ones_like(mean)).unsqueeze(1)

    # -- who is trained ------------------------------------------------------------------------------

    def mapping_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of M."""
        return self.mapping.parameters()

    def modulation_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of T."""
        return (p for name, p in self.named_parameters() if not name.startswith("mapping."))


def _check(**values: tuple[str, tuple[str, ...]]) -> None:
    for name, (value, known) in values.items():
        check_choice(name, value, known)
