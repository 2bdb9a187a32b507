"""BiSeNet (Yu et al. 2018) in the form of the published face parser `79999_iter.pth`.

Tensor names follow that file, which loads without renaming. Its 19 classes have an order of their
own; `logits` returns them in CelebAMask-HQ order.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.labels import ORDERS
from gantoolkit.networks.blocks import fit, imagenet_normalize, resize_logits

TO_CELEBAMASK = ORDERS["bisenet"]  # class of the published file → CelebAMask-HQ


class ConvBNReLU(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class BasicBlock(nn.Module):
    """ResNet-18's block."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if inputs != outputs or stride != 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(y + shortcut)


class ResNet18(nn.Module):
    """Map images to features at 1/8, 1/16 and 1/32 of their size."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = self._layer(64, 64, stride=1)
        self.layer2 = self._layer(64, 128, stride=2)
        self.layer3 = self._layer(128, 256, stride=2)
        self.layer4 = self._layer(256, 512, stride=2)

    @staticmethod
    def _layer(inputs: int, outputs: int, stride: int) -> nn.Sequential:
        first = BasicBlock(inputs, outputs, stride)
        second = BasicBlock(outputs, outputs, stride=1)
        return nn.Sequential(first, second)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.max_pool2d(x, 3, 2, 1)
        fourth = self.layer1(x)
        eighth = self.layer2(fourth)
        sixteenth = self.layer3(eighth)
        return eighth, sixteenth, self.layer4(sixteenth)


class AttentionRefinement(nn.Module):
    """A convolution whose channels are scaled by the sigmoid of their global mean."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv = ConvBNReLU(inputs, outputs)
        self.conv_atten = nn.Conv2d(outputs, outputs, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        mean = x.mean((2, 3), keepdim=True)
        attention = self.bn_atten(self.conv_atten(mean))
        return x * torch.sigmoid(attention)


class ContextPath(nn.Module):
    """Return the map at 1/8, and two refined maps brought to 1/8 and 1/16."""

    def __init__(self):
        super().__init__()
        self.resnet = ResNet18()
        self.arm16 = AttentionRefinement(256, 128)
        self.arm32 = AttentionRefinement(512, 128)
        self.conv_head32 = ConvBNReLU(128, 128)
        self.conv_head16 = ConvBNReLU(128, 128)
        self.conv_avg = ConvBNReLU(512, 128, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        eighth, sixteenth, coarsest = self.resnet(x)
        context = self.conv_avg(coarsest.mean((2, 3), keepdim=True))
        deep = self.arm32(coarsest) + context
        deep = F.interpolate(deep, sixteenth.shape[-2:], mode="nearest")
        deep = self.conv_head32(deep)
        near = self.arm16(sixteenth) + deep
        near = F.interpolate(near, eighth.shape[-2:], mode="nearest")
        return eighth, self.conv_head16(near), deep


class FeatureFusion(nn.Module):
    """Join detail and context; channels are re-weighted by their global mean."""

    def __init__(self, inputs: int = 256, outputs: int = 256):
        super().__init__()
        self.convblk = ConvBNReLU(inputs, outputs, 1)
        self.conv1 = nn.Conv2d(outputs, outputs // 4, 1, bias=False)
        self.conv2 = nn.Conv2d(outputs // 4, outputs, 1, bias=False)

    def forward(self, detail: Tensor, context: Tensor) -> Tensor:
        x = self.convblk(torch.cat([detail, context], 1))
        weight = x.mean((2, 3), keepdim=True)
        weight = F.relu(self.conv1(weight))
        weight = torch.sigmoid(self.conv2(weight))
        return x * weight + x


class Head(nn.Module):
    """Logits at the map's size."""

    def __init__(self, inputs: int, middle: int, labels: int):
        super().__init__()
        self.conv = ConvBNReLU(inputs, middle)
        self.conv_out = nn.Conv2d(middle, labels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_out(self.conv(x))


class BiSeNet(nn.Module):
    """Label the pixels of faces.

    `forward` takes ImageNet-normalized images and returns three logit maps in the file's class
    order. `logits` takes images −1..1 of any size and returns one, in CelebAMask-HQ order.

    resolution  at which `logits` parses
    labels      number of classes
    """

    def __init__(self, resolution: int = 512, labels: int = 19):
        super().__init__()
        self.resolution = resolution
        self.labels = labels
        self.cp = ContextPath()
        self.ffm = FeatureFusion()
        self.conv_out = Head(256, 256, labels)
        self.conv_out16 = Head(128, 64, labels)
        self.conv_out32 = Head(128, 64, labels)

    @property
    def arch(self) -> dict:
        """Return the constructor's arguments, for weights files."""
        return {"type": "BiSeNet", "resolution": self.resolution, "labels": self.labels}

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        eighth, near, deep = self.cp(x)
        fused = self.ffm(eighth, near)
        maps = self.conv_out(fused), self.conv_out16(near), self.conv_out32(deep)
        return tuple(self._enlarge(logits, x) for logits in maps)

    @staticmethod
    def _enlarge(logits: Tensor, like: Tensor) -> Tensor:
        size = like.shape[-2:]
        return F.interpolate(logits, size, mode="bilinear", align_corners=True)

    def logits(self, images: Tensor) -> Tensor:
        """Return logits [B,19,H,W] in CelebAMask-HQ order."""
        pixels = imagenet_normalize(fit(images, self.resolution))
        published, _, _ = self(pixels)
        logits = torch.empty_like(published)
        logits[:, list(TO_CELEBAMASK)] = published
        return resize_logits(logits, images.shape[-2:])
