"""Baselines that combine uni-modal diffusion models: Unite and Conquer, Collaborative Diffusion."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit import weights as zoo
from gantoolkit.bench.systems import System, needs_of
from gantoolkit.core.types import Condition, Render
from gantoolkit.encoders import sampling
from gantoolkit_baselines.influence import DynamicDiffusers
from gantoolkit_baselines.runs import exported
from gantoolkit_baselines.unimodal import Estimates, Prepared, UniModal


class _Combined(System):
    """A trajectory whose noise estimate is combined of uni-modal ones."""

    model = "diffusion"

    def __init__(self, weights: str, controlnet: str, steps: int, precision: str):
        self.names, self.models = (
            (weights, controlnet),
            UniModal(weights, controlnet, steps, precision),
        )
        self.needs = needs_of(self.models.encoder.condition)

    def combine(self, latents: Tensor, t: Tensor, found: Estimates, given: Prepared) -> Tensor:
        """ε [B,4,h,w]"""
        raise NotImplementedError

    @torch.no_grad()
    def solve(self, condition: Condition, image: Tensor | None = None) -> Render:
        encoder, given = self.models.encoder, self.models.prepare(condition)

        def epsilon(latents: Tensor, t: int) -> Tensor:
            times = torch.full((len(latents),), t, device=latents.device)
            return self.combine(latents, times, self.models.estimates(latents, times, given), given)

        last = sampling.ddim_loop(encoder.scheduler, encoder.timesteps, encoder.initial_latents(condition), epsilon)
        return Render(encoder.decode(last))

    def weights(self) -> dict[str, str]:
        return zoo.checksums(self.names)

    def to(self, device):
        self.models.to(device)
        return self


class UniteAndConquer(_Combined):
    """ε = ε_∅ + Σ_m w_m (ε_m − ε_∅) over the modalities m (Nair et al. 2023, with w_m their reliability weights).

    mask_weight, text_weight   reliability of the models; above 1 they also guide. The published code takes 1 and 1
    """

    def __init__(
        self,
        weights: str,
        controlnet: str,
        steps: int = 20,
        mask_weight: float = 1.5,
        text_weight: float = 2.0,
        precision: str = "fp32",
    ):
        super().__init__(weights, controlnet, steps, precision)
        self.mask_weight, self.text_weight = mask_weight, text_weight

    def combine(self, latents: Tensor, t: Tensor, found: Estimates, given: Prepared) -> Tensor:
        text, mask = found.text - found.empty, found.mask - found.empty
        return found.empty + self.text_weight * text + self.mask_weight * mask


class CollaborativeDiffusion(_Combined):
    """ε = Σ_m Î_m ⊙ ε_m with trained influence maps Î (Huang et al. 2023); the text model may be guided.

    diffusers   run folder or export of the task `collaborative`; it knows the models that it was trained between
    """

    def __init__(
        self, diffusers: str, steps: int = 20, guidance: float = 3.0, precision: str = "fp32"
    ):
        file = exported(diffusers, "diffusers.safetensors")
        state, arch, meta = zoo.load(file)
        super().__init__(meta["diffusion"], meta["controlnet"], steps, precision)
        self.names, self.guidance = (*self.names, str(file)), guidance
        self.influences = DynamicDiffusers(**{k: v for k, v in arch.items() if k != "type"})
        self.influences.load_state_dict(state)
        self.influences.eval().requires_grad_(False)

    def combine(self, latents: Tensor, t: Tensor, found: Estimates, given: Prepared) -> Tensor:
        influence = self.influences(latents, t, given.words, given.picture.float())
        return self.influences.mix(
            influence, sampling.apply_guidance(found.text, found.empty, self.guidance), found.mask
        )

    def to(self, device):
        self.influences.to(device)
        return super().to(device)
