"""What diffusion transformers share as encoders: joint attention, and ControlNets on latents."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Condition, FeatureShapes
from gantoolkit.encoders import conditioning
from gantoolkit.encoders.base import FrozenEncoder
from gantoolkit.encoders.joint_recorder import JointRecorder, even_groups

PATCH = 2  # side of the square of latent pixels that is one token


class PictureControlNet(nn.Module):
    """A ControlNet of a diffusion transformer with its condition, palette and scale.

    network             diffusers' SD3ControlNetModel or FluxControlNetModel
    condition           'mask' or 'scribble'; None: a mask
    palette             colors of a mask: 'celebamask' or 'ade20k'
    conditioning_scale  factor of its residuals
    """

    channels = 3

    def __init__(
        self,
        network: nn.Module,
        condition: str | None,
        palette: str | None,
        conditioning_scale: float,
    ):
        super().__init__()
        self.network = network
        self.kind = conditioning.condition_kind(self.channels, condition)
        self.palette = conditioning.choose_palette(self.channels, palette)
        self.conditioning_scale = conditioning_scale

    def picture(self, condition: Condition, size: tuple[int, int]) -> Tensor:
        """Return what the VAE, or the network itself, is shown [B,3,R,R] in −1..1."""
        picture = conditioning.control_image(condition, self.kind, 3, self.palette, size)
        return 2 * picture - 1


class TransformerEncoder(FrozenEncoder):
    """A diffusion transformer of joint attention; families fill in `encode_condition`, `evaluate`.

    They set `transformer`, and `controlnets` where it has some, and call `set_resolution` and
    `read_groups`.
    """

    denoisers = ("transformer", "controlnets")
    text_follows_precision = True  # T5 is as large as the transformer
    text_first = False  # whether the text comes before the image in the joint sequence
    patch = PATCH
    read_part = "from the one that h enters, this transformer"  # in the error of `groups`

    def read_groups(self, first: int, groups: int, heads: str, mass: str) -> None:
        """Choose what is read: h enters block `first`, the rest is shared among `groups` f^n."""
        depth = len(self.blocks)
        if not 1 <= groups <= depth - first:
            raise UsageError(
                f"groups={groups} cannot be: {self.read_part} has {depth - first} blocks."
            )
        self.groups = even_groups(first, depth, groups)
        self.heads = heads
        self.mass = mass

    def set_resolution(self, resolution: int) -> None:
        """Set the pixels per side of x_0, which must make whole tokens."""
        self._side = self.latent_side(resolution, self.patch * self.vae_downscale)

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """All joint blocks, in order."""
        raise NotImplementedError

    @property
    def end(self) -> nn.Module:
        """What reads the image tokens after the last block."""
        return self.transformer.norm_out

    @property
    def width(self) -> int:
        """Numbers of a token."""
        return self.transformer.inner_dim

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Shape of z_t (C,h,w)."""
        return self.vae.config.latent_channels, self._side, self._side

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of image tokens."""
        return self._side // self.patch, self._side // self.patch

    @property
    def shapes(self) -> FeatureShapes:
        """Shapes of h and f: tokens are their pixels."""
        shape = (self.width, *self.grid)
        f_shapes = (shape,) * len(self.groups)
        return FeatureShapes(shape, f_shapes, self.text_encoder.num_tokens, self.timesteps)

    def recorder(self, samples: slice = slice(None), only_h: bool = False) -> JointRecorder:
        """Record h, f and a of the rows `samples`; `only_h` stops before the recorded blocks."""
        return JointRecorder(
            self.blocks,
            self.end,
            self.groups,
            self.grid,
            text_first=self.text_first,
            samples=samples,
            only_h=only_h,
            heads=self.heads,
            mass=self.mass,
        )


def sum_lists(residuals: Sequence[Sequence[Tensor] | None]) -> list[Tensor] | None:
    """Add up the residuals of several ControlNets, block by block; None where none has any."""
    present = [list(each) for each in residuals if each is not None]
    if not present:
        return None
    if len({len(each) for each in present}) > 1:
        counts = " and ".join(str(len(each)) for each in present)
        raise UsageError(
            f"ControlNets with {counts} blocks cannot be used together; take those of one layout."
        )
    return [torch.stack(each).sum(0) for each in zip(*present)]
