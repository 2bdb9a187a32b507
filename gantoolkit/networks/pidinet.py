"""PiDiNet (Su et al. 2021), the edge detector behind scribbles: pixel differences as convolutions.

A convolution of pixel differences is linear in the pixels, so it equals an ordinary convolution
with a rearranged kernel. `convert` rearranges a published state dict once; only that form is run
here.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.networks.blocks import imagenet_normalize

# differences: central, angular, radial, none; they alternate in this order (config carv4)
KINDS = ("cd", "ad", "rd", "cv")
STAGES = (3, 4, 4, 4)  # blocks per stage; the first of stages 2 to 4 halves the size

# positions of a 3×3 kernel, row by row: the neighbor one step around the ring
_ROTATED = (3, 0, 1, 6, 4, 2, 7, 8, 5)
# positions of a 5×5 kernel: two steps out and one step out from the center, for 1..8 of 3×3
_OUTER = (0, 2, 4, 10, 14, 20, 22, 24)
_INNER = (6, 7, 8, 11, 13, 16, 17, 18)


def plain_kernel(kernel: Tensor, kind: str) -> Tensor:
    """Return the ordinary kernel [O,I,3,3] (radial: [O,I,5,5]) of a pixel-difference kernel."""
    if kind == "cv":
        return kernel

    weights = kernel.flatten(2)
    if kind == "cd":  # Σ w·(x − x_center)
        central = weights.clone()
        central[..., 4] = weights[..., 4] - weights.sum(-1)
        return central.view_as(kernel)
    if kind == "ad":  # Σ w·(x − x rotated by one step)
        return (weights - weights[..., list(_ROTATED)]).view_as(kernel)
    radial = weights.new_zeros(*weights.shape[:2], 25)  # Σ w·(x two steps out − x one step out)
    radial[..., list(_OUTER)] = weights[..., 1:]
    radial[..., list(_INNER)] = -weights[..., 1:]
    return radial.view(*weights.shape[:2], 5, 5)


def block_names() -> list[str]:
    """List the convolutions with pixel differences; the kinds alternate along them."""
    names = ["init_block"]
    for stage, count in enumerate(STAGES, 1):
        names += [f"block{stage}_{index}.conv1" for index in range(1, count + 1)]
    return names


def convert(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Convert a published state dict (config carv4, keys perhaps with `module.`)."""
    state = {key.removeprefix("module."): value for key, value in state.items()}
    for index, name in enumerate(block_names()):
        key = f"{name}.weight"
        state[key] = plain_kernel(state[key], KINDS[index % 4])
    return state


class Block(nn.Module):
    """x + 1×1(relu(depthwise(x))), after pooling if it `starts` a stage."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        starts: bool,
    ):
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
        y = F.relu(self.conv1(x))
        y = self.conv2(y)
        shortcut = self.shortcut(x) if self.starts else x
        return y + shortcut


class Dilation(nn.Module):
    """Compact dilation module: the sum of four dilated convolutions."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 1)
        for index, rate in enumerate((5, 7, 9, 11), 1):
            conv = nn.Conv2d(outputs, outputs, 3, padding=rate, dilation=rate, bias=False)
            setattr(self, f"conv2_{index}", conv)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(F.relu(x))
        return self.conv2_1(x) + self.conv2_2(x) + self.conv2_3(x) + self.conv2_4(x)


class Attention(nn.Module):
    """Compact spatial attention module: pixels scaled by a sigmoid."""

    def __init__(self, width: int):
        super().__init__()
        self.conv1 = nn.Conv2d(width, 4, 1)
        self.conv2 = nn.Conv2d(4, 1, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        attention = self.conv1(F.relu(x))
        attention = self.conv2(attention)
        return x * torch.sigmoid(attention)


class Reduce(nn.Module):
    """Reduce a map to one channel."""

    def __init__(self, width: int):
        super().__init__()
        self.conv = nn.Conv2d(width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class PiDiNet(nn.Module):
    """Detect edges: `forward` takes ImageNet-normalized images, `edges` images −1..1.

    width     60 (table5_pidinet), 30 (small) or 20 (tiny)
    dilation  channels of the dilation and attention modules, None in the `-l` files
    """

    def __init__(self, width: int = 60, dilation: int | None = 24):
        super().__init__()
        self.width = width
        self.dilation = dilation
        self.init_block = nn.Conv2d(3, width, 3, padding=1, bias=False)

        widths = (width, 2 * width, 4 * width, 4 * width)
        inputs = width
        position = 1  # in block_names(), which decides the kind
        for stage, (count, outputs) in enumerate(zip(STAGES, widths), 1):
            for index in range(1, count + 1):
                starts = stage > 1 and index == 1
                kernel = 5 if KINDS[position % 4] == "rd" else 3
                setattr(self, f"block{stage}_{index}", Block(inputs, outputs, kernel, starts))
                inputs = outputs
                position += 1
        if dilation:
            self.dilations = nn.ModuleList(Dilation(w, dilation) for w in widths)
            self.attentions = nn.ModuleList(Attention(dilation) for _ in widths)
        self.conv_reduces = nn.ModuleList(Reduce(dilation or w) for w in widths)
        self.classifier = nn.Conv2d(4, 1, 1)

    @property
    def arch(self) -> dict:
        """Return the constructor's arguments, for weights files."""
        return {"type": "PiDiNet", "width": self.width, "dilation": self.dilation}

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return four side maps and their fusion, each [B,1,H,W] in 0..1."""
        size = x.shape[-2:]
        sides = []
        x = self.init_block(x)
        for stage, count in enumerate(STAGES, 1):
            for index in range(1, count + 1):
                x = getattr(self, f"block{stage}_{index}")(x)
            side = self._side_map(x, stage - 1)
            sides.append(F.interpolate(side, size, mode="bilinear", align_corners=False))
        fused = self.classifier(torch.cat(sides, 1))
        return tuple(torch.sigmoid(logits) for logits in (*sides, fused))

    def _side_map(self, x: Tensor, stage: int) -> Tensor:
        """Reduce the features of a stage to logits [B,1,·,·]."""
        if self.dilation:
            x = self.attentions[stage](self.dilations[stage](x))
        return self.conv_reduces[stage](x)

    def edges(self, images: Tensor) -> Tensor:
        """Return the edge strength [B,1,H,W] in 0..1 of images −1..1."""
        return self(imagenet_normalize(images))[-1]
