"""Task `mm2latent`: map text embeddings and masks to codes w of a frozen StyleGAN2.

No caption is read: images are drawn from random codes, and an image's embedding with noise stands
in for that of a text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit import networks as pretrained
from gantoolkit import weights
from gantoolkit.core.errors import UsageError
from gantoolkit.core.images import one_hot
from gantoolkit.core.types import Sample, Score, Scores
from gantoolkit.data.split import HeldOutSplit
from gantoolkit.tasks.image_grid import image_grid
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.task import Task
from gantoolkit_baselines.config import MM2LatentConfig
from gantoolkit_baselines.mm2latent import MM2Latent, pseudo_text

BETAS = (0.9, 0.99)
HELD_OUT_CODES = 64


class MM2LatentTraining(Task):
    """Train first an autoencoder of masks, then a mapping from its embedding and a text's to w.

    L_autoencoder = cross entropy of the mask's classes
    L_mapping = code · |ŵ − w| + pixels · |G(ŵ) − G(w)| + similarity · (1 − cos of both images)
    """

    config: MM2LatentConfig
    config_class = MM2LatentConfig
    system = "mm2latent"

    def __init__(self, config: MM2LatentConfig, device: str | torch.device = "cpu", seed: int = 0):
        from gantoolkit.generators import load_generator

        self.config = config
        self.device = torch.device(device)
        self.split = HeldOutSplit(config.data, config.val, config.held_out)
        self.faces = self.split.train
        self.generator = load_generator(config.generator).to(self.device)
        if self.generator.is_3d:
            raise UsageError(
                f"mm2latent draws with a 2D generator, and '{config.generator}' is 3D; give a "
                "StyleGAN2."
            )
        self.towers = pretrained.load(config.towers, self.device)
        self.parser = pretrained.load(config.parser, self.device)

        torch.manual_seed(seed)
        self.network = MM2Latent(
            self.faces.resolution,
            self.generator.w_dim,
            self.towers.image.embedding,
            embedding=config.embedding,
            width=config.width,
            layers=config.layers,
            widths=tuple(config.widths),
        ).to(self.device)
        self.network.mean_w.copy_(self.generator.mean_w)
        self.modules = {"network": self.network}
        self.optimizers = {
            "autoencoder": self._adam(self.network.autoencoder),
            "mapping": self._adam(self.network.mapping),
        }

    def _adam(self, module: torch.nn.Module) -> torch.optim.Adam:
        return torch.optim.Adam(module.parameters(), self.config.lr, BETAS)

    def size(self) -> int:
        return self.split.train_size

    def plan(self, iterations: int) -> None:
        self.iterations = iterations
        self.first_of_mapping = round(iterations * self.config.autoencoder_fraction)

    def phases(self, iteration: int) -> Iterable[str]:
        return ("autoencoder",) if iteration < self.first_of_mapping else ("mapping",)

    def phase_range(self, phase: str) -> tuple[int, int]:
        if phase == "autoencoder":
            return 0, self.first_of_mapping
        return self.first_of_mapping, self.iterations

    # -- losses ------------------------------------------------------------------------------------

    def losses(self, phase: str, batch: SeededBatch, iteration: int) -> dict[str, Tensor]:
        if phase == "autoencoder":
            labels = self.faces.labels[batch.indices].to(self.device).long()
            logits = self.network.autoencoder(one_hot(labels))
            return {"classes": F.cross_entropy(logits.float(), labels)}
        z = batch.normal(self.generator.z_dim)
        direction = batch.normal(self.towers.image.embedding).to(self.device)
        return self._mapping_losses(z, direction)

    def _mapping_losses(self, z: Tensor, direction: Tensor) -> dict[str, Tensor]:
        """Return the losses of codes that the generator draws of z [b,z_dim]."""
        config = self.config
        with torch.no_grad():
            w = self.generator.mapping(z.to(self.device))[:, 0].float()
            image = self.render(w)
            embedding = self.towers.embed_image(image)
            text = pseudo_text(embedding, direction, config.noise)
            mask_embedding = self.embed_masks(self.parse(image))
        predicted = self.network(text, mask_embedding)
        rendered = self.render(predicted)
        cosine = (self.towers.embed_image(rendered) * embedding).sum(1)
        return {
            "code": config.code * (predicted - w).abs().mean(),
            "pixels": config.pixels * (rendered.float() - image.float()).abs().mean(),
            "similarity": config.similarity * (1 - cosine).mean(),
        }

    def parse(self, images: Tensor) -> Tensor:
        """Return masks [B,19,R,R] of images, at the resolution of the data set's masks."""
        size = self.faces.resolution
        if images.shape[-1] != size:
            images = F.interpolate(images.float(), size=(size, size), mode="area")
        return one_hot(self.parser.logits(images).argmax(1))

    def embed_masks(self, masks: Tensor) -> Tensor:
        """Return the autoencoder's embeddings of masks."""
        return self.network.autoencoder.encode(masks)

    def render(self, w: Tensor) -> Tensor:
        """Render images of w [B,w_dim], the same for every layer."""
        ws = w[:, None].expand(-1, self.generator.num_ws, -1)
        return self.generator.render(ws, noise="const", deterministic=True).image

    def draw(self, texts: Sequence[str], masks: Tensor) -> Tensor:
        """Render what prompts and masks say, as the system does."""
        text = self.towers.embed_text(list(texts))
        return self.render(self.network(text, self.embed_masks(masks))).clamp(-1, 1)

    # -- scores and pictures -----------------------------------------------------------------------

    def _held_out_sample(self, limit: int) -> Sample:
        faces, rows = self.split.held_out_rows(limit)
        return faces.sample(rows).to(self.device)

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        """Score on held-out people: masks after the autoencoder, images of captions and masks.

        code gain  share of the distance from random codes to w̄ that the network closes
        """
        sample = self._held_out_sample(min(limit or 64, 64))
        masks = sample.condition.mask
        accuracy = (self.network.autoencoder(masks).argmax(1) == masks.argmax(1)).float().mean()
        drawn = self.draw(sample.condition.text, masks)
        error = (drawn - sample.target.image_gt).abs().mean()
        count = len(sample)
        return {
            "mask acc": Score(float(accuracy), count, True, {"data": "held out"}),
            "L1": Score(float(error), count, False, {"range": "-1..1", "data": "held out"}),
            "code gain": Score(self._code_gain(), HELD_OUT_CODES, True, {"data": "random codes"}),
        }

    def _code_gain(self) -> float:
        stream = torch.Generator().manual_seed(1)
        z = torch.randn(HELD_OUT_CODES, self.generator.z_dim, generator=stream)
        w = self.generator.mapping(z.to(self.device))[:, 0].float()
        image = self.render(w)
        mask_embedding = self.embed_masks(self.parse(image))
        predicted = self.network(self.towers.embed_image(image), mask_embedding)
        mean_error = (self.network.mean_w - w).abs().mean()
        return float(1 - (predicted - w).abs().mean() / mean_error)

    @torch.no_grad()
    def pictures(self) -> dict[str, Tensor]:
        """Draw held-out people above what their captions and masks give."""
        sample = self._held_out_sample(8)
        drawn = self.draw(sample.condition.text, sample.condition.mask)
        return {"held_out": image_grid([sample.target.image_gt, drawn])}

    def export(self, folder: Path) -> list[Path]:
        """Write FOLDER/mm2latent.safetensors, which names its generator and its networks."""
        path = folder / "mm2latent.safetensors"
        facts = {"generator": self.config.generator, "networks": json.dumps(self.networks())}
        return [weights.save(path, self.network.state_dict(), self.network.arch, **facts)]

    def networks(self) -> dict[str, str]:
        return {"text": self.config.towers, "masks": self.config.parser}

    def weights(self) -> dict[str, str]:
        return weights.checksums({self.config.generator, *self.networks().values()})
