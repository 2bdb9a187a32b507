"""EG3D and StyleGAN2 against the port of the published operations, at the same weights, in the same run."""

from __future__ import annotations

from dataclasses import dataclass

import timing
import torch
import universe as networks
from reference import Reference
from torch import Tensor

TOLERANCE = 1e-3  # largest difference of pixels (−1..1) in fp32 at which the two count as equal


@dataclass(frozen=True)
class Case:
    """A generator (weights name or architecture) at a batch size."""

    title: str
    source: str | dict
    batch: int


MINI = (Case("StyleGAN2", "stylegan2", 8), Case("EG3D", "eg3d", 8))
LARGE = (Case("StyleGAN2", dict(type="StyleGAN2", resolution=256, channel_base=16384), 2),)


def measure(universe, quick: bool, seconds: float, say) -> list[dict]:
    """One row per case, precision and pass."""
    rows = []
    for case in MINI if quick else MINI + LARGE:
        pair = Pair(case, universe)
        for precision in ("fp32", "bf16"):
            equality = pair.compare(precision)
            found = ", ".join(f"{k} {v:.1e}" for k, v in equality.items())
            say(f"{case.title} {pair.generator.resolution} px {precision}: {found}")
            for backward in (False, True):
                rows.append(pair.time(precision, backward, seconds) | equality)
                say(f"  {rows[-1]['pass']}: port / ours {rows[-1]['ratio']['median']:.2f}")
    return rows


class Pair:
    """A generator and its port, with codes, cameras and a cotangent to draw with."""

    def __init__(self, case: Case, universe):
        from gantoolkit.core.camera import orbit_camera
        from gantoolkit.generators import load_generator

        if isinstance(case.source, str):
            generator = load_generator(universe.name(case.source))
            self.weights = universe.origins[case.source]
        else:
            generator, self.weights = networks.random_generator(case.source), "random"
        self.case, self.generator, self.reference = case, generator.eval(), Reference(generator)
        stream = torch.Generator().manual_seed(1)
        z = torch.randn(case.batch, generator.z_dim, generator=stream)
        self.ws = generator.mapping(z).detach().clone()
        self.camera = orbit_camera(torch.linspace(-0.4, 0.4, case.batch))
        size = generator.resolution
        self.cotangent = torch.randn(case.batch, 3, size, size, generator=stream) / size
        self.variants = {
            "ours": lambda ws: self.generator.render(ws, self.camera, deterministic=True).image,
            "port": lambda ws: self.reference(ws, self.camera),
        }

    def run(self, name: str, precision: str, backward: bool) -> tuple[Tensor, Tensor | None]:
        """(image, gradient of ⟨image, cotangent⟩ by ws or None)."""
        ws = self.ws.clone().requires_grad_(backward)
        with torch.set_grad_enabled(backward):
            with torch.autocast(ws.device.type, torch.bfloat16, enabled=precision == "bf16"):
                image = self.variants[name](ws)
            if backward:
                (image.float() * self.cotangent).sum().backward()
        return image.detach().float(), ws.grad

    def compare(self, precision: str) -> dict[str, float]:
        """Largest difference of pixels from the port in fp32, and of gradients against their largest entry.

        In bf16 of ours and of the port alike, since two roundings agree only as well as one is exact.
        """
        wanted, slope = self.run("port", "fp32", True)
        names = {"fp32": ("ours",), "bf16": ("ours", "port")}[precision]
        found = {}
        for name in names:
            image, gradient = self.run(name, precision, True)
            found[f"{name}: pixels"] = timing.rounded(float((image - wanted).abs().max()))
            found[f"{name}: pixels, mean"] = timing.rounded(float((image - wanted).abs().mean()))
            slip = (gradient - slope).abs().max() / slope.abs().max()
            found[f"{name}: gradients"] = timing.rounded(float(slip))
        return found

    def time(self, precision: str, backward: bool, seconds: float) -> dict:
        def job(name: str):
            def run() -> None:  # pictures are dropped at once
                self.run(name, precision, backward)

            return run

        kept = timing.interleave({name: job(name) for name in self.variants}, seconds)
        ours, port = (timing.seconds(kept, name) for name in ("ours", "port"))
        row = {"pass": "forward + backward" if backward else "forward"}
        return dict(
            row,
            generator=self.case.title,
            weights=self.weights,
            batch=self.case.batch,
            resolution=self.generator.resolution,
            precision=precision,
            ours=timing.summary(ours),
            port=timing.summary(port),
            ratio=timing.ratio(port, ours),
            others=timing.share(kept),
        )
