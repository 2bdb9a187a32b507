"""What the benchmark compares: ours, and the diffusion model's own image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gantoolkit.bench import shared
from gantoolkit.bench.trained_by import networks_of_run, notes_on_generator
from gantoolkit.core import files
from gantoolkit.core.camera import Frame, frame_of
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Camera, Condition, Latent, Render
from gantoolkit.encoders import folders
from gantoolkit.pipeline import mean
from gantoolkit.registry import registry

NEEDS = ("text", "mask", "scribble", "camera", "image")  # in the order in which tables print them
CONDITION_NEEDS = {"both": ("mask", "scribble"), "none": ()}  # others are called like their input


class System:
    """Map a Condition to images; the base class of every system. Define `needs` and `solve`.

    needs          its inputs, of NEEDS; it is given nothing else. "image" is the photo itself
    is_3d          whether a solution can be rendered from any camera
    frame          where the cameras of its generator stand
    model          what tables print: "GAN" or "diffusion"
    latent_source  where its noisy latents z_t come from

    >>> class Grey(System):
    ...     needs = ("text",)
    ...     def solve(self, condition, image=None):
    ...         return Render(torch.zeros(len(condition), 3, 64, 64))
    >>> system = Grey()
    >>> solution = system.solve(Condition(text=("a man", "a woman")))
    >>> system.render(solution, camera=None).image.shape
    torch.Size([2, 3, 64, 64])
    """

    needs: tuple[str, ...] = ("text", "mask")
    is_3d = False
    frame = Frame()
    model = "GAN"
    latent_source = "trajectory"

    @property
    def domain(self) -> str:
        """What tables print: '2D' or '3D'."""
        return "3D" if self.is_3d else "2D"

    def solve(self, condition: Condition, image: Tensor | None = None) -> Any:
        """Solve a batch.

        Returns a Render, or whatever `render` takes. `image` is I^gt [B,3,R,R].
        """
        raise NotImplementedError

    def solve_shared(self, condition: Condition, image: Tensor | None, folder: Path) -> Any:
        """Solve a batch with denoising runs that rows share, kept in `folder`; never timed."""
        return self.solve(condition, image)

    def render(self, solution: Any, camera: Camera | None) -> Render:
        """Render images [B,3,R,R] of a solution, in 3D from `camera`."""
        return solution

    def codes(self, solution: Any) -> Tensor | None:
        """Return the codes [B,L,w_dim] of a solution, where a generator renders it from codes."""
        return None

    def networks(self) -> dict[str, str]:
        """Return role → weights of the networks that trained or optimized it; none may judge."""
        return {}

    def weights(self) -> dict[str, str]:
        """Return name → sha256 of every file that it reads."""
        return {}

    def notes(self) -> list[str]:
        """Return sentences that a reader of its row must know."""
        return []

    def to(self, device: torch.device | str) -> System:
        """Move the system to a device."""
        return self


def build(spec: dict) -> System:
    """Build the system of a row's `system`: {"type": name, …constructor arguments}."""
    system = registry.build("system", spec)
    unknown = [need for need in system.needs if need not in NEEDS]
    if unknown:
        raise UsageError(
            f"The system '{spec['type']}' needs '{unknown[0]}'; a system may need "
            f"{', '.join(NEEDS)}."
        )
    return system


def restrict_condition(condition: Condition, needs: tuple[str, ...]) -> Condition:
    """Remove everything from a condition that a system does not declare in `needs`."""
    return replace(
        condition,
        text=condition.text if "text" in needs else ("",) * len(condition),
        mask=condition.mask if "mask" in needs else None,
        scribble=condition.scribble if "scribble" in needs else None,
        camera=condition.camera if "camera" in needs else None,
    )


def needs_of(condition: str) -> tuple[str, ...]:
    """Return what an encoder needs, by its condition: 'mask', 'scribble', 'both' or 'none'."""
    return ("text", *CONDITION_NEEDS.get(condition, (condition,)))


