"""Phase B of task `gan`: which codes a batch has, and what both sides lose on them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.core.types import Render
from gantoolkit.tasks.gan.adversarial import AdversarialLoss
from gantoolkit.tasks.gan.config import AdversaryConfig
from gantoolkit.tasks.gan.drawing import coarse_distance, fresh_codes
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.ema import frozen_copy


class AdversarialPhase:
    """Compute the losses of phase B for a task `gan`.

    task    the task: its generator, faces and reconstruction loss
    loss    of discriminator and generator
    config  the config's `adversary`
    pairs   weight of the losses of known faces; 0: all codes are fresh normals
    """

    def __init__(self, task, loss: AdversarialLoss, config: AdversaryConfig, pairs: float):
        self.task = task
        self.loss = loss
        self.config = config
        self.pairs = pairs
        self.earlier_generator = None  # as it is when the phase begins
        if config.consistency or config.depth_consistency:
            self.earlier_generator = frozen_copy(task.generator)

    def begin(self, generator) -> None:
        """Take `generator` for the one that consistency refers to."""
        if self.earlier_generator is not None:
            self.earlier_generator.load_state_dict(generator.state_dict())

    def phases(self, done: int) -> tuple[str, ...]:
        """Return the optimizer steps after `done` iterations of phase B."""
        return ("D",) if done < self.config.discriminator_warmup else ("D", "G")

    def discriminator_losses(self, batch: SeededBatch, iteration: int) -> dict[str, Tensor]:
        task = self.task
        with torch.no_grad():
            ws, cameras, _, _ = self._mixed_codes(batch)
            fake = task.render(task.generator, ws, cameras, batch, self.config.noise)
        real = self.loss.as_render(task.images(batch.indices))
        return self.loss.discriminator_loss(real, fake, cameras, iteration, batch)

    def generator_losses(self, batch: SeededBatch) -> dict[str, Tensor]:
        task = self.task
        ws, cameras, pairs, losses = self._mixed_codes(batch)
        fake = task.render(task.generator, ws, cameras, batch, self.config.noise)
        rows = batch.indices
        if pairs:
            losses |= task.reconstruction_losses(fake[:pairs], rows[:pairs], self.pairs)
        if self.earlier_generator is not None:
            # a shard of one face has no fresh code: then that face is held
            fresh = slice(min(pairs, len(batch) - 1), None)
            losses |= self._consistency_losses(fake[fresh], ws[fresh], cameras[fresh])
        real = task.images(rows)
        return losses | self.loss.generator_loss(fake, real, pairs, cameras, batch)

    def _mixed_codes(self, batch: SeededBatch) -> tuple[Tensor, Tensor, int, dict[str, Tensor]]:
        """Return (ws, cameras, number of pairs, losses) of a batch.

        The first half are codes of known faces, the others of fresh normals; without pairs all are.
        """
        task = self.task
        cameras = task.faces.cameras[batch.indices].to(task.device)
        if not self.pairs:
            return self._fresh_codes(batch, 0), cameras, 0, {}
        pairs = (len(batch) + 1) // 2
        paired_ws, losses = task.paired_codes(batch.indices[:pairs])
        fresh_ws = self._fresh_codes(batch, pairs)
        ws = torch.cat([paired_ws, fresh_ws.to(paired_ws.dtype)])
        return ws, cameras, pairs, losses

    def _fresh_codes(self, batch: SeededBatch, first: int) -> Tensor:
        generator = self.task.generator
        return fresh_codes(generator, batch, first, self.config.truncated, self.config.psi)

    def _consistency_losses(self, fake: Render, ws: Tensor, cameras: Tensor) -> dict[str, Tensor]:
        """Return the distances to the earlier generator's image, averaged, and depth of ws."""
        config = self.config
        with torch.no_grad():
            earlier = self.task.render(self.earlier_generator, ws, cameras)
        losses = {}
        if config.consistency:
            distance = coarse_distance(fake.image, earlier.image, config.consistency_size)
            losses["consistency"] = config.consistency * distance
        if config.depth_consistency and fake.depth is not None:
            distance = F.l1_loss(fake.depth.float(), earlier.depth.float())
            losses["depth"] = config.depth_consistency * distance
        return losses
