"""What flows: Condition → Features → Latent → Render → Scores → Record.

The only module that every other may import. All nouns are frozen dataclasses; those that hold a
batch know their length, move with `.to(device)` and can be indexed with an int, a slice or a
list.

Shapes use the symbols of the method: B batch, T tokens, L style codes, R output resolution.
Images are float in −1..1, [B,3,H,W].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Self, cast

import torch
from torch import Tensor


def _map(value: Any, function: Callable[[Any], Any]) -> Any:
    """Apply `function` to every tensor in `value`, keeping tuples, lists and nested batches."""
    if isinstance(value, (Tensor, Batch)):
        return function(value)
    if isinstance(value, (tuple, list)):
        return type(value)(_map(one, function) for one in value)
    return value


class Batch:
    """Behavior shared by the nouns that hold a batch of B samples along dimension 0."""

    def __len__(self) -> int:
        raise NotImplementedError

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move every tensor; arguments as of `Tensor.to`."""
        return self._each(lambda tensor: tensor.to(*args, **kwargs))

    def detach(self) -> Self:
        """Cut every tensor from the graph."""
        return self._each(lambda tensor: tensor.detach())

    def _each(self, function: Callable[[Any], Any]) -> Self:
        return type(self)(**{name: _map(value, function) for name, value in self._fields()})

    def _fields(self) -> Iterator[tuple[str, Any]]:
        for field_ in fields(cast(Any, self)):
            yield field_.name, getattr(self, field_.name)

    def __iter__(self) -> Iterator[Self]:
        """Give the samples in order, each a batch of one."""
        for index in range(len(self)):
            yield self[index]

    def __getitem__(self, index: int | slice | Iterable[int]) -> Self:
        if isinstance(index, int):
            index = slice(index, (index + 1) or None)
        if isinstance(index, slice):
            indices = list(range(len(self))[index])
        else:
            indices = [int(one) for one in index]

        def pick(value: Any) -> Any:
            if isinstance(value, tuple):
                one_per_sample = value and not isinstance(value[0], Tensor)  # texts, attributes
                return (
                    tuple(value[i] for i in indices) if one_per_sample else tuple(map(pick, value))
                )
            return value[indices] if isinstance(value, (Tensor, Batch)) else value

        return type(self)(**{name: pick(value) for name, value in self._fields()})


def check_shape(name: str, tensor: Tensor | None, *shape: int | None) -> None:
    """Raise ValueError unless `tensor` is None or has `shape` (None = any size)."""
    if tensor is None:
        return
    fits = tensor.ndim == len(shape)
    for size, expected in zip(tensor.shape, shape):
        fits = fits and expected in (None, size)
    if not fits:
        expected_shape = ",".join("·" if size is None else str(size) for size in shape)
        raise ValueError(f"{name} has shape {list(tensor.shape)}, expected [{expected_shape}]")


@dataclass(frozen=True)
class Camera(Batch):
    """A pinhole camera: OpenCV axes (x right, y down, z forward), world y up (EG3D's convention).

    >>> from gantoolkit.core.camera import orbit_camera
    >>> cameras = orbit_camera(yaw=torch.tensor([-0.4, 0.4]))
    >>> len(cameras), cameras.label.shape, cameras[0].cam2world.shape
    (2, torch.Size([2, 25]), torch.Size([1, 4, 4]))
    """

    cam2world: Tensor  # [B,4,4]
    intrinsics: Tensor  # [B,3,3] divided by the image size

    def __post_init__(self) -> None:
        check_shape("cam2world", self.cam2world, None, 4, 4)
        check_shape("intrinsics", self.intrinsics, len(self.cam2world), 3, 3)

    def __len__(self) -> int:
        return len(self.cam2world)

    @property
    def label(self) -> Tensor:
        """The label c [B,25] of EG3D: cam2world, then the intrinsics, both row by row."""
        return torch.cat([self.cam2world.flatten(1), self.intrinsics.flatten(1)], 1)

    @classmethod
    def from_label(cls, c: Tensor) -> Camera:
        """Read the camera of an EG3D label c [B,25]."""
        check_shape("camera label", c, None, 25)
        return cls(c[:, :16].reshape(-1, 4, 4), c[:, 16:].reshape(-1, 3, 3))


@dataclass(frozen=True)
class Condition(Batch):
    """What every system gets: a prompt, a picture to follow, perhaps a camera, and seeds.

    >>> mask = torch.zeros(2, 19, 64, 64)
    >>> condition = Condition(("a woman with red hair", ""), mask, seed=torch.tensor([1, 2]))
    >>> len(condition), condition[1].text, condition.to(torch.float16).mask.dtype
    (2, ('',), torch.float16)
    """

    text: tuple[str, ...]  # B prompts, "" is valid
    mask: Tensor | None = None  # [B,K,H,W] one-hot, K = 19
    scribble: Tensor | None = None  # [B,1,H,W] in 0..1, white strokes on black
    camera: Camera | None = None
    seed: Tensor | None = None  # [B] int64

    def __post_init__(self) -> None:
        check_shape("mask", self.mask, len(self.text), None, None, None)
        check_shape("scribble", self.scribble, len(self.text), 1, None, None)
        check_shape("seed", self.seed, len(self.text))

    def __len__(self) -> int:
        return len(self.text)


