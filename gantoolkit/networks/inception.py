"""The Inception-v3 of FID (Szegedy et al. 2016), as in the TensorFlow graph of 2015-12-05.

Tensor names follow torchvision's, which the published `pt_inception-2015-12-05` file uses, so that
it loads without renaming. It differs from torchvision's network in its average pooling (borders do
not count), in the last block's maximum, and in 1,008 classes.
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
    """Prepare images [B,3,H,W] in −1..1 as the graph of 2015-12-05 does: [B,3,299,299].

    TensorFlow 1 resizes 8-bit pixels v bilinearly from the corner (pixel i lies at i·H/299, not at
    its center); then comes (v − 128) / 128.
    """
    pixels = images.float().add(1).mul(127.5).round().clamp(0, 255)
    for axis in (2, 3):
        pixels = _resize_from_corner(pixels, axis)
    return (pixels - 128) / 128


def _resize_from_corner(pixels: Tensor, axis: int) -> Tensor:
    count = pixels.shape[axis]
    position = torch.arange(SIZE, device=pixels.device) * (count / SIZE)
    lower = position.long()
    upper = (lower + 1).clamp(max=count - 1)
    shape = [-1 if dim == axis else 1 for dim in range(4)]
    fraction = (position - lower).view(shape)
    below = pixels.index_select(axis, lower)
    above = pixels.index_select(axis, upper)
    return torch.lerp(below, above, fraction)


class Conv(nn.Module):
    """Convolution, batch norm (ε 0.001), ReLU."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int] = 1,
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


def conv_1x7(inputs: int, outputs: int) -> Conv:
    """Build a convolution one pixel high and seven wide."""
    return Conv(inputs, outputs, (1, 7), padding=(0, 3))


def conv_7x1(inputs: int, outputs: int) -> Conv:
    """Build a convolution seven pixels high and one wide."""
    return Conv(inputs, outputs, (7, 1), padding=(3, 0))


def conv_1x3(inputs: int, outputs: int) -> Conv:
    """Build a convolution one pixel high and three wide."""
    return Conv(inputs, outputs, (1, 3), padding=(0, 1))


def conv_3x1(inputs: int, outputs: int) -> Conv:
    """Build a convolution three pixels high and one wide."""
    return Conv(inputs, outputs, (3, 1), padding=(1, 0))


def average_pool(x: Tensor) -> Tensor:
    """Average 3×3 pixels; border windows divide by the pixels inside."""
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


def strided_max_pool(x: Tensor) -> Tensor:
    """Take the maximum of 3×3 pixels with stride 2."""
    return F.max_pool2d(x, 3, 2)


