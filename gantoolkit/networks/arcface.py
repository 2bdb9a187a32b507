"""ArcFace: an IR-SE residual network whose unit embedding tells people apart (Deng et al. 2019).

One class for every size: IR-SE50 of the pSp family (512 numbers from 112² crops) and the small one
of the zoo. Tensor names follow the published `model_ir_se50.pth`, which loads without renaming.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.suggest import check_choice
from gantoolkit.networks.blocks import fit


class Crop(NamedTuple):
    """The part of an image that the network sees: of size×size pixels those within the edges."""

    size: int
    top: int
    bottom: int
    left: int
    right: int


IR_SE50 = ((64, 3), (128, 4), (256, 14), (512, 3))  # (width, number of units) per stage
PSP_CROP = Crop(256, 35, 223, 32, 220)  # only for FFHQ-aligned faces
EG3D_CROP = Crop(256, 6, 206, 26, 226)  # the same part of a face in EG3D's framing (data/crop.py)
CROPS = {"ffhq": PSP_CROP, "eg3d": EG3D_CROP}


def find_crop(framing: str) -> Crop:
    """Return the crop for images that frame faces as 'ffhq' or 'eg3d' does; refuse others."""
    check_choice("crop", framing, CROPS)
    return CROPS[framing]


class SqueezeExcite(nn.Module):
    """Channel attention: scale by sigmoid(fc2(relu(fc1(mean over pixels))))."""

    def __init__(self, channels: int, reduction: int = 16):
        super().__init__()
        hidden = max(1, channels // reduction)
        self.fc1 = nn.Conv2d(channels, hidden, 1, bias=False)
        self.fc2 = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        weight = x.mean((2, 3), keepdim=True)
        weight = F.relu(self.fc1(weight))
        weight = torch.sigmoid(self.fc2(weight))
        return x * weight


class IRSEUnit(nn.Module):
    """Improved residual unit: BN, conv, PReLU, strided conv, BN, squeeze-excite, and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        if inputs == outputs:
            self.shortcut_layer = nn.MaxPool2d(1, stride)
        else:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                nn.BatchNorm2d(outputs),
            )
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False),
            nn.PReLU(outputs),
            nn.Conv2d(outputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            SqueezeExcite(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut_layer(x) + self.res_layer(x)


def build_trunk(
    units: tuple[tuple[int, int], ...], inputs: int = 3
) -> tuple[nn.Sequential, nn.Sequential, int]:
    """Build an IR-SE network: (input layer, stages, channels at the end).

    units  (width, number of units) of each stage, which halves the size
    """
    width = units[0][0]
    input_layer = nn.Sequential(
        nn.Conv2d(inputs, width, 3, 1, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.PReLU(width),
    )
    body = []
    for outputs, count in units:
        for index in range(count):
            body.append(IRSEUnit(width, outputs, stride=2 if index == 0 else 1))
            width = outputs
    return input_layer, nn.Sequential(*body), width


class ArcFace(nn.Module):
    """Embed images [B,3,H,W] in −1..1 as unit vectors [B,embedding].

    size       pixels that the network sees, halved by every stage
    units      (width, number of units) per stage
    embedding  numbers of an embedding
    crop       (image size, top, bottom, left, right) before resizing, None for the whole image
    dropout    before the last layer

    >>> network = ArcFace(size=16, units=((8, 1), (8, 1)), embedding=4).eval()
    >>> embeddings = network.embed(torch.rand(2, 3, 64, 64) * 2 - 1)
    >>> embeddings.shape, bool(torch.allclose(embeddings.norm(dim=1), torch.ones(2)))
    (torch.Size([2, 4]), True)
    """

    def __init__(
        self,
        size: int = 64,
        units: tuple = ((16, 1), (48, 2), (96, 2), (128, 2)),
        embedding: int = 128,
        crop: tuple[int, ...] | None = None,
        dropout: float = 0.2,
    ):
        super().__init__()
        self.size = size
        self.units = tuple((int(width), int(count)) for width, count in units)
        self.embedding = embedding
        self.crop = None if crop is None else tuple(crop)
        self.dropout = dropout

        self.input_layer, self.body, width = build_trunk(self.units)
        side = size // 2 ** len(self.units)
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.Dropout(dropout),
            nn.Flatten(),
            nn.Linear(width * side * side, embedding),
            nn.BatchNorm1d(embedding),
        )

    @property
    def arch(self) -> dict:
        """Return the constructor's arguments, for weights files."""
        return {
            "type": "ArcFace",
            "size": self.size,
            "units": [list(unit) for unit in self.units],
            "embedding": self.embedding,
            "crop": self.crop and list(self.crop),
            "dropout": self.dropout,
        }

    def prepare(self, images: Tensor) -> Tensor:
        """Crop and resize images [B,3,H,W] to the size×size pixels that the network sees."""
        if self.crop is None:
            return fit(images, self.size)
        whole, top, bottom, left, right = self.crop
        cropped = fit(images, whole)[:, :, top:bottom, left:right]
        return F.adaptive_avg_pool2d(cropped, self.size)

    def raw_embedding(self, pixels: Tensor) -> Tensor:
        """Embed prepared pixels, before scaling to unit length: [B,D]."""
        x = self.input_layer(pixels)
        x = self.body(x)
        return self.output_layer(x)

    def embed(self, images: Tensor) -> Tensor:
        """Return unit embeddings [B,D]."""
        embedding = self.raw_embedding(self.prepare(images))
        return F.normalize(embedding.float(), dim=1)

    forward = embed


def irse50() -> ArcFace:
    """Build the IR-SE50 of pSp's identity loss, with its crop of a 256×256 face."""
    return ArcFace(112, IR_SE50, 512, PSP_CROP, 0.6)


def angular_margin(
    cosine: Tensor, labels: Tensor, scale: float = 32.0, margin: float = 0.3
) -> Tensor:
    """Return logits s·cos(θ + m·[label]) of cosines [B,P] and right columns [B] (Eq. 3).

    Beyond θ = π − m the curve goes on falling linearly, as in the published code.
    """
    cosine = cosine.float().clamp(-1 + 1e-6, 1 - 1e-6)
    true = cosine.gather(1, labels[:, None])
    sine = (1 - true**2).sqrt()
    shifted = true * math.cos(margin) - sine * math.sin(margin)
    is_within = true > -math.cos(margin)
    shifted = torch.where(is_within, shifted, true - margin * math.sin(margin))
    return scale * cosine.scatter(1, labels[:, None], shifted)
