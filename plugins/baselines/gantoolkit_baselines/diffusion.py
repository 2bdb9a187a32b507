"""Baselines that combine uni-modal diffusion models: Unite and Conquer, Collaborative Diffusion."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit import weights as weights_files
from gantoolkit.bench.systems import System, needs_of
from gantoolkit.core.types import Condition, Render
from gantoolkit.encoders import sampling
from gantoolkit.weights.state_dict import load_state_dict
from gantoolkit_baselines.influence import DynamicDiffusers
from gantoolkit_baselines.runs import exported_file
from gantoolkit_baselines.unimodal import EncodedCondition, NoiseEstimates, UniModal


class CombinedDiffusion(System):
    """Combine uni-modal noise estimates at every step; the base of both systems.

    weights     folder or name of the diffusion model
    controlnet  folder or name of the ControlNet
    steps       DDIM steps
    precision   'fp32' or 'bf16'
    """

    model = "diffusion"

    def __init__(self, weights: str, controlnet: str, steps: int, precision: str):
        self.names = (weights, controlnet)
        self.models = UniModal(weights, controlnet, steps, precision)
        self.needs = needs_of(self.models.encoder.condition)

    def combine(
        self, latents: Tensor, t: Tensor, estimates: NoiseEstimates, condition: EncodedCondition
    ) -> Tensor:
        """Combine noise estimates at latents z_t and t [B] to ε [B,4,h,w]."""
        raise NotImplementedError

    @torch.no_grad()
    def solve(self, condition: Condition, image: Tensor | None = None) -> Render:
        encoder = self.models.encoder
        encoded = self.models.encode_condition(condition)

        def predict(latents: Tensor, t: int) -> Tensor:
            times = torch.full((len(latents),), t, device=latents.device)
            estimates = self.models.estimate(latents, times, encoded)
            return self.combine(latents, times, estimates, encoded)

        latents = encoder.initial_latents(condition)
        latents = sampling.denoise(encoder.schedule, encoder.timesteps, latents, predict)
        return Render(encoder.decode(latents))

    def weights(self) -> dict[str, str]:
        return weights_files.checksums(self.names)

    def to(self, device):
        self.models.to(device)
        return self


class UniteAndConquer(CombinedDiffusion):
    """Combine uni-modal noise estimates by reliability weights (Nair et al. 2023).

    ε = ε_∅ + Σ_m w_m (ε_m − ε_∅) over the modalities m

    weights      folder or name of the diffusion model
    controlnet   folder or name of the ControlNet
    steps        DDIM steps
    mask_weight  reliability w_m of the mask model; above 1 it also guides (published code: 1)
    text_weight  reliability of the text model (published code: 1)
    precision    'fp32' or 'bf16'
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
        self.mask_weight = mask_weight
        self.text_weight = text_weight

    def combine(
        self, latents: Tensor, t: Tensor, estimates: NoiseEstimates, condition: EncodedCondition
    ) -> Tensor:
        text = estimates.text - estimates.empty
        mask = estimates.mask - estimates.empty
        return estimates.empty + self.text_weight * text + self.mask_weight * mask


class CollaborativeDiffusion(CombinedDiffusion):
    """Mix uni-modal noise estimates by trained influence maps Î (Huang et al. 2023).

    ε = Σ_m Î_m ⊙ ε_m over the modalities m

    diffusers  run folder or export of the task `collaborative`; it knows the models that it was
               trained between
    steps      DDIM steps
    guidance   scale of classifier-free guidance of the text model; 1 is none
    precision  'fp32' or 'bf16'
    """

    def __init__(
        self, diffusers: str, steps: int = 20, guidance: float = 3.0, precision: str = "fp32"
    ):
        file = exported_file(diffusers, "diffusers.safetensors")
        state, arch, meta = weights_files.load(file)
        super().__init__(meta["diffusion"], meta["controlnet"], steps, precision)
        self.names = (*self.names, str(file))
        self.guidance = guidance
        arguments = {key: value for key, value in arch.items() if key != "type"}
        self.influences = DynamicDiffusers(**arguments)
        load_state_dict(self.influences, state, file)
        self.influences.eval().requires_grad_(False)

    def combine(
        self, latents: Tensor, t: Tensor, estimates: NoiseEstimates, condition: EncodedCondition
    ) -> Tensor:
        control_image = condition.control_image.float()
        influence = self.influences(latents, t, condition.words, control_image)
        text = sampling.apply_guidance(estimates.text, estimates.empty, self.guidance)
        return self.influences.mix(influence, text, estimates.mask)

    def to(self, device):
        self.influences.to(device)
        return super().to(device)
