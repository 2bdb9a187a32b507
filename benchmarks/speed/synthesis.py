"""EG3D and StyleGAN2 against the port of the published operations, at the same weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import timing
import torch
import universe as networks
from reference import Reference
from torch import Tensor

TOLERANCE = 1e-3  # largest difference of pixels (−1..1) in fp32 at which the two count as equal


@dataclass(frozen=True)
class Case:
    """A generator at a batch size."""

    title: str
    source: str | dict  # weights name, or an architecture that gets random weights
    batch: int


MINI = (Case("StyleGAN2", "stylegan2", 8), Case("EG3D", "eg3d", 8))
LARGE = (Case("StyleGAN2", dict(type="StyleGAN2", resolution=256, channel_base=16384), 2),)


def measure(
    universe: networks.Universe, quick: bool, seconds: float, say: Callable[[str], None]
) -> list[dict]:
    """Return a row per case, precision and pass."""
    rows = []
    for case in MINI if quick else MINI + LARGE:
        pair = Pair(case, universe)
        for precision in ("fp32", "bf16"):
            differences = pair.compare(precision)
            listed = ", ".join(f"{key} {value:.1e}" for key, value in differences.items())
            say(f"{case.title} {pair.generator.resolution} px {precision}: {listed}")
            for backward in (False, True):
                row = pair.time(precision, backward, seconds) | differences
                say(f"  {row['pass']}: port / ours {row['ratio']['median']:.2f}")
                rows.append(row)
    return rows


class Pair:
    """A generator and its port, with codes, cameras and a cotangent to render with."""

    def __init__(self, case: Case, universe: networks.Universe, device: str = "cpu"):
        from gantoolkit.core.camera import orbit_camera
        from gantoolkit.generators import load_generator

        self.case = case
        if isinstance(case.source, str):
            generator = load_generator(universe.name(case.source))
            self.weights = universe.origins[case.source]
        else:
            generator = networks.random_generator(case.source)
            self.weights = "random"
        self.generator = generator.eval().to(device)
        self.reference = Reference(generator).to(device)

        stream = torch.Generator().manual_seed(1)
        z = torch.randn(case.batch, generator.z_dim, generator=stream).to(device)
        self.ws = generator.mapping(z).detach().clone()
        self.camera = orbit_camera(torch.linspace(-0.4, 0.4, case.batch)).to(device)
        size = generator.resolution
        cotangent = torch.randn(case.batch, 3, size, size, generator=stream) / size
        self.cotangent = cotangent.to(device)
        self.variants = {
            "ours": lambda ws: self.generator.render(ws, self.camera, deterministic=True).image,
            "port": lambda ws: self.reference(ws, self.camera),
        }

    def run(self, variant: str, precision: str, backward: bool) -> tuple[Tensor, Tensor | None]:
        """Return the image and, with `backward`, the gradient of ⟨image, cotangent⟩ by ws."""
        ws = self.ws.clone().requires_grad_(backward)
        with torch.set_grad_enabled(backward):
            with torch.autocast(ws.device.type, torch.bfloat16, enabled=precision == "bf16"):
                image = self.variants[variant](ws)
            if backward:
                (image.float() * self.cotangent).sum().backward()
        return image.detach().float(), ws.grad

    def compare(self, precision: str) -> dict[str, float]:
        """Return the largest difference of pixels and gradients from the port in fp32.

        Gradients are compared with their largest entry. In bf16 the port is compared with itself
        too, since two roundings agree only as well as one is exact.
        """
        image, gradient = self.run("port", "fp32", True)
        largest = gradient.abs().max()
        differences = {}
        for variant in ("ours",) if precision == "fp32" else ("ours", "port"):
            other, other_gradient = self.run(variant, precision, True)
            pixels = (other - image).abs()
            gradients = (other_gradient - gradient).abs().max() / largest
            differences[f"{variant}: pixels"] = timing.significant(float(pixels.max()))
            differences[f"{variant}: pixels, mean"] = timing.significant(float(pixels.mean()))
            differences[f"{variant}: gradients"] = timing.significant(float(gradients))
        return differences

    def time(self, precision: str, backward: bool, seconds: float) -> dict:
        """Time both variants in turns, for about `seconds`."""

        def job(variant: str) -> Callable[[], None]:
            def run() -> None:  # images are dropped at once
                self.run(variant, precision, backward)

            return run

        jobs = {variant: job(variant) for variant in self.variants}
        rounds = timing.interleave(jobs, seconds)
        ours = timing.seconds_of(rounds, "ours")
        port = timing.seconds_of(rounds, "port")
        return {
            "pass": "forward + backward" if backward else "forward",
            "generator": self.case.title,
            "weights": self.weights,
            "batch": self.case.batch,
            "resolution": self.generator.resolution,
            "precision": precision,
            "ours": timing.summary(ours),
            "port": timing.summary(port),
            "ratio": timing.ratio(port, ours),
            "others": timing.median_others(rounds),
        }
