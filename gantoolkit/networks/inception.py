"""The Inception-v3 of FID (Szegedy et al. 2016, with the pooling of the TensorFlow graph of 2015-12-05).

Tensor names follow torchvision's, which the published `pt_inception-2015-12-05` file uses, so that it loads without
renaming. It differs from torchvision's network in its average pooling (borders do not count), in the last block's
maximum, and in 1,008 classes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.suggest import check_choice

SIZE = 299
RESIZES = {  # how images become 299×299
    "clean": dict(mode="bicubic", antialias=True),  # as clean-fid: no aliasing
    "torch": dict(mode="bilinear", antialias=False),  # as pytorch-fid
    "tf": None,  # as the graph itself, which ADA and EG3D call
}


def graph_input(images: Tensor) -> Tensor:
    """Images [B,3,H,W] in −1..1 → what the graph of 2015-12-05 makes of their 8-bit pixels v [B,3,299,299].

    TensorFlow 1 resizes bilinearly from the corner (pixel i lies at i·H/299, not at its middle), then (v − 128) / 128.
    """
    pixels = images.float().add(1).mul(127.5).round().clamp(0, 255)
    for axis in (2, 3):
        count = pixels.shape[axis]
        place = torch.arange(SIZE, device=pixels.device) * (count / SIZE)
        low = place.long()
        share = (place - low).view([-1 if d == axis else 1 for d in range(4)])
        pixels = torch.lerp(
            pixels.index_select(axis, low),
            pixels.index_select(axis, (low + 1).clamp(max=count - 1)),
            share,
        )
    return (pixels - 128) / 128


class Conv(nn.Module):
    """Convolution, batch norm (ε 0.001), ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel=1, stride: int = 1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


def average(x: Tensor) -> Tensor:
    """3×3 average whose border windows divide by the pixels inside."""
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


def shrink(x: Tensor) -> Tensor:
    """3×3 maximum with stride 2."""
    return F.max_pool2d(x, 3, 2)


class BlockA(nn.Module):
    """35×35: 1×1, 5×5, two 3×3, pooling."""

    def __init__(self, inputs: int, pool: int):
        super().__init__()
        self.branch1x1 = Conv(inputs, 64)
        self.branch5x5_1, self.branch5x5_2 = Conv(inputs, 48), Conv(48, 64, 5, padding=2)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Conv(inputs, 64), Conv(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Conv(96, 96, 3, padding=1)
        self.branch_pool = Conv(inputs, pool)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat(
            [
                self.branch1x1(x),
                self.branch5x5_2(self.branch5x5_1(x)),
                double,
                self.branch_pool(average(x)),
            ],
            1,
        )


class BlockB(nn.Module):
    """35×35 → 17×17."""

    def __init__(self, inputs: int):
        super().__init__()
        self.branch3x3 = Conv(inputs, 384, 3, 2)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Conv(inputs, 64), Conv(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Conv(96, 96, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, shrink(x)], 1)


class BlockC(nn.Module):
    """17×17: 7×7 as 1×7 and 7×1."""

    def __init__(self, inputs: int, width: int):
        super().__init__()
        wide, tall = dict(kernel=(1, 7), padding=(0, 3)), dict(kernel=(7, 1), padding=(3, 0))
        self.branch1x1 = Conv(inputs, 192)
        self.branch7x7_1, self.branch7x7_2, self.branch7x7_3 = (
            Conv(inputs, width),
            Conv(width, width, **wide),
            Conv(width, 192, **tall),
        )
        self.branch7x7dbl_1, self.branch7x7dbl_2 = Conv(inputs, width), Conv(width, width, **tall)
        self.branch7x7dbl_3, self.branch7x7dbl_4 = (
            Conv(width, width, **wide),
            Conv(width, width, **tall),
        )
        self.branch7x7dbl_5 = Conv(width, 192, **wide)
        self.branch_pool = Conv(inputs, 192)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(x), single, double, self.branch_pool(average(x))], 1)


