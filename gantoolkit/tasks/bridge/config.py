"""Every key of a `bridge` config, with its default and its meaning (`gantoolkit show bridge`).

`BridgeConfig` joins the four dataclasses above it, so that a config stays flat: `lr=1e-3`, not
`optimizer.lr=1e-3`. Its dicts `data`, `sampling` and `cache` stand for dataclasses of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from gantoolkit.config import validate
from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import check_choice
from gantoolkit.encoders.sampling import check_source
from gantoolkit.training.tensor_cache import Cache
from gantoolkit.training.tensor_stream import Streamed

CHOICES = {
    "condition": ("mask", "scribble", "both"),
    "training": ("M then T", "alternating", "M only"),
    "targets": ("paper", "x0", "gt"),
    "noise": ("const", "random"),
    "score_target": ("gt", "x0"),
}


@dataclass(frozen=True, kw_only=True)
class ComponentsConfig:
    """The three networks of the pipeline, and the data between them."""

    data: dict  # train, val: names or zips; train_limit, val_limit
    # component that reads h, f and a, frozen; or its folder (or name), which tells the type
    encoder: dict | str
    bridge: dict  # component that is trained: M, or M and T
    generator: str  # weights name or file of G; frozen
    condition: Literal["mask", "scribble", "both"] = "mask"  # both: a ControlNet for each
    sampling: dict | None = None  # how trajectories are drawn: seed, captions, source, batch
    cache: dict | None = None  # of what frozen networks give: folder, max_gb, verify, stream


@dataclass(frozen=True, kw_only=True)
class ObjectiveConfig:
    """What is minimized: Eq. 6 for M, Eq. 7 for T."""

    losses: dict  # name → component; its weight is λ
    # share of each phase's iterations, at its start, that compare codes only and render nothing
    code_fraction: float = 0.0
    targets: Literal["paper", "x0", "gt"] = "paper"  # images to compare with, as in Table 2
    noise: Literal["const", "random"] = "const"  # inside the generator while training
    loss_size: int | None = None  # pixels at most at which losses compare; None = all
    recompute: int = 0  # samples rendered at a time, again in the backward pass; 0 = all at once
    chunk: int | None = None  # rays of a 3D generator rendered at a time; None = all


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """In which order M and T are trained, by Adam, and how fast."""

    training: Literal["M then T", "alternating", "M only"] = "M then T"  # order of phases
    mapping_fraction: float = 0.5  # of the iterations that train M; "M then T" only
    lr: float = 1e-3  # of M
    lr_modulation: float | None = None  # of T; None = as of M
    betas: tuple[float, float] = (0.9, 0.99)  # of Adam
    ema: float | None = None  # decay of a moving average, which is scored and exported instead


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """How the validation split is scored."""

    metrics: dict | None = None  # name → arguments; None = all, {} = none
    judge: str = "judge"  # network that scores; no loss may use it
    score_size: int | None = None  # pixels that images are resized to before scoring
    score_after_steps: tuple[int, ...] = ()  # also score G(w) after so few denoising steps
    score_target: Literal["gt", "x0"] = "gt"  # x0: where no photo is the truth


@dataclass(frozen=True, kw_only=True)
class BridgeConfig(EvaluationConfig, OptimizerConfig, ObjectiveConfig, ComponentsConfig):
    """All keys of the task `bridge`."""

    def __post_init__(self):
        for name, choices in CHOICES.items():
            check_choice(name, getattr(self, name), choices)
        if not self.losses:
            raise UsageError("losses is empty, so nothing would be trained; name one at least.")
        if not 0 <= self.code_fraction <= 1:
            raise UsageError(f"code_fraction={self.code_fraction} must lie in 0..1.")


@dataclass(frozen=True)
class DataConfig:
    """The config's `data`: names or zips, and how many samples are used of them."""

    train: str  # name or zip
    val: str  # name or zip
    train_limit: int | None = None  # None = all
    val_limit: int | None = None  # None = all

    @classmethod
    def of(cls, values: dict) -> DataConfig:
        """Build from the config; unknown keys are refused."""
        return validate.build(cls, "data", values)


@dataclass(frozen=True)
class SamplingConfig:
    """The config's `sampling`: how trajectories are drawn; the encoder has steps and guidance."""

    seed: int = 0  # of the noise that trajectories start from
    captions: int = 1  # captions used per training sample
    source: Literal["trajectory", "gt_noised"] = "trajectory"  # gt_noised leaks I^gt at small t
    batch: int = 48  # samples per cached shard and encoder call

    def __post_init__(self):
        check_source(self.source)

    @classmethod
    def of(cls, values: dict) -> SamplingConfig:
        """Build from the config; unknown keys are refused."""
        return validate.build(cls, "sampling", values)

    @property
    def noised(self) -> bool:
        """Whether z_t is noised I^gt; every z_t then has an I^d_0 of its own, itself denoised."""
        return self.source == "gt_noised"


@dataclass(frozen=True)
class CacheConfig:
    """The config's `cache`: where the outputs of frozen networks are stored."""

    folder: str | None = None  # None: $GANTOOLKIT_CACHE or ~/.cache/gantoolkit
    max_gb: float = 0.0  # of features on disk; 0 = recompute them in every iteration
    verify: bool = False  # hash every shard at the start, not only those that were touched
    stream: bool = False  # nothing on disk: compute trajectories when they are asked for
    memory_gb: float = 2.0  # of a stream that stays in memory

    def __post_init__(self):
        if self.stream and self.max_gb:
            raise UsageError("cache.stream keeps nothing on disk, so cache.max_gb must be 0.")

    @classmethod
    def of(cls, values: dict) -> CacheConfig:
        """Build from the config; unknown keys are refused."""
        return validate.build(cls, "cache", values)

    def open(self, kind: str, key: dict, rows: int, size: int, device="cpu") -> Cache | Streamed:
        """Open the cache, or the stream, of one kind of content."""
        if self.stream:
            return Streamed(dict(key, kind=kind), rows, self.memory_gb, torch.device(device).type)
        return Cache(self.folder, kind, key, rows, size, self.verify)
