"""Low-pass filters of StyleGAN3: a Kaiser window times a sinc along each axis, or times a jinc.

Karras et al., “Alias-Free Generative Adversarial Networks”, 2021. Frequencies are in periods per
picture, rates in samples per picture. Filters are computed in float64 and sum to 1.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor


def separable_filter(taps: int, cutoff: float, width: float, rate: float) -> Tensor:
    """Return the filter [taps] that is applied along both axes; its passband is a square.

    cutoff  the frequency at which half the amplitude passes
    width   of the transition band around it
    rate    at which the filter is applied

    >>> separable_filter(2, cutoff=1, width=1, rate=4)
    tensor([0.5000, 0.5000])
    """
    places = _places(taps, rate)
    sinc = np.sinc(2 * cutoff * places)
    return _normalized(sinc * _window(taps, width, rate))


def radial_filter(taps: int, cutoff: float, width: float, rate: float) -> Tensor:
    """Return the filter [taps,taps] whose passband is a disc: no direction is preferred.

    taps  an even number: none lies in the center, where the jinc is not computed
    """
    from scipy.special import j1

    places = _places(taps, rate)
    radius = np.hypot(places[:, None], places)
    jinc = j1(2 * math.pi * cutoff * radius) / (math.pi * radius)
    window = _window(taps, width, rate)
    return _normalized(jinc * np.outer(window, window))


def _places(taps: int, rate: float) -> np.ndarray:
    """Return the distances [taps] of the taps from the center, as parts of the picture."""
    return (np.arange(taps) - (taps - 1) / 2) / rate


def _window(taps: int, width: float, rate: float) -> np.ndarray:
    """Return the Kaiser window [taps] that makes a transition band as wide as `width`."""
    attenuation = 2.285 * (taps - 1) * math.pi * width / (rate / 2) + 7.95  # decibels
    return np.kaiser(taps, _kaiser_beta(attenuation))


def _kaiser_beta(attenuation: float) -> float:
    """Return β of Kaiser's window for an attenuation in decibels, by Kaiser's formula."""
    if attenuation > 50:
        return 0.1102 * (attenuation - 8.7)
    if attenuation > 21:
        above = attenuation - 21
        return 0.5842 * above**0.4 + 0.07886 * above
    return 0.0


def _normalized(taps: np.ndarray) -> Tensor:
    return torch.as_tensor(taps / taps.sum(), dtype=torch.float32)