class BlockD(nn.Module):
    """17×17 → 8×8."""

    def __init__(self, inputs: int):
        super().__init__()
        self.branch3x3_1, self.branch3x3_2 = Conv(inputs, 192), Conv(192, 320, 3, 2)
        self.branch7x7x3_1, self.branch7x7x3_2 = (
            Conv(inputs, 192),
            Conv(192, 192, (1, 7), padding=(0, 3)),
        )
        self.branch7x7x3_3, self.branch7x7x3_4 = (
            Conv(192, 192, (7, 1), padding=(3, 0)),
            Conv(192, 192, 3, 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        long = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat([self.branch3x3_2(self.branch3x3_1(x)), long, shrink(x)], 1)


class BlockE(nn.Module):
    """8×8: 3×3 as 1×3 beside 3×1; `last` pools by maximum."""

    def __init__(self, inputs: int, last: bool = False):
        super().__init__()
        wide, tall = dict(kernel=(1, 3), padding=(0, 1)), dict(kernel=(3, 1), padding=(1, 0))
        self.last = last
        self.branch1x1, self.branch3x3_1 = Conv(inputs, 320), Conv(inputs, 384)
        self.branch3x3_2a, self.branch3x3_2b = Conv(384, 384, **wide), Conv(384, 384, **tall)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Conv(inputs, 448), Conv(448, 384, 3, padding=1)
        self.branch3x3dbl_3a, self.branch3x3dbl_3b = Conv(384, 384, **wide), Conv(384, 384, **tall)
        self.branch_pool = Conv(inputs, 192)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pooled = F.max_pool2d(x, 3, 1, 1) if self.last else average(x)
        return torch.cat(
            [
                self.branch1x1(x),
                self.branch3x3_2a(single),
                self.branch3x3_2b(single),
                self.branch3x3dbl_3a(double),
                self.branch3x3dbl_3b(double),
                self.branch_pool(pooled),
            ],
            1,
        )


def check_resize(resize: str) -> str:
    """The name of a resize; others are refused."""
    check_choice("resize", resize, RESIZES)
    return resize


class Inception(nn.Module):
    """Images −1..1 of any size to the 2,048 features of FID.

    resize  how they become 299×299: 'clean', 'torch' or 'tf'; it changes FID, so it is recorded with every score
    """

    def __init__(self, resize: str = "clean", classes: int = 1008):
        super().__init__()
        self.resize, self.classes = check_resize(resize), classes
        self.Conv2d_1a_3x3, self.Conv2d_2a_3x3 = Conv(3, 32, 3, 2), Conv(32, 32, 3)
        self.Conv2d_2b_3x3 = Conv(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1, self.Conv2d_4a_3x3 = Conv(64, 80), Conv(80, 192, 3)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = (
            BlockA(192, 32),
            BlockA(256, 64),
            BlockA(288, 64),
        )
        self.Mixed_6a = BlockB(288)
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = (
            BlockC(768, w) for w in (128, 160, 160, 192)
        )
        self.Mixed_7a = BlockD(768)
        self.Mixed_7b, self.Mixed_7c = BlockE(1280), BlockE(2048, last=True)
        self.fc = nn.Linear(2048, classes)

    @property
    def arch(self) -> dict:
        """The constructor's arguments, for weights files."""
        return {"type": "Inception", "resize": self.resize, "classes": self.classes}

    def trunk(self, x: Tensor) -> Tensor:
        """Pixels [B,3,299,299] in −1..1 to [B,2048]."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = shrink(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(shrink(x))))
        x = self.Mixed_6a(self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(x))))
        return self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x))).mean((2, 3))

    def features(self, images: Tensor) -> Tensor:
        """[B,2048] of images [B,3,H,W] in −1..1."""
        if self.resize == "tf":
            return self.trunk(graph_input(images))
        if images.shape[-2:] != (SIZE, SIZE):
            images = F.interpolate(
                images.float(), (SIZE, SIZE), align_corners=False, **RESIZES[self.resize]
            )
        return self.trunk(images.clamp(-1, 1))

    forward = features
