"""A system maps a Condition to images, and says what it sees. Built in: ours, and the diffusion model's own output."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gantoolkit.bench import shared
from gantoolkit.core.camera import Frame, frame_of
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Camera, Condition, Latent, Render
from gantoolkit.encoders import folders
from gantoolkit.pipeline import mean
from gantoolkit.registry import registry

NEEDS = ("text", "mask", "scribble", "camera", "image")  # in the order in which tables print them


class System:
    """Base of all systems; another one needs `needs` and `solve`.

    needs          what it sees, of NEEDS; it is handed that alone. "image" is the photo itself
    is_3d          whether its solution can be rendered from any camera
    frame          where the cameras of its generator stand
    model          what tables print: "GAN" or "diffusion"
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
        """What the system finds for a batch: a Render, or whatever its `render` draws. `image` is I^gt [B,3,R,R]."""
        raise NotImplementedError

    def solve_shared(self, condition: Condition, image: Tensor | None, folder: Path) -> Any:
        """`solve`, but denoising runs that other rows make too may be read from, and left in, `folder`; never timed."""
        return self.solve(condition, image)

    def render(self, solution: Any, camera: Camera | None) -> Render:
        """A solution as images [B,3,R,R], from `camera` if it is 3D."""
        return solution

    def networks(self) -> dict[str, str]:
        """role → weights name of every network that its training or optimisation used; none of them may judge."""
        return {}

    def weights(self) -> dict[str, str]:
        """name → sha256 of every file that it reads."""
        return {}

    def notes(self) -> list[str]:
        """Sentences that a reader of its row must know."""
        return []

    def to(self, device: torch.device | str) -> System:
        """The same system on another device."""
        return self


def build(spec: dict) -> System:
    """The system of a row's `system`: {"type": name, …constructor arguments}."""
    system = registry.build("system", spec)
    if unknown := [need for need in system.needs if need not in NEEDS]:
        raise UsageError(
            f"The system '{spec['type']}' needs '{unknown[0]}'; a system may need {', '.join(NEEDS)}."
        )
    return system


def told(condition: Condition, needs: tuple[str, ...]) -> Condition:
    """The condition with everything taken out that a system does not declare."""
    return replace(
        condition,
        text=condition.text if "text" in needs else ("",) * len(condition),
        mask=condition.mask if "mask" in needs else None,
        scribble=condition.scribble if "scribble" in needs else None,
        camera=condition.camera if "camera" in needs else None,
    )


def seen(condition: str) -> tuple[str, ...]:
    """Needs of an encoder whose ControlNets are shown 'mask', 'scribble', 'both' or 'none'."""
    return ("text", *{"both": ("mask", "scribble"), "none": ()}.get(condition, (condition,)))


class Ours(System):
    """Encoder, bridge and generator of a finished run.

    run        run folder, preset or weights of a bridge
    after      denoising steps after which the trajectory is left; None: the whole (`t_out=last`)
    aggregate  'last' or 'mean' of the codes
    mapped     draw w^m, what M says alone, in the place of w
    steps, guidance   replace those of the encoder
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

        self.run, self.aggregate = run, aggregate
        self.pipeline, self.specs = load_with_specs(run, steps=steps, guidance=guidance)
        if mapped:
            self.pipeline.bridge = getattr(self.pipeline.bridge, "mapping", self.pipeline.bridge)
        self.is_3d = self.pipeline.generator.is_3d
        self.frame = frame_of(self.pipeline.generator)
        self.needs = (*seen(self.pipeline.condition), *(["camera"] if self.is_3d else []))
        grid = self.pipeline.encoder.timesteps
        if after is not None and not 1 <= after <= len(grid):
            raise UsageError(f"after={after}: the trajectory of {run} has {len(grid)} steps.")
        self.after = after or len(grid)
        self.t_out = int(grid[self.after - 1])

    def solve(self, condition: Condition, image: Tensor | None = None) -> Latent:
        return self.pipeline.latent(condition, self.t_out, self.aggregate)

    @torch.no_grad()
    def solve_shared(self, condition: Condition, image: Tensor | None, folder: Path) -> Latent:
        encoder, bridge = self.pipeline.encoder, self.pipeline.bridge
        latents, _ = shared.trajectory(folder, encoder, self.specs["encoder"], condition)
        first = 0 if self.aggregate == "mean" else self.after - 1
        found = [
            bridge(encoder.features(latents[:, step], encoder.timesteps[step], condition))
            for step in range(first, self.after)
        ]
        return mean(found)

    def render(self, solution, camera: Camera | None) -> Render:
        with torch.no_grad():
            return self.pipeline.render(solution, camera)

    def networks(self) -> dict[str, str]:
        return networks_of(self.run, self.specs)

    def weights(self) -> dict[str, str]:
        from gantoolkit.inference.load import checksums

        return checksums(self.run, self.specs)

    def notes(self) -> list[str]:
        from gantoolkit.inference.load import changed

        known = "networks" in self.specs or _config(self.run)
        return [
            *([] if known else ["which networks its losses used is not known"]),
            *(
                f"'{name}' is not the file that its bridge was trained with"
                for name in changed(self.specs)
            ),
        ]

    def to(self, device) -> Ours:
        self.pipeline.to(device)
        return self


class Diffused(System):
    """I^d_0, the diffusion model's own image: text, and a ControlNet for masks or scribbles.

    weights, controlnet   folders or names, None for text alone
    steps, guidance       DDIM steps and scale of classifier-free guidance
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
            shown = dict(controlnet=controlnet, condition=condition, palette=palette)
            self.spec |= dict(
                type="ControlNetEncoder", **{k: v for k, v in shown.items() if v is not None}
            )
        self.encoder = registry.build("encoder", self.spec)
        self.needs = seen(self.encoder.condition)

    def solve(self, condition: Condition, image: Tensor | None = None) -> Render:
        return Render(self.encoder.trajectory(condition)[1])

    def solve_shared(self, condition: Condition, image: Tensor | None, folder: Path) -> Render:
        return Render(shared.trajectory(folder, self.encoder, self.spec, condition)[1])

    def weights(self) -> dict[str, str]:
        return folders.checksums(self.spec)

    def to(self, device) -> Diffused:
        self.encoder.to(device)
        return self


def networks_of(run: str, specs: dict) -> dict[str, str]:
    """role → network in the losses of a run, as its export says; of an older export, as its config says."""
    if "networks" in specs:
        return dict(specs["networks"])
    losses = _config(run).get("losses") or {}
    return {
        name: spec["network"]
        for name, spec in losses.items()
        if isinstance(spec, dict) and "network" in spec
    }


def _config(run: str) -> dict:
    """The resolved config of a run folder; {} for a bridge without one."""
    file = Path(run) / "config.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
