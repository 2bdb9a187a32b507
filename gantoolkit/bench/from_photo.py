"""Systems that begin with the noised photo, outside every ranking: what it gives away."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from gantoolkit.bench.systems import Diffused, Ours, System
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Condition, Latent, Render


class OursFromPhoto(Ours):
    """Make codes of the photo's features at one step, in place of those of a trajectory.

    noised_at  denoising step, of the encoder's grid, whose noise is added to the photo
    run        run folder, preset or weights of a bridge
    steps      denoising steps of the grid (default: the encoder's)
    """

    def __init__(self, noised_at: int, run: str, steps: int | None = None):
        super().__init__(run, steps=steps)
        self.noised_at = noised_at
        _need_photo(self, noised_at, self.pipeline.encoder.timesteps)

    def solve(self, condition: Condition, image: Tensor | None = None) -> Latent:
        return self.pipeline.latent(condition, self.noised_at, source="gt_noised", image=image)

    solve_shared = System.solve_shared  # no denoising run that others could read


class DiffusedFromPhoto(Diffused):
    """Denoise the noised photo to the end, as image-to-image does.

    noised_at   denoising step, of the encoder's grid, whose noise is added to the photo
    weights     folder or name of the diffusion model
    controlnet  folder or name of a ControlNet; None: text only
    steps       DDIM steps
    guidance    scale of classifier-free guidance
    precision   'fp32' or 'bf16'
    """

    def __init__(
        self,
        noised_at: int,
        weights: str,
        controlnet: str | None = None,
        steps: int = 20,
        guidance: float = 3.0,
        precision: str = "fp32",
    ):
        super().__init__(weights, controlnet, steps=steps, guidance=guidance, precision=precision)
        self.noised_at = noised_at
        _need_photo(self, noised_at, self.encoder.timesteps)

    def solve(self, condition: Condition, image: Tensor | None = None) -> Render:
        z_t = self.encoder.noised(image, self.noised_at, condition)
        return Render(self.encoder.denoise(z_t, self.noised_at, condition))

    solve_shared = System.solve_shared


def _need_photo(system: System, t: int, timesteps: Sequence[int]) -> None:
    """Let a system need the photo, and say so; UsageError unless t is a step of its grid."""
    if t not in timesteps:
        steps = ", ".join(str(int(step)) for step in timesteps)
        raise UsageError(f"noised_at={t} is not a step of the encoder; steps: {steps}.")
    system.needs += ("image",)
    system.latent_source = f"the photo, noised to t = {t}"
