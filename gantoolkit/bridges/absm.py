"""Attention-based style modulation (section 3.3): T refines w^m, w = w^m ⊙ w^γ + w^β (Eq. 4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.bridges.attention import chosen_tokens, mean_over_tokens, word_attention
from gantoolkit.bridges.layers import Styles, conv_stack, resize
from gantoolkit.bridges.mapping import Mapping
from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import check_choice
from gantoolkit.core.types import Features, FeatureShapes, Latent

ATTENTION = ("output_max", "prob_broadcast", "prob_proj", "none")
CODES = ("gamma", "beta")


class AbSM(nn.Module):
    """Networks M and T. Untrained, T is the identity (w^γ = 1, w^β = 0) and M gives w̄.

    feature_shapes  of the encoder
    num_ws          style codes L of the generator
    w_dim           numbers per style code
    mean_w          the generator's mean code w̄ [w_dim]
    size            H = W of the common maps; None: the largest f^n
    width           channels of T
    depth           convolutions of each scale and shift network
    mapping         other arguments of M: dict(width, stem, normalize, pyramid)
    attention       [switch] A^n from the maximum of the attention outputs ('output_max'), from
                    probabilities averaged over words ('prob_broadcast') or projected from all of
                    them ('prob_proj'); 'none': A = 1 and Ā = 1 (ablation (b))
    tokens          [switch] Ā averages over the words of the 'prompt' or over 'all' tokens
    alpha           [switch] α of Eq. 3: a 'scalar' each for γ and β, or one 'per_step' of the grid
    normalize       [switch] layer normalization of F̂ and F̄̂ over channels and places, without
                    weights: products with the attention are small, and their scale changes with t
    per_style       [switch] of M: one map2style block per style, instead of one trunk for all
    add_mean        [switch] of M: w̄ is added to the output
    detach          w^m enters Eq. 4 without gradient: only Eq. 6 trains M, only Eq. 7 trains T

    >>> import torch
    >>> from gantoolkit.core.types import Features, FeatureShapes
    >>> shapes = FeatureShapes(h=(8, 4, 4), f=((6, 8, 8),), tokens=5)
    >>> bridge = AbSM(shapes, num_ws=3, w_dim=16, mean_w=torch.zeros(16), width=4)
    >>> features = Features(
    ...     h=torch.rand(2, 8, 4, 4),
    ...     f=(torch.rand(2, 6, 8, 8),),
    ...     attn_out=(torch.rand(2, 6, 8, 8),),
    ...     attn_prob=(torch.rand(2, 5, 8, 8),),
    ...     words=torch.ones(2, 5, dtype=torch.bool),
    ...     t=torch.tensor([900, 100]),
    ... )
    >>> latent = bridge(features)
    >>> latent.ws.shape
    torch.Size([2, 3, 16])
    >>> torch.equal(latent.ws, latent.w_m * latent.w_gamma + latent.w_beta)  # Eq. 4
    True
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
        normalize: bool = False,
        per_style: bool = False,
        add_mean: bool = True,
        detach: bool = True,
    ):
        super().__init__()
        check_choice("attention", attention, ATTENTION)
        check_choice("tokens", tokens, ("prompt", "all"))
        check_choice("alpha", alpha, ("scalar", "per_step"))
        if alpha == "per_step" and not feature_shapes.steps:
            raise UsageError("alpha='per_step' needs an encoder with a fixed grid of steps.")
        self.attention = attention
        self.all_tokens = tokens == "all"
        self.normalize = normalize
        self.detach = detach
        self.size = max(shape[1:] for shape in feature_shapes.f)
        if size:
            self.size = (size, size)

        mapping_options = dict(width=width)
        mapping_options.update(mapping or {})
        self.mapping = Mapping(
            feature_shapes,
            num_ws,
            w_dim,
            mean_w,
            per_style=per_style,
            add_mean=add_mean,
            **mapping_options,
        )
        self._build_modulation(feature_shapes, num_ws, w_dim, width, depth, per_style)

        alphas = len(feature_shapes.steps) if alpha == "per_step" else 1
        self.a = nn.ParameterDict({code: nn.Parameter(torch.zeros(alphas)) for code in CODES})
        self.project = nn.ModuleList()
        if attention == "prob_proj":
            for channels, _, _ in feature_shapes.f:
                self.project.append(nn.Conv2d(feature_shapes.tokens, channels, kernel_size=1))
        steps = torch.tensor(feature_shapes.steps, dtype=torch.int64)
        self.register_buffer("steps", steps, persistent=False)
        self.to(memory_format=torch.channels_last)

    def _build_modulation(
        self,
        feature_shapes: FeatureShapes,
        num_ws: int,
        w_dim: int,
        width: int,
        depth: int,
        per_style: bool,
    ) -> None:
        """Build the local and global scale and shift networks, and map2style after each."""
        local_channels = sum(shape[0] for shape in feature_shapes.f)
        map2style = (width, self.size[0], width, num_ws, w_dim, per_style)
        self.local = nn.ModuleDict({c: conv_stack(local_channels, width, depth) for c in CODES})
        self.overall = nn.ModuleDict({c: conv_stack(1, width, depth) for c in CODES})
        self.styles = nn.ModuleDict({c: Styles(*map2style) for c in CODES})

    @property
    def reads_f(self) -> bool:
        """Whether M reads f too."""
        return self.mapping.reads_f

    # -- Eq. 4 -------------------------------------------------------------------------------------

    def forward(self, features: Features, mapping_only: bool = False) -> Latent:
        """Compute codes [B,L,w_dim]; `mapping_only` leaves T out (ws = w^m)."""
        w_m = self.mapping.codes(features)
        if mapping_only:
            return Latent(w_m, w_m)
        w_gamma, w_beta = self.modulation(features)
        base = w_m
        if self.detach:
            base = w_m.detach()
        ws = base * w_gamma + w_beta
        return Latent(ws, w_m, w_gamma, w_beta)

    def modulation(self, features: Features) -> tuple[Tensor, Tensor]:
        """Compute (w^γ = 1 + Δ, w^β = Δ), each [B,L,w_dim]: the network T."""
        local, overall = self.maps(features)
        mixed_gamma = self.mix("gamma", local, overall, features.t)
        delta_gamma = self.styles["gamma"](mixed_gamma)
        mixed_beta = self.mix("beta", local, overall, features.t)
        delta_beta = self.styles["beta"](mixed_beta)
        return 1 + delta_gamma, delta_beta

    # -- Eq. 3 -------------------------------------------------------------------------------------

    def mix(self, code: str, local: Tensor, overall: Tensor, t: Tensor) -> Tensor:
        """Compute F̂^γ or F̂^β [B,width,H,W] = α · local + (1−α) · global."""
        alpha = self.alpha(code, t).to(local.dtype)
        mixed_local = alpha * self.local[code](local)
        return mixed_local + (1 - alpha) * self.overall[code](overall)

    def alpha(self, code: str, t: Tensor) -> Tensor:
        """Compute α in 0..1: [1,1,1,1], or [B,1,1,1] with one per step (the step nearest to t)."""
        a = self.a[code]
        if len(a) > 1:
            distance = (self.steps - t.to(self.steps.device)[:, None]).abs()
            a = a[distance.argmin(1)]
        return torch.sigmoid(a).view(-1, 1, 1, 1)

    # -- inputs of the scale and shift networks ----------------------------------------------------

    def maps(self, features: Features) -> tuple[Tensor, Tensor]:
        """Compute (concat_n F̂^n [B,ΣC_n,H,W], F̄̂ [B,1,H,W])."""
        maps = [resize(f, self.size) for f in features.f]  # F^n
        mean = torch.stack([f.mean(1, keepdim=True) for f in maps]).mean(0)  # F̄
        if self.attention != "none":
            attention = self.attention_maps(features)
            maps = [f * a for f, a in zip(maps, attention)]  # F̂^n = F^n ⊙ A^n
            mean = mean * word_attention(features, self.size, self.all_tokens)
        local = torch.cat(maps, 1)
        if self.normalize:
            local = F.layer_norm(local, local.shape[1:])
            mean = F.layer_norm(mean, mean.shape[1:])
        local = local.contiguous(memory_format=torch.channels_last)
        return local, mean.contiguous(memory_format=torch.channels_last)

    def attention_maps(self, features: Features) -> list[Tensor]:
        """Compute A^n: N maps [B,C_n or 1,H,W]."""
        if self.attention == "output_max":
            return [resize(a, self.size) for a in features.attn_out]

        tokens = chosen_tokens(features, self.all_tokens)
        if self.attention == "prob_broadcast":
            return [resize(mean_over_tokens(p, tokens), self.size) for p in features.attn_prob]

        tokens = tokens[:, :, None, None]
        no_words = ~tokens.any(1, keepdim=True)
        maps = []
        for project, probabilities in zip(self.project, features.attn_prob):
            a = project(probabilities * tokens)
            a = torch.where(no_words, torch.ones_like(a), a)
            maps.append(resize(a, self.size))
        return maps

    # -- parameters of each phase ------------------------------------------------------------------

    def mapping_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of M."""
        return self.mapping.parameters()

    def modulation_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of T."""
        for name, parameter in self.named_parameters():
            if not name.startswith("mapping."):
                yield parameter
