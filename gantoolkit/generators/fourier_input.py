"""What StyleGAN3 starts from: waves on an unbounded plane, which a code moves and turns.

Karras et al., “Alias-Free Generative Adversarial Networks”, 2021, section 3.2 and appendix F.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gantoolkit.generators.bands import Band
from gantoolkit.networks.ops import FullyConnected


class FourierInput(nn.Module):
    """w → Fourier features [B,C,S,S], mixed by a learned matrix. Parameters have NVIDIA's names.

    Frequencies and phases are drawn once and belong to the weights.

    w_dim     size of w
    channels  C: waves, and features
    band      sizes of the result, and the highest frequency

    transform [3,3] maps homogeneous points of the picture to those of the plane. It is a part of
    the weights too; whoever changes it moves the picture.
    """

    def __init__(self, w_dim: int, channels: int, band: Band):
        super().__init__()
        self.size = band.size
        self.rate = band.rate
        self.bandwidth = band.cutoff
        self.weight_gain = 1 / math.sqrt(channels)
        self.weight = nn.Parameter(torch.randn(channels, channels))
        self.affine = FullyConnected(w_dim, 4)  # cosine and sine of the angle, shift in x and y
        nn.init.zeros_(self.affine.weight)
        self.affine.bias.data[0] = 1
        self.register_buffer("transform", torch.eye(3))
        self.register_buffer("freqs", draw_frequencies(channels, band.cutoff))
        self.register_buffer("phases", torch.rand(channels) - 0.5)

    def forward(self, w: Tensor) -> Tensor:
        """w [B,w_dim] → [B,C,S,S], in float32 even under autocast."""
        with torch.autocast(w.device.type, enabled=False):
            freqs, phases = self.move_waves(self.affine(w))
            waves = self.sample_waves(freqs, phases)
            mix = self.weight * self.weight_gain
            return torch.einsum("oi,bihw->bohw", mix, waves)

    def move_waves(self, pose: Tensor) -> tuple[Tensor, Tensor]:
        """Return frequencies [B,C,2] and phases [B,C] after a rotation and a shift.

        pose  [B,4]: cosine, sine, x and y, all relative to the length of (cosine, sine)
        """
        pose = pose / pose[:, :2].norm(dim=1, keepdim=True)
        cosine, sine, *_ = pose.unbind(1)
        rotation = torch.stack([cosine, -sine, sine, cosine], 1).unflatten(1, (2, 2))
        shifted = self.transform[:2] - pose[:, 2:, None] * self.transform[2]
        moved = rotation @ shifted  # [B,2,3]
        phases = self.phases + (self.freqs @ moved[:, :, 2:]).squeeze(2)
        return self.freqs @ moved[:, :, :2], phases

    def sample_waves(self, freqs: Tensor, phases: Tensor) -> Tensor:
        """Return the waves [B,C,S,S]; those beyond the bandwidth fade out."""
        pixels = torch.arange(self.size, device=freqs.device)
        places = (pixels + 0.5 - self.size / 2) / self.rate  # 0 is the center of the picture
        across = freqs[:, :, None, None, 0] * places
        along = freqs[:, :, None, None, 1] * places[:, None]
        turns = across + along + phases[:, :, None, None]

        beyond = (freqs.norm(dim=2) - self.bandwidth) / (self.rate / 2 - self.bandwidth)
        amplitudes = (1 - beyond).clamp(0, 1)
        return torch.sin(2 * math.pi * turns) * amplitudes[:, :, None, None]


def draw_frequencies(count: int, bandwidth: float) -> Tensor:
    """Draw [count,2] frequencies, evenly from the disc whose radius is `bandwidth`."""
    freqs = torch.randn(count, 2)
    radii = freqs.norm(dim=1, keepdim=True)
    return freqs / (radii * (radii.square() / 4).exp()) * bandwidth
