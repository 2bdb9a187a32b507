"""Task `gan`: a generator of faces, regressed from the factors that the renderer drew, then adversarial.

A rendered face is a function of a vector of standard normals, so the pairs (factors, face) teach mapping and
synthesis directly (phase A, `regress` iterations). Phase B adds a discriminator, on those faces and on faces
of fresh normals, while the pairs keep holding the generator in place.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit import weights
from gantoolkit.core.images import to_float
from gantoolkit.core.types import Render, Score, Scores
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.tasks.gan.adversary import Adversary
from gantoolkit.tasks.gan.losses import Angles, depth_error, partners, pyramid
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.ema import frozen_copy, update_ema
from gantoolkit.training.task import Task


class GAN(Task):
    """L_G = pairs · (pyramid + raw + depth + perceptual) + matching + adversarial;  L_D = logistic + R1.

    generator      {"type": name, …}; z_dim and resolution default to what the data says
    discriminator  {"type": name, …}, needed as soon as a run goes beyond `regress` iterations
    regress        iterations of phase A; its learning rate falls from lr to lr_adversarial
    pairs          weight of the pairs in phase B (1 in phase A)
    matching       weight of the distance between discriminator features of a face and its reconstruction
    raw, depth     weights of EG3D's raw image and, where the data has depth, of its depth
    perceptual     a component of kind `loss` between images, with its own weight; "perceptual" in the logs
    r1             γ of the gradient penalty, applied every `r1_every` iterations
    encoder        {"type": "FaceEncoder", …}: w of a pair is read off the face (for 3D, off another view of it)
                   and the mapping network learns to meet it; without it w comes from the mapping of the factors
    compact        weight of the mean square of the encoder's w
    """

    separable = False  # known faces are the first half of whatever batch there is

    def __init__(
        self,
        data: str,
        generator: dict,
        discriminator: dict | None = None,
        val: str | None = None,
        held_out: int = 64,
        regress: int = 2000,
        lr: float = 3e-3,
        lr_adversarial: float = 1e-3,
        pairs: float = 0.5,
        matching: float = 1.0,
        adversarial: float = 0.1,
        raw: float = 0.5,
        depth: float = 0.3,
        r1: float = 1.0,
        r1_every: int = 16,
        ema: float = 0.998,
        perceptual: dict | None = None,
        encoder: dict | None = None,
        compact: float = 0.02,
        device: str | torch.device = "cpu",
        seed: int = 0,
    ):
        from gantoolkit.registry.registry import build, get

        self.device, self.seed = torch.device(device), seed
        self.zip, self.val = FaceZip(data), FaceZip(val) if val else None
        self.held_out = 0 if val else min(held_out, len(self.zip) // 4)
        self.regress, self.lr, self.lr_adversarial = regress, lr, lr_adversarial
        self.weight = dict(pairs=pairs, raw=raw, depth=depth, compact=compact)
        self.ema = ema
        torch.manual_seed(seed)
        self.angles = Angles(self.zip.cameras)
        solid = get("generator", generator["type"]).is_3d
        z_dim = self.zip.factors.shape[1] + (0 if solid else 2)
        self.arch = {"z_dim": z_dim, "resolution": self.zip.resolution, **generator}
        self.generator = build("generator", self.arch).to(self.device)
        self.average = frozen_copy(self.generator)
        self.modules, self.averages = {"generator": self.generator}, {"generator": self.average}
        learning = list(self.generator.parameters())
        self.encoder = None
        if encoder:
            sizes = {"resolution": self.zip.resolution, "w_dim": self.generator.w_dim}
            self.encoder = self.modules["encoder"] = build("network", {**sizes, **encoder}).to(
                self.device
            )
            learning += self.encoder.parameters()
            self.partner = partners(self.zip) if solid else torch.arange(len(self.zip))
        self.optimizers = {"G": torch.optim.Adam(learning, lr, (0.9, 0.99))}
        self.adversary = None
        if discriminator:
            network = build("network", {"resolution": self.zip.resolution, **discriminator}).to(
                self.device
            )
            rays = self.generator.rays if solid else None
            self.adversary = Adversary(network, rays, r1, r1_every, adversarial, matching)
            self.modules["discriminator"] = network
            judge = torch.optim.Adam(network.parameters(), lr_adversarial, (0.0, 0.99))
            self.optimizers = {"D": judge, **self.optimizers}
        self.perceptual = build("loss", perceptual).to(self.device) if perceptual else None

    def size(self) -> int:
        return len(self.zip) - self.held_out

    def phases(self, iteration: int):
        """Phase A has one turn, G; phase B has D, then G without momentum at `lr_adversarial`."""
        second = self.adversary is not None and iteration >= self.regress
        group = self.optimizers["G"].param_groups[0]
        fade = 0.5 * (1 + math.cos(math.pi * min(1.0, iteration / max(1, self.regress))))
        group["initial_lr"] = self.lr_adversarial + (self.lr - self.lr_adversarial) * fade
        group["betas"] = (0.0, 0.99) if second else (0.9, 0.99)
        return ("D", "G") if second else ("G",)

    # -- faces ---------------------------------------------------------------------------------------

    def images(self, rows: Tensor, source: FaceZip | None = None) -> Tensor:
        """Faces of these rows, −1..1 [b,3,R,R]."""
        return to_float((source or self.zip).images[rows]).to(self.device)

    def codes(self, rows: Tensor, source: FaceZip | None = None) -> tuple[Tensor, Tensor]:
        """z [b,z_dim] and cameras [b,25] of these rows; a 2D generator's z ends with the camera's angles."""
        source = source or self.zip
        cameras = source.cameras[rows]
        z = source.factors[rows]
        if not self.generator.is_3d:
            z = torch.cat([z, self.angles(cameras)], 1)
        return z.to(self.device), cameras.to(self.device)

    def paired(self, rows: Tensor, z: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """ws of known faces, and the losses that tie encoder and mapping together."""
        mapped = self.generator.mapping(z)
        if self.encoder is None:
            return mapped, {}
        w = self.encoder(self.images(self.partner[rows]))
        losses = {
            "code": F.mse_loss(mapped[:, 0].float(), w.detach()),
            "compact": self.weight["compact"] * w.square().mean(),
        }
        return w[:, None].expand(-1, self.generator.num_ws, -1), losses

    def render(
        self, generator, ws: Tensor, cameras: Tensor, random: SeededBatch | None = None
    ) -> Render:
        """Render ws; with `random` EG3D's samples are jittered by its numbers, else deterministic."""
        if random is not None:
            (generator.backbone if generator.is_3d else generator).mapping.track(ws[:, 0])
        if not generator.is_3d or random is None:
            return generator.render(ws, cameras, noise="none", deterministic=True)
        m = generator.rays**2
        jitter = random.uniform(m, generator.samples, 1)
        u = random.uniform(m, generator.importance).flatten(0, 1) if generator.importance else None
        return generator.render(ws, cameras, noise="none", jitter=jitter, u=u)

    # -- losses --------------------------------------------------------------------------------------

    def losses(self, phase: str, draw: SeededBatch, iteration: int) -> dict[str, Tensor]:
        if phase == "D":
            return self._judge(draw, iteration)
        if iteration < self.regress or self.adversary is None:
            z, cameras = self.codes(draw.indices)
            ws, losses = self.paired(draw.indices, z)
            return losses | self._compare(
                self.render(self.generator, ws, cameras, draw), draw.indices, 1.0
            )
        return self._convince(draw)

    def _compare(self, render: Render, rows: Tensor, weight: float) -> dict[str, Tensor]:
        """Losses between reconstructions and the faces of `rows`."""
        target = self.images(rows)
        losses = {"pyramid": weight * pyramid(render.image.float(), target)}
        if render.image_raw is not None and self.weight["raw"]:
            small = F.interpolate(target, size=render.image_raw.shape[-2:], mode="area")
            losses["raw"] = (
                weight * self.weight["raw"] * pyramid(render.image_raw.float(), small, 2)
            )
        if render.depth is not None and self.weight["depth"] and self.zip.depths is not None:
            true = self.zip.depths[rows][:, None].to(self.device)
            losses["depth"] = (
                weight * self.weight["depth"] * depth_error(render.depth.float(), true)
            )
        if self.perceptual is not None:
            distance = self.perceptual(render.image.float(), self.perceptual.prepare(target))
            losses["perceptual"] = weight * self.perceptual.weight * distance
        return losses

    def _mixed(self, draw: SeededBatch) -> tuple[Tensor, Tensor, int, dict[str, Tensor]]:
        """ws of a batch in phase B: the first half of known faces, the others of fresh normals."""
        z, cameras = self.codes(draw.indices)
        paired = (len(z) + 1) // 2
        ws, losses = self.paired(draw.indices[:paired], z[:paired])
        fresh = self.generator.mapping(draw.normal(z.shape[1]).to(z)[paired:])
        return torch.cat([ws, fresh.to(ws.dtype)]), cameras, paired, losses

    def _judge(self, draw: SeededBatch, iteration: int) -> dict[str, Tensor]:
        """Discriminator in phase B."""
        with torch.no_grad():
            ws, cameras, _, _ = self._mixed(draw)
            drawn = self.render(self.generator, ws, cameras, draw)
        return self.adversary.judge(
            self.adversary.real(self.images(draw.indices)), drawn, cameras, iteration
        )

    def _convince(self, draw: SeededBatch) -> dict[str, Tensor]:
        """Generator in phase B."""
        ws, cameras, paired, losses = self._mixed(draw)
        render, rows = self.render(self.generator, ws, cameras, draw), draw.indices[:paired]
        losses = losses | self._compare(render[:paired], rows, self.weight["pairs"])
        return losses | self.adversary.convince(render, cameras, self.images(rows))

    def after_step(self, iteration: int) -> None:
        update_ema(self.average, self.generator, iteration, self.ema)

    # -- what is shown and kept ----------------------------------------------------------------------

    def _held(self, limit: int) -> tuple[FaceZip, Tensor]:
        """Rows that training does not see."""
        if self.val:
            return self.val, torch.arange(min(limit, len(self.val)))
        first = self.size() if self.held_out else 0
        return self.zip, torch.arange(first, min(first + limit, len(self.zip)))

    @torch.no_grad()
    def regressed(self, rows: Tensor, source: FaceZip | None = None) -> Tensor:
        """The average generator's faces [b,3,R,R] for the factors of these rows."""
        z, cameras = self.codes(rows, source)
        return self.render(self.average, self.average.mapping(z), cameras).image

    @torch.no_grad()
    def encoded(self, rows: Tensor, source: FaceZip | None = None) -> Tensor:
        """The average generator's faces [b,3,R,R] for what the encoder reads off these rows' own faces."""
        w = self.encoder(self.images(rows, source))
        ws = w[:, None].expand(-1, self.average.num_ws, -1)
        return self.render(self.average, ws, self.codes(rows, source)[1]).image

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        """How close unseen factors come to their faces: L1 in −1..1 and PSNR in dB."""
        source, rows = self._held(limit or 256)
        l1, psnr = [], []
        for part in rows.split(32):
            image = self.regressed(part, source).clamp(-1, 1)
            error = image - self.images(part, source)
            l1.append(error.abs().mean((1, 2, 3)))
            psnr.append(10 * torch.log10(4 / error.square().mean((1, 2, 3)).clamp_min(1e-10)))
        conditions = {"range": "-1..1", "data": "held out", "from": "factors"}
        return {
            "L1": Score(float(torch.cat(l1).mean()), len(rows), False, conditions),
            "PSNR": Score(float(torch.cat(psnr).mean()), len(rows), True, conditions),
        }

    def pictures(self) -> dict[str, Tensor]:
        """Faces and their regressions, unseen faces and theirs, random codes (EG3D: three views, depth)."""
        from gantoolkit.tasks.gan.sheet import sheet

        return {"samples": sheet(self)}

    def export(self, folder: Path) -> list[Path]:
        """FOLDER/<type>.safetensors: the averaged generator in float16, its mean code measured afresh."""
        self._measure_mean()
        name = f"{self.arch['type'].lower()}.safetensors"
        state = {k: v for k, v in self.average.state_dict().items()}
        return [
            weights.save(
                folder / name, state, self.arch, half=True, data=self.zip.meta.get("name", "")
            )
        ]

    @torch.no_grad()
    def _measure_mean(self, count: int = 10_000) -> None:
        z = torch.randn(
            count, self.arch["z_dim"], generator=torch.Generator().manual_seed(self.seed)
        )
        mean = torch.cat(
            [self.average.mapping(part)[:, 0] for part in z.to(self.device).split(1000)]
        ).mean(0)
        self.average.mean_w.copy_(mean)

    def networks(self) -> dict[str, str]:
        network = getattr(self.perceptual, "network", None)
        return {"perceptual": network} if network else {}
