"""MMFace-DiT as an encoder: a diffusion transformer that sees text and a mask or a sketch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from gantoolkit.core.suggest import check_choice
from gantoolkit.core.types import Condition
from gantoolkit.encoders import conditioning
from gantoolkit.encoders.fixed_inputs import FixedInputs
from gantoolkit.encoders.joint_recorder import check_switches
from gantoolkit.encoders.mmface_model import MMFaceModel, load_mmface_model
from gantoolkit.encoders.schedules import Diffusion, Flow, ddim_scheduler
from gantoolkit.encoders.text_encoder import PenultimateTextEncoder
from gantoolkit.encoders.transformer import TransformerEncoder
from gantoolkit.networks.dual_stream_dit import MODALITIES

LAST_TIME = 999  # what a flow network is told of the image; of noise it is told 0
CONDITIONS = {"mask": "mask", "scribble": "sketch"}  # of a Condition → the network's modality


class MMFaceEncoder(TransformerEncoder):
    """MMFace-DiT (Krishnamurthy and Rattani, CVPR 2026), or a small network of its kind.

    weights     folder (or name) as MMFace-DiT publishes it, or the transformer's file
    vae         folder (or name) of the VAE, or one that holds vae/; None: VAE/ in the published
                folder. Its shift is never used
    text        folder (or name) with text_encoder/ and tokenizer/; None: stable-diffusion-2-1-base/
                in the published folder
    condition   'mask', shown in CelebAMask-HQ's colors, or 'scribble', shown dark on white
    objective   'flow' or 'diffusion': what the network was trained for; None: what its file says
    resolution  pixels per side of x_0; None: what its file says. Of several published files the
                one for these two is taken
    num_heads   attention heads of the transformer; None: what its file says, published 16
    groups      N: the second half of the blocks is shared among the f^n; h enters that half
    heads       'max' or 'mean' of the attention probabilities over heads
    mass        probabilities of words as the share of the whole attention ('raw'), or of what goes
                to the text ('text')
    steps       S, the steps of a trajectory
    guidance    scale of classifier-free guidance on the text (1 = none)
    precision   'fp32' or 'bf16' for the transformer; features and latents are always fp32
    offload     keep networks in the CPU's memory, and on the device only while they work
    negative_prompt  what guidance leads away from; "": the empty prompt

    A published file says objective and resolution by the name of its folder, such as
    `dit-unified-flux-vae-512-rfm` (flow, 512 px).
    """

    denoisers = ("dit",)
    text_follows_precision = False
    read_part = "the second half of this transformer"
    latent_shift = 0.0

    def __init__(
        self,
        weights: str | Path | MMFaceModel,
        vae: str | None = None,
        text: str | None = None,
        condition: Literal["mask", "scribble"] = "mask",
        objective: Literal["flow", "diffusion"] | None = None,
        resolution: int | None = None,
        num_heads: int | None = None,
        groups: int = 2,
        heads: Literal["max", "mean"] = "max",
        mass: Literal["raw", "text"] = "raw",
        steps: int = 20,
        guidance: float = 7.5,
        precision: Literal["fp32", "bf16"] = "fp32",
        offload: bool = False,
        negative_prompt: str = "",
    ):
        check_choice("condition", condition, CONDITIONS)
        check_switches(heads, mass)
        model = weights
        if not isinstance(model, MMFaceModel):
            model = load_mmface_model(model, vae, text, objective, resolution, num_heads)
        is_flow = model.objective == "flow"
        schedule = Flow(uniform_sigmas, steps) if is_flow else Diffusion(ddim_scheduler(), steps)
        text_encoder = PenultimateTextEncoder(model.text_encoder, model.tokenizer)
        super().__init__(model.vae, text_encoder, schedule, guidance, negative_prompt)

        self.dit = model.dit
        self._condition = condition
        self.set_resolution(model.resolution)
        self.read_groups(len(self.blocks) // 2, groups, heads, mass)
        self.freeze(precision, offload)

    @property
    def condition(self) -> str:
        """What a Condition must hold: 'mask' or 'scribble'."""
        return self._condition

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """All blocks, in order."""
        return list(self.dit.blocks)

    @property
    def end(self) -> nn.Module:
        """What reads the image tokens after the last block."""
        return self.dit.final_layer

    @property
    def width(self) -> int:
        """Numbers of a token."""
        return self.dit.arch["hidden"]

    @property
    def patch(self) -> int:
        """Side of the square of latent pixels that is one token."""
        return self.dit.patch

    def encode_condition(self, condition: Condition) -> list[Tensor]:
        """Return the latent [B,C,h,w] of the picture of the condition."""
        picture = condition_picture(condition, self.condition, self.resolution)
        return [self.encode(picture).to(self.dtype)]

    def evaluate(self, latents: Tensor, t: int | Tensor, inputs: FixedInputs) -> Tensor:
        """Evaluate the transformer once: ε, or the velocity ε − z_0, of z_t [n,C,h,w]."""
        t = self.step_labels(t, len(latents))
        (condition,) = inputs.prepared
        prompts = inputs.prompts
        row = MODALITIES.index(CONDITIONS[self.condition])
        modality = torch.full_like(t, row)
        given = prompts.embedding, prompts.pooled, condition, modality
        if isinstance(inputs.schedule, Flow):
            return -self.dit(latents, flow_time(inputs.schedule, t), *given)
        return self.dit(latents, t, *given)


def condition_picture(condition: Condition, kind: str, size: int) -> Tensor:
    """Return what the VAE is shown of a mask or a scribble [B,3,R,R] in −1..1.

    A mask has CelebAMask-HQ's colors; a scribble is dark on white.
    """
    image = conditioning.control_image(condition, kind, 3, "celebamask", (size, size))
    return 2 * image - 1 if kind == "mask" else 1 - 2 * image


def uniform_sigmas(steps: int) -> Tensor:
    """Return σ [S] of the published sampler: even steps from 1 (noise) to 0."""
    return torch.linspace(1, 1 / steps, steps)


def flow_time(schedule: Flow, t: Tensor) -> Tensor:
    """Return what a flow network is told of the steps t [B]: 0 is noise and 999 the image."""
    return (1 - schedule.sigma(t)) * LAST_TIME
