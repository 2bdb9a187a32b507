"""ArcFace: an IR-SE residual network whose unit embedding tells people apart (Deng et al. 2019).

One class for every size: IR-SE50 of the pSp family (512 numbers from 112² crops) and the small one of the
zoo. Names of tensors follow the published `model_ir_se50.pth`, so that file loads without renaming.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.suggest import check_choice
from gantoolkit.networks.blocks import fit

IR_SE50 = ((64, 3), (128, 4), (256, 14), (512, 3))
PSP_CROP = (256, 35, 223, 32, 220)  # size, top, bottom, left, right: for FFHQ-aligned faces only
EG3D_CROP = (
    256,
    6,
    206,
    26,
    226,
)  # the same part of a face where EG3D's crop frames it (data/crop.py)
CROPS = {"ffhq": PSP_CROP, "eg3d": EG3D_CROP}


def find_crop(framing: str) -> tuple[int, ...]:
    """The crop for images that frame faces as 'ffhq' or 'eg3d' does; others are refused."""
    check_choice("crop", framing, CROPS)
    return CROPS[framing]


class SqueezeExcite(nn.Module):
    """Channel attention: scale by sigmoid(fc2(relu(fc1(mean over places))))."""

    def __init__(self, channels: int, reduction: int = 16):
        super().__init__()
        hidden = max(1, channels // reduction)
        self.fc1 = nn.Conv2d(channels, hidden, 1, bias=False)
        self.fc2 = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(x.mean((2, 3), keepdim=True)))))


class Unit(nn.Module):
    """Improved residual unit: BN, conv, PReLU, conv with stride, BN, squeeze-excite, plus a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        if inputs == outputs:
            self.shortcut_layer = nn.MaxPool2d(1, stride)
        else:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
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


def trunk(
    units: tuple[tuple[int, int], ...], inputs: int = 3
) -> tuple[nn.Sequential, nn.Sequential, int]:
    """(input layer, stages, channels at the end) of an IR-SE network.

    units  (width, count) of the units of each stage, which halves the size
    """
    width = units[0][0]
    first = nn.Sequential(
        nn.Conv2d(inputs, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.PReLU(width)
    )
    body = []
    for outputs, count in units:
        for n in range(count):
            body.append(Unit(width, outputs, 2 if n == 0 else 1))
            width = outputs
    return first, nn.Sequential(*body), width


class ArcFace(nn.Module):
    """Images −1..1 RGB of any size to unit embeddings.

    size       what the network sees: size×size pixels, halved by every stage
    units      (width, number of units) per stage
    crop       (image size, top, bottom, left, right) taken before resizing, or None for the whole image
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
        self.size, self.embedding, self.dropout = size, embedding, dropout
        self.units = tuple((int(w), int(n)) for w, n in units)
        self.crop = None if crop is None else tuple(crop)
        self.input_layer, self.body, width = trunk(self.units)
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
        """The constructor's arguments, for weights files."""
        return {
            "type": "ArcFace",
            "size": self.size,
            "units": [list(u) for u in self.units],
            "embedding": self.embedding,
            "crop": self.crop and list(self.crop),
            "dropout": self.dropout,
        }

    def prepare(self, images: Tensor) -> Tensor:
        """The size×size pixels that the network sees of images [B,3,H,W]."""
        if self.crop is not None:
            whole, top, bottom, left, right = self.crop
            images = fit(images, whole)[:, :, top:bottom, left:right]
            return F.adaptive_avg_pool2d(images, self.size)
        return fit(images, self.size)

    def raw(self, pixels: Tensor) -> Tensor:
        """Embedding [B,D] before it is scaled to unit length, of prepared pixels."""
        return self.output_layer(self.body(self.input_layer(pixels)))

    def embed(self, images: Tensor) -> Tensor:
        """Unit embedding [B,D]."""
        return F.normalize(self.raw(self.prepare(images)).float(), dim=1)

    forward = embed


def irse50() -> ArcFace:
    """The IR-SE50 of pSp's identity loss, with its crop of a 256×256 face."""
    return ArcFace(112, IR_SE50, 512, PSP_CROP, 0.6)


def angular_margin(
    cosine: Tensor, labels: Tensor, scale: float = 32.0, margin: float = 0.3
) -> Tensor:
    """Logits s·cos(θ + m·[label]) from cosines [B,P] and the column [B] that is right in each row.

    Beyond θ = π − m the curve goes on falling linearly, as in the published code.
    """
    cosine = cosine.float().clamp(-1 + 1e-6, 1 - 1e-6)
    true = cosine.gather(1, labels[:, None])
    shifted = true * math.cos(margin) - (1 - true**2).sqrt() * math.sin(margin)
    shifted = torch.where(true > -math.cos(margin), shifted, true - margin * math.sin(margin))
    return scale * cosine.scatter(1, labels[:, None], shifted)
