"""Which frequencies each layer of StyleGAN3 holds, and how finely it is sampled.

Karras et al., “Alias-Free Generative Adversarial Networks”, 2021, section 3.2 and appendix C.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gantoolkit.core.errors import UsageError

FIRST_CUTOFF = 2.0  # of the Fourier features
FIRST_STOPBAND = 2.0**2.1
LAST_STOPBAND = 2.0**0.3  # relative to the last cutoff
CRITICAL = 2  # layers at the end whose cutoff is half the picture's pixels
MARGIN = 10  # pixels beyond each edge of the picture, so that nothing tells where the edge is


@dataclass(frozen=True)
class Band:
    """The signal that a layer returns. Frequencies are in periods per picture."""

    size: int  # pixels per side, with the margin
    rate: int  # pixels per side of the picture in it
    cutoff: float  # up to where frequencies pass
    half_width: float  # half the transition band of the filter around the cutoff


def make_bands(resolution: int, layers: int) -> list[Band]:
    """Return the bands of the layers before the image; the last has the image's size.

    Cutoffs and stopbands grow geometrically until CRITICAL layers are left.

    >>> [band.size for band in make_bands(64, layers=6)]
    [36, 36, 52, 84, 84, 64]
    """
    if layers <= CRITICAL:
        raise UsageError(f"StyleGAN3 has more than {CRITICAL} layers, not {layers}; give more.")
    progress = np.minimum(np.arange(layers) / (layers - CRITICAL), 1)
    last_cutoff = resolution / 2
    cutoffs = _geometric(FIRST_CUTOFF, last_cutoff, progress)
    stopbands = _geometric(FIRST_STOPBAND, last_cutoff * LAST_STOPBAND, progress)
    rates = 2 ** np.ceil(np.log2(np.minimum(2 * stopbands, resolution)))
    half_widths = np.maximum(stopbands, rates / 2) - cutoffs

    sizes = rates + 2 * MARGIN
    sizes[-1] = resolution
    return [
        Band(int(size), int(rate), float(cutoff), float(half_width))
        for size, rate, cutoff, half_width in zip(sizes, rates, cutoffs, half_widths, strict=True)
    ]


def _geometric(first: float, last: float, progress: np.ndarray) -> np.ndarray:
    return first * (last / first) ** progress
