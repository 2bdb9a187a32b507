"""Whether results hold as much fine detail as the truth: energy of luma, octave by octave."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.metrics.base import EvalBatch, Metric
from gantoolkit.metrics.edges import LUMA

OCTAVES = ((0.25, 0.5), (0.125, 0.25), (0.0625, 0.125))  # cycles per pixel, the finest first
SMALLEST = 32  # pixels, below which the window smears the last octave into the mean


def octave_energies(images: Tensor) -> Tensor:
    """Return the energy of luma in each of OCTAVES [B,3] float64 of images [B,3,H,W] in −1..1.

    Energy is |DFT|² of the image under a periodic Hann window, summed over all waves whose number
    of cycles per pixel (radial) lies above the octave's lower bound and not above its upper one.
    """
    height, width = images.shape[-2:]
    luma = torch.einsum("bchw,c->bhw", images.double(), images.new_tensor(LUMA).double())
    options = {"periodic": True, "dtype": luma.dtype, "device": luma.device}
    window = torch.outer(
        torch.hann_window(height, **options),
        torch.hann_window(width, **options),
    )
    power = torch.fft.fft2(luma * window).abs().square()

    vertical = torch.fft.fftfreq(height, dtype=luma.dtype, device=luma.device)
    horizontal = torch.fft.fftfreq(width, dtype=luma.dtype, device=luma.device)
    radius = torch.hypot(vertical[:, None], horizontal[None])
    energies = []
    for low, high in OCTAVES:
        inside = (radius > low) & (radius <= high)
        energies.append((power * inside).sum((1, 2)))
    return torch.stack(energies, 1)


class Detail(Metric):
    """Energy of luma of all results, relative to that of their targets, in three octaves.

    detail_octave1 is the finest (0.25 to 0.5 cycles per pixel), then come detail_octave2 and
    detail_octave3 at half the frequency each. The truth has 1: soft images have less, speckles and
    ringing more. So neither higher nor lower is better; tables rank by the distance from 1.

    >>> from gantoolkit.core.types import Condition, Target
    >>> images = torch.rand(4, 3, 64, 64) * 2 - 1
    >>> metric = Detail()
    >>> metric.update(EvalBatch(images / 2, Target(images), Condition(("",) * 4)))
    >>> {name: round(score.value, 6) for name, score in metric.compute().items()}
    {'detail_octave1': 0.25, 'detail_octave2': 0.25, 'detail_octave3': 0.25}
    """

    name = "detail"

    def __init__(self):
        super().__init__(None)

    def update(self, batch: EvalBatch) -> None:
        if min(batch.image.shape[-2:]) < SMALLEST:
            raise UsageError(
                f"The metric '{self.name}' needs images of at least {SMALLEST} pixels, "
                f"these have {batch.image.shape[-1]}."
            )
        self.add(batch, "result", octave_energies(batch.image))
        self.add(batch, "truth", octave_energies(batch.images("image_gt")))
        self.add(batch, "n", torch.ones(len(batch)))

    def compute_values(self) -> dict[str, Tensor]:
        ratios = self.sums["result"] / self.sums["truth"]
        return {f"octave{index + 1}": ratios[:, index] for index in range(len(OCTAVES))}

    def conditions(self) -> dict:
        return {"best": 1.0, "octaves": "0.25–0.5, 0.125–0.25, 0.0625–0.125 cycles per pixel"}