class Ours(System):
    """Run encoder, bridge and generator of a finished run.

    run        run folder, preset or weights of a bridge
    after      denoising steps after which the trajectory is left; None: all (`t_out=last`)
    aggregate  'last' or 'mean' of the codes
    mapped     render w^m, the code of the mapping network M, instead of w
    steps      denoising steps (default: the encoder's)
    guidance   scale of classifier-free guidance (default: the encoder's)
    """

    def __init__(
        self,
        run: str,
        after: int | None = None,
        aggregate: str = "last",
        mapped: bool = False,
        steps: int | None = None,
        guidance: float | None = None,
    ):
        from gantoolkit.inference.load import load_with_specs

        self.run = run
        self.aggregate = aggregate
        self.pipeline, self.specs = load_with_specs(run, steps=steps, guidance=guidance)
        if mapped:
            self.pipeline.bridge = getattr(self.pipeline.bridge, "mapping", self.pipeline.bridge)

        self.is_3d = self.pipeline.generator.is_3d
        self.frame = frame_of(self.pipeline.generator)
        self.needs = needs_of(self.pipeline.condition)
        if self.is_3d:
            self.needs += ("camera",)

        timesteps = self.pipeline.encoder.timesteps
        if after is not None and not 1 <= after <= len(timesteps):
            raise UsageError(f"after={after}: the trajectory of {run} has {len(timesteps)} steps.")
        self.after = after or len(timesteps)
        self.t_out = int(timesteps[self.after - 1])

    def solve(self, condition: Condition, image: Tensor | None = None) -> Latent:
        return self.pipeline.latent(condition, self.t_out, self.aggregate)

    @torch.no_grad()
    def solve_shared(self, condition: Condition, image: Tensor | None, folder: Path) -> Latent:
        encoder, bridge = self.pipeline.encoder, self.pipeline.bridge
        z_t, _ = shared.trajectory(folder, encoder, self.specs["encoder"], condition)
        first = 0 if self.aggregate == "mean" else self.after - 1
        latents = []
        for step in range(first, self.after):
            features = encoder.features(z_t[:, step], encoder.timesteps[step], condition)
            latents.append(bridge(features))
        return mean(latents)

    def render(self, solution, camera: Camera | None) -> Render:
        with torch.no_grad():
            return self.pipeline.render(solution, camera)

    def codes(self, solution: Latent) -> Tensor:
        return solution.ws

    def networks(self) -> dict[str, str]:
        return networks_of_run(self.run, self.specs)

    def weights(self) -> dict[str, str]:
        from gantoolkit.inference.bridge_files import pipeline_checksums

        return pipeline_checksums(self.run, self.specs)

    def notes(self) -> list[str]:
        from gantoolkit.inference.bridge_files import changed_networks

        notes = []
        if "networks" not in self.specs and not files.read_run_config(self.run):
            notes.append("which networks its losses used is not known")
        notes += notes_on_generator(self.specs["generator"])
        for name in changed_networks(self.specs):
            notes.append(f"'{name}' is not the file that its bridge was trained with")
        return notes

    def to(self, device) -> Ours:
        self.pipeline.to(device)
        return self


class Diffused(System):
    """Render I^d_0, the diffusion model's own image, from text and a ControlNet.

    weights     folder or name of the diffusion model
    controlnet  folder or name of a ControlNet; None: text only
    condition   what the ControlNet was trained on (default: as its name says)
    palette     colors in which a ControlNet reads label maps
    steps       DDIM steps
    guidance    scale of classifier-free guidance
    precision   'fp32' or 'bf16'
    """

    model = "diffusion"

    def __init__(
        self,
        weights: str,
        controlnet: str | None = None,
        condition: str | None = None,
        palette: str | None = None,
        steps: int = 20,
        guidance: float = 3.0,
        precision: str = "fp32",
    ):
        self.spec = dict(
            type="DiffusionEncoder",
            weights=weights,
            steps=steps,
            guidance=guidance,
            precision=precision,
        )
        if controlnet:
            self.spec |= dict(type="ControlNetEncoder", controlnet=controlnet)
            if condition is not None:
                self.spec["condition"] = condition
            if palette is not None:
                self.spec["palette"] = palette
        self.encoder = registry.build("encoder", self.spec)
        self.needs = needs_of(self.encoder.condition)

    def solve(self, condition: Condition, image: Tensor | None = None) -> Render:
        _, x0 = self.encoder.trajectory(condition)
        return Render(x0)

    def solve_shared(self, condition: Condition, image: Tensor | None, folder: Path) -> Render:
        _, x0 = shared.trajectory(folder, self.encoder, self.spec, condition)
        return Render(x0)

    def weights(self) -> dict[str, str]:
        return folders.checksums(self.spec)

    def to(self, device) -> Diffused:
        self.encoder.to(device)
        return self
