"""StyleGAN3: z → mapping → w → alias-free synthesis → image. Parameters have NVIDIA's names.

Karras et al., “Alias-Free Generative Adversarial Networks”, 2021. Details move with the face and do
not stick to pixels: in config t when it shifts, in config r when it turns, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Latent, Render
from gantoolkit.generators.alias_free_synthesis import KERNELS, AliasFreeSynthesis
from gantoolkit.generators.bands import make_bands
from gantoolkit.generators.mapping_network import MappingNetwork

WIDTHS = {"t": 1, "r": 2}  # variant → factor of its channels


class StyleGAN3(nn.Module):
    """The alias-free 2D generator; `render` makes images of codes, and gradients reach ws.

    z_dim, w_dim      sizes of z and w
    resolution        pixels per side: a power of two from 16 on
    c_dim             size of the label c; 0: there is none
    variant           "t" (3×3 convolutions) or "r" (1×1 convolutions, radial filters)
    channel_base, channel_max  a layer with the cutoff f has min(channel_base / 2f, channel_max)
                      channels, and twice as many in variant "r"
    layers            convolutions before the one that makes the image
    channels          channels of these layers, instead
    img_channels      of the image
    mapping_layers    fully connected layers of the mapping network
    mapping_lr_mul    factor of their learning rate
    mapping_features  their width (default: w_dim)
    conv_clamp        the outputs of layers stay within ± this; None: no limit
    fix_input         ws[:, 0], which shifts and turns the whole picture and does nothing else, is
                      taken to be w̄: faces stay upright and in place. False: it is taken as given

    >>> import torch
    >>> generator = StyleGAN3(z_dim=8, w_dim=8, resolution=16, channels=(8, 8, 4)).eval()
    >>> ws = generator.mapping(torch.randn(2, 8), truncation_psi=0.7)
    >>> ws.shape
    torch.Size([2, 5, 8])
    >>> generator.render(ws).image.shape
    torch.Size([2, 3, 16, 16])
    """

    is_3d = False

    def __init__(
        self,
        z_dim: int = 512,
        w_dim: int = 512,
        resolution: int = 1024,
        c_dim: int = 0,
        variant: str = "t",
        channel_base: int = 32768,
        channel_max: int = 512,
        layers: int = 14,
        channels: Sequence[int] | None = None,
        img_channels: int = 3,
        mapping_layers: int = 2,
        mapping_lr_mul: float = 0.01,
        mapping_features: int | None = None,
        conv_clamp: float | None = 256,
        fix_input: bool = True,
    ):
        super().__init__()
        if variant not in KERNELS:
            raise UsageError(f"StyleGAN3 has no variant '{variant}'; choose from t, r.")
        self.z_dim = z_dim
        self.c_dim = c_dim
        self.w_dim = w_dim
        self.resolution = resolution
        self.fix_input = fix_input
        widen = WIDTHS[variant]
        channels = channels or channel_table(
            resolution, layers, channel_base * widen, channel_max * widen
        )
        self.synthesis = AliasFreeSynthesis(
            w_dim, resolution, img_channels, tuple(channels), variant, conv_clamp
        )
        self.num_ws = self.synthesis.num_ws
        self.mapping = MappingNetwork(
            z_dim,
            c_dim,
            w_dim,
            self.num_ws,
            mapping_layers,
            mapping_lr_mul,
            mapping_features,
            w_avg_beta=0.998,
        )

    @property
    def mean_w(self) -> Tensor:
        """w̄ [w_dim]."""
        return self.mapping.w_avg

    def render(
        self,
        ws: Tensor | Latent,
        camera=None,
        noise="const",
        generator=None,
        deterministic: bool = False,
    ) -> Render:
        """Render the codes ws [B,num_ws,w_dim] as images in −1..1.

        The other arguments are those of all generators and change nothing: this one has neither a
        camera nor random numbers.
        """
        ws = ws.ws if isinstance(ws, Latent) else ws
        if self.fix_input:
            mean = self.mean_w.to(ws.dtype).expand(len(ws), 1, -1)
            ws = torch.cat([mean, ws[:, 1:]], 1)
        return Render(self.synthesis(ws))

    forward = render


def channel_table(resolution: int, layers: int, base: int, maximum: int) -> tuple[int, ...]:
    """Return the channels of the layers: min(base / 2f, maximum) where the cutoff is f.

    >>> channel_table(64, layers=6, base=1024, maximum=64)
    (64, 64, 64, 32, 16, 16)
    """
    cutoffs = [band.cutoff for band in make_bands(resolution, layers)]
    return tuple(round(min(base / 2 / cutoff, maximum)) for cutoff in cutoffs)
