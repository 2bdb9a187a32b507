"""PiDiNet (Su et al. 2021), the edge detector behind scribbles: pixel differences as plain convolutions.

A convolution of pixel differences is linear in the pixels, so it equals an ordinary convolution with a
rearranged kernel; `convert` rearranges a published state dict once, and only that form is run here.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KINDS = (
    "cd",
    "ad",
    "rd",
    "cv",
)  # central, angular, radial difference, plain: the order of config carv4
STAGES = (3, 4, 4, 4)  # blocks per stage; the first of stages 2 to 4 halves the size
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_ROTATED = (3, 0, 1, 6, 4, 2, 7, 8, 5)  # the neighbour one step round the ring, per position of 3×3
_OUTER = (
    0,
    2,
    4,
    10,
    14,
    20,
    22,
    24,
)  # positions of 5×5 that positions 0..3, 5..8 of 3×3 move out to
_INNER = (6, 7, 8, 11, 13, 16, 17, 18)


def plain_kernel(kernel: Tensor, kind: str) -> Tensor:
    """The ordinary kernel [O,I,3,3] (radial: [O,I,5,5]) of a pixel-difference kernel [O,I,3,3]."""
    w = kernel.flatten(2)
    if kind == "cv":
        return kernel
    if kind == "cd":  # w·(x − x_centre)
        w = w.clone()
        w[..., 4] = kernel.flatten(2)[..., 4] - kernel.flatten(2).sum(-1)
        return w.view_as(kernel)
    if kind == "ad":  # w·(x − x rotated by one step)
        return (w - w[..., list(_ROTATED)]).view_as(kernel)
    wide = w.new_zeros(*w.shape[:2], 25)  # w·(x two steps out − x one step out)
    wide[..., list(_OUTER)], wide[..., list(_INNER)] = w[..., 1:], -w[..., 1:]
    return wide.view(*w.shape[:2], 5, 5)


def block_names() -> list[str]:
    """Names of the convolutions with pixel differences, in order: kind k of `KINDS` repeats along them."""
    return [
        "init_block",
        *(f"block{s}_{n}.conv1" for s, count in enumerate(STAGES, 1) for n in range(1, count + 1)),
    ]


def convert(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A published state dict (config carv4, keys perhaps with `module.`) in the plain form."""
    state = {key.removeprefix("module."): value for key, value in state.items()}
    for number, name in enumerate(block_names()):
        key = f"{name}.weight"
        state[key] = plain_kernel(state[key], KINDS[number % 4])
    return state


class Block(nn.Module):
    """x + 1×1(relu(depthwise(x))), after pooling when it starts a stage."""

    def __init__(self, inputs: int, outputs: int, kernel: int, starts: bool):
        super().__init__()
        self.starts = starts
        if starts:
            self.shortcut = nn.Conv2d(inputs, outputs, 1)
        self.conv1 = nn.Conv2d(
            inputs, inputs, kernel, padding=kernel // 2, groups=inputs, bias=False
        )
        self.conv2 = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.starts:
            x = F.max_pool2d(x, 2)
        return self.conv2(F.relu(self.conv1(x))) + (self.shortcut(x) if self.starts else x)


class Dilation(nn.Module):
    """Compact dilation module: the sum of four dilated convolutions."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 1)
        for n, rate in enumerate((5, 7, 9, 11), 1):
            wide = nn.Conv2d(outputs, outputs, 3, padding=rate, dilation=rate, bias=False)
            setattr(self, f"conv2_{n}", wide)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(F.relu(x))
        return self.conv2_1(x) + self.conv2_2(x) + self.conv2_3(x) + self.conv2_4(x)


class Attention(nn.Module):
    """Compact spatial attention module: places scaled by a sigmoid."""

    def __init__(self, width: int):
        super().__init__()
        self.conv1 = nn.Conv2d(width, 4, 1)
        self.conv2 = nn.Conv2d(4, 1, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.conv2(self.conv1(F.relu(x))))


class Reduce(nn.Module):
    """A map to one channel."""

    def __init__(self, width: int):
        super().__init__()
        self.conv = nn.Conv2d(width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class PiDiNet(nn.Module):
    """`forward` takes ImageNet-normalised images; `edges` takes images −1..1.

    width     60 (table5_pidinet), 30 (small) or 20 (tiny)
    dilation  channels of the dilation and attention modules, None in the `-l` files
    """

    def __init__(self, width: int = 60, dilation: int | None = 24):
        super().__init__()
        self.width, self.dilation = width, dilation
        self.init_block = nn.Conv2d(3, width, 3, padding=1, bias=False)
        widths, number = (width, 2 * width, 4 * width, 4 * width), 1
        for stage, (count, outputs) in enumerate(zip(STAGES, widths), 1):
            for n in range(1, count + 1):
                starts = stage > 1 and n == 1
                inputs = widths[stage - 2] if starts else outputs
                kernel = 5 if KINDS[number % 4] == "rd" else 3
                setattr(self, f"block{stage}_{n}", Block(inputs, outputs, kernel, starts))
                number += 1
        if dilation:
            self.dilations = nn.ModuleList(Dilation(w, dilation) for w in widths)
            self.attentions = nn.ModuleList(Attention(dilation) for _ in widths)
        self.conv_reduces = nn.ModuleList(Reduce(dilation or w) for w in widths)
        self.classifier = nn.Conv2d(4, 1, 1)

    @property
    def arch(self) -> dict:
        """The constructor's arguments, for weights files."""
        return {"type": "PiDiNet", "width": self.width, "dilation": self.dilation}

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Four side maps and their fusion, each [B,1,H,W] in 0..1."""
        size, sides = x.shape[-2:], []
        x = self.init_block(x)
        for stage, count in enumerate(STAGES, 1):
            for n in range(1, count + 1):
                x = getattr(self, f"block{stage}_{n}")(x)
            y = self.attentions[stage - 1](self.dilations[stage - 1](x)) if self.dilation else x
            y = self.conv_reduces[stage - 1](y)
            sides.append(F.interpolate(y, size, mode="bilinear", align_corners=False))
        return tuple(torch.sigmoid(m) for m in (*sides, self.classifier(torch.cat(sides, 1))))

    def edges(self, images: Tensor) -> Tensor:
        """Edge strength [B,1,H,W] in 0..1 of images −1..1."""
        mean, std = (images.new_tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
        return self((images / 2 + 0.5 - mean) / std)[-1]