@dataclass(frozen=True)
class Target(Batch):
    """The truth that losses and metrics compare with; no system sees it."""

    image_gt: Tensor  # I^gt [B,3,R,R]
    labels: Tensor | None = None  # [B,H,W] int64, 0..18
    identity: Tensor | None = None  # [B] int64
    depth: Tensor | None = None  # [B,H,W] distance along the ray, 0 = background
    attributes: tuple[dict, ...] | None = None

    def __post_init__(self) -> None:
        check_shape("image_gt", self.image_gt, None, 3, None, None)

    def __len__(self) -> int:
        return len(self.image_gt)


@dataclass(frozen=True)
class Sample(Batch):
    """One row of a data set: the condition and its target."""

    condition: Condition
    target: Target

    def __len__(self) -> int:
        return len(self.condition)


@dataclass(frozen=True)
class FeatureShapes:
    """What a bridge must know of an encoder before it sees any features."""

    h: tuple[int, int, int]  # (C_h,·,·)
    f: tuple[tuple[int, int, int], ...]  # N of (C_n,·,·)
    tokens: int  # T
    steps: tuple[int, ...] = ()  # the encoder's grid of denoising steps, from noise to image


@dataclass(frozen=True)
class Features(Batch):
    """What the encoder reads at one denoising step (method, “Encoder E”).

    The comments are those of a U-Net; docs/encoders.md says what takes their place elsewhere.
    """

    h: Tensor  # mid-block features after the ControlNet residual [B,C_h,·,·]
    f: tuple[Tensor, ...]  # N up-block features [B,C_n,·,·]
    attn_out: tuple[Tensor, ...]  # N maps [B,C_n,·,·]: cross-attention outputs, max over K layers
    attn_prob: tuple[Tensor, ...]  # N maps [B,T,·,·]: probabilities, max over K layers and heads
    words: Tensor  # [B,T] bool: tokens between BOS and the first EOS
    t: Tensor  # [B] denoising step 0..999
    latents: Tensor | None = None  # z_t [B,C,h,w]
    # I^d_0 [B,3,·,·], with the last step only (of noised truth: with every step)
    x0: Tensor | None = None

    def __post_init__(self) -> None:
        check_shape("h", self.h, None, None, None, None)
        check_shape("t", self.t, len(self.h))
        if len(self.f) != len(self.attn_out):
            raise ValueError(f"{len(self.f)} feature maps but {len(self.attn_out)} attention maps")

    def __len__(self) -> int:
        return len(self.h)


@dataclass(frozen=True)
class Latent(Batch):
    """Codes for a generator: w = w^m ⊙ w^γ + w^β (Eq. 4); without T only `ws` = `w_m`."""

    ws: Tensor  # [B,L,w_dim]
    w_m: Tensor | None = None
    w_gamma: Tensor | None = None
    w_beta: Tensor | None = None

    def __post_init__(self) -> None:
        check_shape("ws", self.ws, None, None, None)
        for name in ("w_m", "w_gamma", "w_beta"):
            check_shape(name, getattr(self, name), *self.ws.shape)

    def __len__(self) -> int:
        return len(self.ws)


@dataclass(frozen=True)
class Render(Batch):
    """What a generator renders."""

    image: Tensor  # [B,3,R,R] in −1..1
    image_raw: Tensor | None = None  # before super-resolution [B,3,r,r]
    depth: Tensor | None = None  # [B,1,r,r] distance along the ray
    camera: Camera | None = None

    def __post_init__(self) -> None:
        check_shape("image", self.image, None, 3, None, None)

    def __len__(self) -> int:
        return len(self.image)


@dataclass(frozen=True)
class Score:
    """One measured number with the conditions it was measured under."""

    value: float
    n: int  # samples behind it
    higher_is_better: bool
    conditions: dict[str, Any] = field(default_factory=dict)  # network, resize, latent source, …
    interval: tuple[float, float] | None = None  # 95 % bootstrap interval over samples

    @property
    def best(self) -> float | None:
        """Return the best value, where neither higher nor lower is better, else None."""
        return self.conditions.get("best")

    @property
    def arrow(self) -> str:
        """Return where the best values lie: ↑, ↓, or "→ 1" where a value of 1 is best."""
        if self.best is not None:
            return f"→ {self.best:g}"
        return "↑" if self.higher_is_better else "↓"

    @property
    def better(self) -> str:
        """Return the same in a word: "higher", "lower" or "nearer to 1"."""
        if self.best is not None:
            return f"nearer to {self.best:g}"
        return "higher" if self.higher_is_better else "lower"

    def penalty(self, value: float) -> float:
        """Return a number that grows as `value` gets worse; half and twice the best are equal.

        >>> score = Score(0.5, n=8, higher_is_better=True, conditions={"best": 1.0})
        >>> score.penalty(0.5) == score.penalty(2.0) > score.penalty(1.0)
        True
        """
        if self.best is not None:
            return abs(math.log(value / self.best)) if value > 0 else math.inf
        return -value if self.higher_is_better else value


Scores = dict[str, Score]


@dataclass
class Record:
    """What a run leaves behind, as record.json."""

    run: str
    config: dict
    command: list[str]
    environment: dict[str, str]
    seed: int
    weights: dict[str, str] = field(default_factory=dict)  # name → sha256
    timings: dict[str, float] = field(default_factory=dict)  # seconds per stage
    scores: dict[str, Scores] = field(default_factory=dict)  # system → metric → Score
    samples: list[dict] = field(default_factory=list)  # pictures with their conditions
    notes: list[str] = field(default_factory=list)