class BlockA(nn.Module):
    """35×35: 1×1, 5×5, two 3×3, pooling."""

    def __init__(self, inputs: int, pool: int):
        super().__init__()
        self.branch1x1 = Conv(inputs, 64)
        self.branch5x5_1 = Conv(inputs, 48)
        self.branch5x5_2 = Conv(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = Conv(inputs, 64)
        self.branch3x3dbl_2 = Conv(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Conv(96, 96, 3, padding=1)
        self.branch_pool = Conv(inputs, pool)

    def forward(self, x: Tensor) -> Tensor:
        one = self.branch1x1(x)
        five = self.branch5x5_1(x)
        five = self.branch5x5_2(five)
        double = self.branch3x3dbl_1(x)
        double = self.branch3x3dbl_2(double)
        double = self.branch3x3dbl_3(double)
        pooled = self.branch_pool(average_pool(x))
        return torch.cat([one, five, double, pooled], 1)


class BlockB(nn.Module):
    """35×35 → 17×17."""

    def __init__(self, inputs: int):
        super().__init__()
        self.branch3x3 = Conv(inputs, 384, 3, 2)
        self.branch3x3dbl_1 = Conv(inputs, 64)
        self.branch3x3dbl_2 = Conv(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Conv(96, 96, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch3x3(x)
        double = self.branch3x3dbl_1(x)
        double = self.branch3x3dbl_2(double)
        double = self.branch3x3dbl_3(double)
        return torch.cat([single, double, strided_max_pool(x)], 1)


class BlockC(nn.Module):
    """17×17: 7×7 as 1×7 and 7×1."""

    def __init__(self, inputs: int, width: int):
        super().__init__()
        self.branch1x1 = Conv(inputs, 192)
        self.branch7x7_1 = Conv(inputs, width)
        self.branch7x7_2 = conv_1x7(width, width)
        self.branch7x7_3 = conv_7x1(width, 192)
        self.branch7x7dbl_1 = Conv(inputs, width)
        self.branch7x7dbl_2 = conv_7x1(width, width)
        self.branch7x7dbl_3 = conv_1x7(width, width)
        self.branch7x7dbl_4 = conv_7x1(width, width)
        self.branch7x7dbl_5 = conv_1x7(width, 192)
        self.branch_pool = Conv(inputs, 192)

    def forward(self, x: Tensor) -> Tensor:
        one = self.branch1x1(x)
        single = self.branch7x7_1(x)
        single = self.branch7x7_2(single)
        single = self.branch7x7_3(single)
        double = self.branch7x7dbl_1(x)
        double = self.branch7x7dbl_2(double)
        double = self.branch7x7dbl_3(double)
        double = self.branch7x7dbl_4(double)
        double = self.branch7x7dbl_5(double)
        pooled = self.branch_pool(average_pool(x))
        return torch.cat([one, single, double, pooled], 1)


class BlockD(nn.Module):
    """17×17 → 8×8."""

    def __init__(self, inputs: int):
        super().__init__()
        self.branch3x3_1 = Conv(inputs, 192)
        self.branch3x3_2 = Conv(192, 320, 3, 2)
        self.branch7x7x3_1 = Conv(inputs, 192)
        self.branch7x7x3_2 = conv_1x7(192, 192)
        self.branch7x7x3_3 = conv_7x1(192, 192)
        self.branch7x7x3_4 = Conv(192, 192, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        narrow = self.branch3x3_1(x)
        narrow = self.branch3x3_2(narrow)
        wide = self.branch7x7x3_1(x)
        wide = self.branch7x7x3_2(wide)
        wide = self.branch7x7x3_3(wide)
        wide = self.branch7x7x3_4(wide)
        return torch.cat([narrow, wide, strided_max_pool(x)], 1)


class BlockE(nn.Module):
    """8×8: 3×3 as 1×3 beside 3×1; `last` pools by maximum."""

    def __init__(self, inputs: int, last: bool = False):
        super().__init__()
        self.last = last
        self.branch1x1 = Conv(inputs, 320)
        self.branch3x3_1 = Conv(inputs, 384)
        self.branch3x3_2a = conv_1x3(384, 384)
        self.branch3x3_2b = conv_3x1(384, 384)
        self.branch3x3dbl_1 = Conv(inputs, 448)
        self.branch3x3dbl_2 = Conv(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = conv_1x3(384, 384)
        self.branch3x3dbl_3b = conv_3x1(384, 384)
        self.branch_pool = Conv(inputs, 192)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch3x3_1(x)
        double = self.branch3x3dbl_1(x)
        double = self.branch3x3dbl_2(double)
        pooled = F.max_pool2d(x, 3, 1, 1) if self.last else average_pool(x)
        branches = [
            self.branch1x1(x),
            self.branch3x3_2a(single),
            self.branch3x3_2b(single),
            self.branch3x3dbl_3a(double),
            self.branch3x3dbl_3b(double),
            self.branch_pool(pooled),
        ]
        return torch.cat(branches, 1)


def check_resize(resize: str) -> str:
    """Return the name of a resize; refuse others."""
    check_choice("resize", resize, RESIZES)
    return resize


class Inception(nn.Module):
    """Map images −1..1 of any size to the 2,048 features of FID.

    resize   how they become 299×299: 'clean', 'torch' or 'tf'; it changes FID, so it is recorded
             with every score
    classes  of the last layer, which FID does not use
    """

    def __init__(self, resize: str = "clean", classes: int = 1008):
        super().__init__()
        self.resize = check_resize(resize)
        self.classes = classes
        self.Conv2d_1a_3x3 = Conv(3, 32, 3, 2)
        self.Conv2d_2a_3x3 = Conv(32, 32, 3)
        self.Conv2d_2b_3x3 = Conv(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = Conv(64, 80)
        self.Conv2d_4a_3x3 = Conv(80, 192, 3)
        self.Mixed_5b = BlockA(192, 32)
        self.Mixed_5c = BlockA(256, 64)
        self.Mixed_5d = BlockA(288, 64)
        self.Mixed_6a = BlockB(288)
        self.Mixed_6b = BlockC(768, 128)
        self.Mixed_6c = BlockC(768, 160)
        self.Mixed_6d = BlockC(768, 160)
        self.Mixed_6e = BlockC(768, 192)
        self.Mixed_7a = BlockD(768)
        self.Mixed_7b = BlockE(1280)
        self.Mixed_7c = BlockE(2048, last=True)
        self.fc = nn.Linear(2048, classes)

    @property
    def arch(self) -> dict:
        """Return the constructor's arguments, for weights files."""
        return {"type": "Inception", "resize": self.resize, "classes": self.classes}

    def trunk(self, x: Tensor) -> Tensor:
        """Map pixels [B,3,299,299] in −1..1 to features [B,2048]."""
        x = self.Conv2d_1a_3x3(x)
        x = self.Conv2d_2a_3x3(x)
        x = self.Conv2d_2b_3x3(x)
        x = strided_max_pool(x)
        x = self.Conv2d_3b_1x1(x)
        x = self.Conv2d_4a_3x3(x)
        x = strided_max_pool(x)
        x = self.Mixed_5b(x)
        x = self.Mixed_5c(x)
        x = self.Mixed_5d(x)
        x = self.Mixed_6a(x)
        x = self.Mixed_6b(x)
        x = self.Mixed_6c(x)
        x = self.Mixed_6d(x)
        x = self.Mixed_6e(x)
        x = self.Mixed_7a(x)
        x = self.Mixed_7b(x)
        x = self.Mixed_7c(x)
        return x.mean((2, 3))

    def features(self, images: Tensor) -> Tensor:
        """Return features [B,2048] of images [B,3,H,W] in −1..1."""
        if self.resize == "tf":
            return self.trunk(graph_input(images))
        if images.shape[-2:] != (SIZE, SIZE):
            how = RESIZES[self.resize]
            images = F.interpolate(images.float(), (SIZE, SIZE), align_corners=False, **how)
        return self.trunk(images.clamp(-1, 1))

    forward = features
