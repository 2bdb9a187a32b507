"""Trajectories of a data set through the frozen encoder, cached: what the bridge trains on.

One denoising run per (sample, caption, seed) gives z_t at every step of the grid and I^d_0 at its
end, with the guidance that inference uses. With `gt_noised` every z_t has an I^d_0 of its own.
Row r stands for sample r mod N of the N samples, with its (r div N)-th caption.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from gantoolkit.core.images import to_float, to_uint8
from gantoolkit.core.types import Features, Sample
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.data.pair_rule import CAPTIONS, SEEDS, caption_numbers, noise_seeds
from gantoolkit.tasks.bridge import feature_cache
from gantoolkit.tasks.bridge.config import CacheConfig, SamplingConfig


@dataclass(frozen=True)
class TimestepBatch:
    """A batch at one denoising step per sample."""

    sample: Sample
    latents: Tensor  # z_t [B,4,h,w]
    t: Tensor  # [B] denoising step 0..999
    x0: Tensor  # I^d_0 [B,3,R,R]
    rows: Tensor  # [B] of the trajectories
    steps: Tensor  # [B] positions in the denoising grid


class Trajectories:
    """Cached trajectories of `data`; `read(rows, steps)` gives a TimestepBatch on `device`.

    data          images, masks, captions
    encoder       frozen; makes what the cache lacks
    encoder_key   JSON-able description of the encoder: its config and the sha256 of its weights
    condition     'mask', 'scribble' or 'both'
    sampling      how trajectories are drawn
    cache_config  where they are stored: a CacheConfig, or the folder
    limit         number of samples used of `data`; None = all
    text          replaces every caption (the empty prompt of `id_text`)
    """

    def __init__(
        self,
        data: FaceZip,
        encoder,
        encoder_key: dict,
        condition: str,
        sampling: SamplingConfig,
        cache_config: CacheConfig | str | Path | None = None,
        limit: int | None = None,
        text: str | None = None,
        device="cpu",
    ):
        if not isinstance(cache_config, CacheConfig):
            cache_config = CacheConfig(cache_config and str(cache_config))
        self.data = data
        self.encoder = encoder
        self.condition = condition
        self.sampling = sampling
        self.cache_config = cache_config
        self.text = text
        self.device = torch.device(device)
        self.samples = min(limit or len(data), len(data))

        self.key = dict(
            data=data.sha256,
            samples=self.samples,
            condition=condition,
            text=text,
            seed=sampling.seed,
            captions=sampling.captions,
            pairs=f"caption {CAPTIONS['rotating']}, seed {SEEDS}",
            source=sampling.source,
            encoder=encoder_key,
        )
        if sampling.noised:
            self.key["x0"] = "of every step"
        self.cache = cache_config.open("trajectories", self.key, len(self), sampling.batch, device)
        self.stores_features = False  # beside z_t, in the same cache
        self.feature_row_bytes = 0  # of z_t, I^d_0 and features, where they are stored

    def __len__(self) -> int:
        return self.samples * self.sampling.captions

    @cached_property
    def timesteps(self) -> Tensor:
        """The denoising grid [S], from noise to image."""
        return torch.as_tensor(self.encoder.timesteps)

    # -- filling the cache -------------------------------------------------------------------------

    def prepare(self, progress, name: str = "cache") -> int:
        """Fill what the cache lacks; returns the number of samples computed now."""
        return self.cache.fill(self._compute, progress, name, self.row_bytes())

    def row_bytes(self) -> int | None:
        """Compute the bytes of one cached row; None where the encoder does not say its shapes."""
        if self.stores_features:
            return self.feature_row_bytes
        latent_shape = getattr(self.encoder, "latent_shape", None)
        resolution = getattr(self.encoder, "resolution", None)
        if not latent_shape or not resolution:
            return None
        return row_bytes(len(self.timesteps), latent_shape, resolution, self.sampling.noised)

    def store_features(self, max_gb: float) -> None:
        """Cache features beside z_t, if all of it fits `max_gb` gigabytes of disk."""
        if max_gb <= 0:
            return
        first_row = self._trace(self.sample(torch.arange(1)), with_features=True)
        row_bytes = sum(tensor.nbytes for tensor in first_row.values())
        if row_bytes * len(self) > max_gb * 1e9:
            return
        self.stores_features = True
        self.feature_row_bytes = row_bytes
        key = dict(self.key, features=True)
        self.cache = self.cache_config.open(
            "trajectories", key, len(self), feature_cache.ROWS_PER_SHARD, self.device
        )

    @torch.no_grad()
    def _compute(self, rows: Tensor) -> dict[str, Tensor]:
        """Run the encoder: z_t as halves [B,S,4,h,w], I^d_0 as bytes, and features where stored."""
        sample = self.sample(rows)
        if not self.sampling.noised and not self.stores_features:
            latents, x0 = self.encoder.trajectory(sample.condition)
            return dict(z=latents.half(), x0=to_uint8(x0))
        return self._trace(sample, self.stores_features)

    @torch.no_grad()
    def _trace(self, sample: Sample, with_features: bool) -> dict[str, Tensor]:
        """Run the encoder step by step: z_t, I^d_0 and, if wanted, features of every step."""
        steps: dict[str, list[Tensor]] = defaultdict(list)
        trace = self.encoder.trace(
            sample.condition, source=self.sampling.source, image=sample.target.image_gt
        )
        for features in trace:
            steps["z"].append(features.latents.half())
            if features.x0 is not None:
                steps["x0"].append(to_uint8(features.x0))
            if with_features:
                for name, tensor in feature_cache.flatten(features).items():
                    steps[name].append(tensor)
        tensors = {name: torch.stack(values, 1) for name, values in steps.items()}
        if not self.sampling.noised:
            tensors["x0"] = tensors["x0"][:, 0]
        return tensors

    # -- reading -----------------------------------------------------------------------------------

    def sample(self, rows: Tensor, images: dict[str, Tensor] | None = None) -> Sample:
        """Read conditions and targets of rows; caption and seed depend only on the row."""
        index = rows % self.samples
        caption = rows // self.samples
        captions = caption_numbers(index) + caption
        seeds = noise_seeds(self.sampling.seed + caption, index)
        sample = self.data.sample(index, captions, self.condition, seeds, self.device, images)
        if self.text is None:
            return sample
        condition = replace(sample.condition, text=(self.text,) * len(rows))
        return Sample(condition, sample.target)

    def x0(self, rows: Tensor, steps: Tensor) -> Tensor:
        """Read I^d_0 [B,3,R,R] as bytes; `steps` [B] matter only where every step has its own."""
        return self.cache.read("x0", rows, steps if self.sampling.noised else None)

    def fetch(self, rows: Tensor, steps: Tensor) -> dict:
        """Read what of a batch lies on disk; touches no device, so a thread may call it."""
        return dict(
            z=self.cache.read("z", rows, steps),
            x0=self.x0(rows, steps),
            images=self.data.read_images(rows % self.samples, self.condition),
        )

    def read(
        self, rows: Tensor, steps: Tensor | int = -1, fetched: dict | None = None
    ) -> TimestepBatch:
        """Read rows at steps of the grid (0 = noise … −1 = last).

        fetched  what `fetch` returned for the same rows and steps, if it was called already
        """
        rows = torch.as_tensor(rows)
        steps = torch.as_tensor(steps).expand(len(rows)) % len(self.timesteps)
        stored = fetched or self.fetch(rows, steps)
        return TimestepBatch(
            sample=self.sample(rows, stored["images"]),
            latents=stored["z"].to(self.device).float(),
            t=self.timesteps[steps].to(self.device),
            x0=to_float(stored["x0"].to(self.device)),
            rows=rows,
            steps=steps,
        )

    @torch.no_grad()
    def features(self, batch: TimestepBatch, only_h: bool = False) -> Features:
        """Compute h, f and a (or only h) by one forward pass without guidance, or read them."""
        if self.stores_features:
            return feature_cache.read(self.cache, batch, len(self.encoder.shapes.f))
        return self.encoder.features(batch.latents, batch.t, batch.sample.condition, only_h)


def row_bytes(
    steps: int, latent_shape: tuple[int, ...], resolution: int, noised: bool = False
) -> int:
    """Compute the bytes of one cached trajectory of S steps.

    z_t takes 2 bytes a number, I^d_0 3 bytes a pixel; with `noised` there is one I^d_0 per step.
    """
    images = steps if noised else 1
    return 2 * steps * math.prod(latent_shape) + 3 * resolution**2 * images
