"""Keys of the configs of recognizers: tasks `parser`, `identity`, `towers` and `judge`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RecognizerConfig:
    """What the tasks of this folder share."""

    data: str  # zip of labelled faces
    held_out: float = 0.05  # share of the people whose pictures are never trained on, in 0..1
    augment: dict | None = None  # fields of Augmentation, such as {"flip": False}
    lr: float  # learning rate of AdamW
    weight_decay: float  # of weight matrices and kernels


@dataclass(frozen=True, kw_only=True)
class ParserConfig(RecognizerConfig):
    """All keys of the task `parser`."""

    lr: float = 3e-3  # learning rate of AdamW
    weight_decay: float = 0.01  # of weight matrices and kernels
    network: dict | None = None  # arguments of FaceParser
    # weight of the attribute loss: hair color, skin tone and the like decide what the encoder
    # keeps beside shapes, which matters for its use as a perceptual distance
    attributes: float = 0.3
    balance: float = 0.3  # of the cross-entropy's classes: 0 weighs pixels alike, 1 classes alike
    # modules of the network that learn: with ["decoder", "head"] the perceptual trunk stays as it
    # was; None = all
    train_only: list[str] | None = None


@dataclass(frozen=True, kw_only=True)
class IdentityConfig(RecognizerConfig):
    """All keys of the task `identity`."""

    lr: float = 2e-3  # learning rate of AdamW
    weight_decay: float = 0.02  # of weight matrices and kernels
    network: dict | None = None  # arguments of ArcFace
    # weight of the regression of the renderer's K identity factors (standard normals) by the first
    # K numbers before they are scaled to unit length, where the data has factors: a few thousand
    # rendered people with six pictures each are too few to learn from names only
    factors: float = 10.0
    pairs: float = 0.5  # weight of the angular loss
    margin: float = 0.1  # additive angular margin in radians
    scale: float = 10.0  # of the angular logits
    warmup: int = 300  # iterations over which `pairs` and `margin` grow from 0
    onnx: bool = True  # whether to export to ONNX too


@dataclass(frozen=True, kw_only=True)
class TowersConfig(RecognizerConfig):
    """All keys of the task `towers`."""

    lr: float = 1e-3  # learning rate of AdamW
    weight_decay: float = 0.05  # of weight matrices and kernels
    image: dict | None = None  # arguments of ImageTower
    vocab_size: int = 1000  # tokens of the tokenizer, at most
    max_length: int = 64  # longest text in tokens
    width: int = 96  # of the text tower: the diffusion model's cross_attention_dim
    layers: int = 4  # of the text tower
    heads: int = 4  # of the text tower's attention
    # weight of matching; 0 trains the text tower only, fast, and looks at no image
    contrast: float = 1.0
    # weight of predicting the attributes whose values a caption names, summed over them
    attributes: float = 0.5


@dataclass(frozen=True, kw_only=True)
class JudgeConfig(RecognizerConfig):
    """All keys of the task `judge`; keep the people of `data` out of every loss."""

    lr: float = 2e-3  # learning rate of AdamW
    weight_decay: float = 0.05  # of weight matrices and kernels
    network: dict | None = None  # arguments of the network Judge
    # weights of the losses parsing, pairs, factors, attributes and contrast; None = the defaults
    weights: dict | None = None
    # modules of the network that learn, such as ["parse"]; what the others see stays exactly as it
    # was; None = all
    train_only: list[str] | None = None
    margin: float = 0.1  # additive angular margin in radians
    scale: float = 16.0  # of the angular logits
    balance: float = 0.3  # of the cross-entropy's classes: 0 weighs pixels alike, 1 classes alike
