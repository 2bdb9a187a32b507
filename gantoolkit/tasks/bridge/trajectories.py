"""Trajectories of a data set through the frozen encoder, read from a cache: what the bridge trains on.

One denoising run per (sample, caption, seed) gives z_t at every step of the grid and I^d_0 at its end, with
the guidance that inference uses. Of noised truth (`gt_noised`) every z_t has an I^d_0 of its own.
Row r of S rows stands for sample r mod N with its (r div N)-th caption.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from gantoolkit.config import validate
from gantoolkit.core.errors import UsageError
from gantoolkit.core.images import to_float, to_uint8
from gantoolkit.core.types import Features, Sample
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.encoders.sampling import check_source
from gantoolkit.training.tensor_cache import Cache
from gantoolkit.training.tensor_stream import Streamed


@dataclass(frozen=True)
class SamplingConfig:
    """The config's `sampling`: how trajectories are drawn. Steps and guidance belong to the encoder."""

    seed: int = 0
    captions: int = 1  # captions used per training sample
    source: Literal["trajectory", "gt_noised"] = "trajectory"  # gt_noised leaks I^gt at small t
    batch: int = 48  # samples per cached shard and encoder call

    @property
    def noised(self) -> bool:
        """Whether z_t is noised truth, each with an I^d_0 of its own: that z_t denoised to the end."""
        return self.source == "gt_noised"

    def __post_init__(self):
        check_source(self.source)

    @classmethod
    def of(cls, values: dict) -> SamplingConfig:
        """From the config, refusing unknown keys."""
        return validate.build(cls, "sampling", values)


@dataclass(frozen=True)
class CacheConfig:
    """The config's `cache`: where what frozen networks say is kept."""

    folder: str | None = None  # None: $GANTOOLKIT_CACHE or ~/.cache/gantoolkit
    max_gb: float = 0.0  # of features on disk; 0 = recompute them in every iteration
    verify: bool = False  # hash every shard at the start, not only those that were touched
    stream: bool = False  # nothing on disk: trajectories are computed when they are asked for
    memory_gb: float = 2.0  # of a stream that stays in memory

    def __post_init__(self):
        if self.stream and self.max_gb:
            raise UsageError("cache.stream keeps nothing on disk, so cache.max_gb must be 0.")

    @classmethod
    def of(cls, values: dict) -> CacheConfig:
        """From the config, refusing unknown keys."""
        return validate.build(cls, "cache", values)

    def open(self, kind: str, key: dict, rows: int, size: int, device="cpu") -> Cache | Streamed:
        """The cache, or the stream, of one kind of content."""
        if self.stream:
            return Streamed(dict(key, kind=kind), rows, self.memory_gb, torch.device(device).type)
        return Cache(self.folder, kind, key, rows, size, self.verify)


@dataclass(frozen=True)
class DataConfig:
    """The config's `data`: names or zips, and how many samples are used of them (None = all)."""

    train: str
    val: str
    train_limit: int | None = None
    val_limit: int | None = None


@dataclass(frozen=True)
class TimestepBatch:
    """A batch at one step per sample, as training meets it."""

    sample: Sample
    latents: Tensor  # z_t [B,4,h,w]
    t: Tensor  # [B]
    x0: Tensor  # I^d_0 [B,3,R,R]
    rows: Tensor  # [B]
    steps: Tensor  # [B] places in the denoising grid


class Trajectories:
    """Cached trajectories of `data`; `read(rows, steps)` gives a Moment on the encoder's device.

    encoder_key  JSON-able description of the encoder: its config and the sha256 of its weights
    text         replaces every caption (the empty prompt of `id_text`)
    """

    def __init__(
        self,
        data: FaceZip,
        encoder,
        encoder_key: dict,
        condition: str,
        sampling: SamplingConfig,
        keeping: CacheConfig | str | Path | None = None,
        limit: int | None = None,
        text: str | None = None,
        device="cpu",
    ):
        self.data, self.encoder, self.condition, self.sampling = data, encoder, condition, sampling
        self.keeping = (
            keeping if isinstance(keeping, CacheConfig) else CacheConfig(keeping and str(keeping))
        )
        self.text, self.device = text, torch.device(device)
        self.samples = min(limit or len(data), len(data))
        self.key = dict(
            data=data.sha256,
            samples=self.samples,
            condition=condition,
            text=text,
            seed=sampling.seed,
            captions=sampling.captions,
            source=sampling.source,
            encoder=encoder_key,
            **(dict(x0="of every step") if sampling.noised else {}),
        )
        self.cache = self.keeping.open("trajectories", self.key, len(self), sampling.batch, device)
        self.stored: StoredFeatures | None = None

    def __len__(self) -> int:
        return self.samples * self.sampling.captions

    @cached_property
    def timesteps(self) -> Tensor:
        """The denoising grid [S], from noise to image."""
        return torch.as_tensor(self.encoder.timesteps)

    def sample(self, rows: Tensor, pictures: dict[str, Tensor] | None = None) -> Sample:
        """Conditions and targets of rows on the device; the caption and the seed are functions of the row."""
        index, number = rows % self.samples, rows // self.samples
        seeds = (self.sampling.seed * 1_000_003 + index) * 101 + number
        sample = self.data.sample(
            index, index + number, self.condition, seeds, self.device, pictures
        )
        if self.text is None:
            return sample
        return Sample(replace(sample.condition, text=(self.text,) * len(rows)), sample.target)

    def prepare(self, progress, name: str = "cache") -> int:
        """Fill what is missing of the cache; the number of samples computed now."""
        return self.cache.fill(self._compute, progress, name, self.row_bytes())

    def row_bytes(self) -> int | None:
        """Bytes of one row: z_t of all steps as halves and I^d_0 as 8-bit RGB; None where the encoder does not say."""
        shape, size = (
            getattr(self.encoder, "latent_shape", None),
            getattr(self.encoder, "resolution", None),
        )
        return shape and size and row_bytes(len(self.timesteps), shape, size, self.sampling.noised)

    @torch.no_grad()
    def _compute(self, rows: Tensor) -> dict[str, Tensor]:
        sample = self.sample(rows)
        if not self.sampling.noised:
            latents, x0 = self.encoder.trajectory(sample.condition)
            return dict(z=latents.half(), x0=to_uint8(x0))
        trace = self.encoder.trace(
            sample.condition, source=self.sampling.source, image=sample.target.image_gt
        )
        latents, x0 = zip(*((step.latents.half(), to_uint8(step.x0)) for step in trace))
        return dict(z=torch.stack(latents, 1), x0=torch.stack(x0, 1))

    def x0(self, rows: Tensor, steps: Tensor) -> Tensor:
        """I^d_0 [B,3,R,R] as bytes; of noised truth that of the steps [B]."""
        return self.cache.read("x0", rows, steps if self.sampling.noised else None)

    def fetch(self, rows: Tensor, steps: Tensor) -> dict:
        """What of a Moment lies on disk, as it is stored; touches no device, so that a thread may read ahead."""
        return dict(
            z=self.cache.read("z", rows, steps),
            x0=self.x0(rows, steps),
            pictures=self.data.pictures(rows % self.samples, self.condition),
        )

    def read(
        self, rows: Tensor, steps: Tensor | int = -1, fetched: dict | None = None
    ) -> TimestepBatch:
        """Rows at given steps of the grid (0 = noise … −1 = last); `fetched` is what `fetch` gave for them."""
        rows = torch.as_tensor(rows)
        steps = torch.as_tensor(steps).expand(len(rows)) % len(self.timesteps)
        found = fetched or self.fetch(rows, steps)
        return TimestepBatch(
            sample=self.sample(rows, found["pictures"]),
            latents=found["z"].to(self.device).float(),
            t=self.timesteps[steps].to(self.device),
            x0=to_float(found["x0"].to(self.device)),
            rows=rows,
            steps=steps,
        )

    @torch.no_grad()
    def features(self, moment: TimestepBatch, only_h: bool = False) -> Features:
        """h, f and a (or h alone) at the moment's steps: one forward of the encoder without guidance, or cached."""
        if self.stored is not None:
            return self.stored.read(moment)
        return self.encoder.features(moment.latents, moment.t, moment.sample.condition, only_h)

    def store_features(self, max_gb: float, progress, name: str = "features") -> None:
        """Cache features too, if those of all rows and steps fit `max_gb` gigabytes of disk."""
        if max_gb > 0:
            stored = StoredFeatures(self)
            if stored.bytes() <= max_gb * 1e9:
                stored.cache.fill(stored.compute, progress, name)
                self.stored = stored


def row_bytes(
    steps: int, latent_shape: tuple[int, ...], resolution: int, noised: bool = False
) -> int:
    """Bytes of a cached trajectory of S steps: 2 per number of z_t, 3 per pixel of I^d_0 (S of them of noised truth)."""
    return 2 * steps * math.prod(latent_shape) + 3 * resolution**2 * (steps if noised else 1)


class StoredFeatures:
    """Features of every row and step as float16; large (9.3 MB per row and step at full scale)."""

    def __init__(self, trajectories: Trajectories):
        self.trajectories = trajectories
        self.cache = trajectories.keeping.open(
            "features", trajectories.cache.key, len(trajectories), 16
        )

    def bytes(self) -> int:
        """Of the whole cache, judged by the first row."""
        one = self.compute(torch.arange(1))
        return len(self.trajectories) * sum(v.numel() * v.element_size() for v in one.values())

    @torch.no_grad()
    def compute(self, rows: Tensor) -> dict[str, Tensor]:
        """name → [b,S,…] for some rows."""
        source, found = self.trajectories, []
        for step in range(len(source.timesteps)):
            moment = source.read(rows, step)
            found.append(
                self._flat(
                    source.encoder.features(moment.latents, moment.t, moment.sample.condition)
                )
            )
        return {name: torch.stack([f[name] for f in found], 1) for name in found[0]}

    @staticmethod
    def _flat(features: Features) -> dict[str, Tensor]:
        tensors = dict(h=features.h.half(), words=features.words.to(torch.uint8))
        for name in ("f", "attn_out", "attn_prob"):
            tensors |= {
                f"{name}.{n}": value.half() for n, value in enumerate(getattr(features, name))
            }
        return tensors

    def read(self, moment: TimestepBatch) -> Features:
        """The features of a moment, float32."""
        levels = range(len(self.trajectories.encoder.shapes.f))

        def get(name: str) -> Tensor:
            return (
                self.cache.read(name, moment.rows, moment.steps)
                .float()
                .to(self.trajectories.device)
            )

        maps = {
            name: tuple(get(f"{name}.{n}") for n in levels)
            for name in ("f", "attn_out", "attn_prob")
        }
        return Features(
            get("h"), **maps, words=get("words").bool(), t=moment.t, latents=moment.latents
        )


class Embeddings:
    """What the identity loss keeps of its targets (I^gt or I^d_0), computed once and cached."""

    def __init__(self, trajectories: Trajectories, losses: dict, of: str, digests: dict[str, str]):
        self.trajectories, self.of = trajectories, of
        self.losses = {name: loss for name, loss in losses.items() if loss.compares == "identity"}
        key = dict(
            trajectories=trajectories.cache.key,
            of=of,
            networks={
                name: digests.get(loss.network, loss.network) for name, loss in self.losses.items()
            },
        )
        crops = {
            name: crop
            for name, loss in self.losses.items()
            if (crop := getattr(loss, "crop", None))
        }
        key |= dict(crops=crops) if crops else {}
        self.cache = trajectories.keeping.open(
            "embeddings", key, len(trajectories), 512, trajectories.device
        )

    def prepare(self, progress) -> None:
        if self.losses:
            self.cache.fill(self._compute, progress, "embeddings")

    @torch.no_grad()
    def _compute(self, rows: Tensor) -> dict[str, Tensor]:
        found: dict[str, list[Tensor]] = {name: [] for name in self.losses}
        for part in rows.split(64):
            images = self.target(part)
            for name, loss in self.losses.items():
                found[name].append(
                    loss.prepare(images.flatten(0, -4)).unflatten(0, images.shape[:-3]).cpu()
                )
        return {name: torch.cat(parts) for name, parts in found.items()}

    def target(self, rows: Tensor) -> Tensor:
        """The images [B,3,R,R] that are embedded; [B,S,3,R,R] where every step has its own."""
        trajectories = self.trajectories
        if self.of == "x0":
            images = to_float(trajectories.cache.read("x0", rows))
        else:
            images = to_float(trajectories.data.images[rows % trajectories.samples])
        return images.to(trajectories.device)

    def read(self, name: str, rows: Tensor, steps: Tensor | int = -1) -> Tensor:
        """[B,D]; `steps` as in Trajectories.read."""
        steps = torch.as_tensor(steps).expand(len(rows)) % len(self.trajectories.timesteps)
        of_step = self.of == "x0" and self.trajectories.sampling.noised
        return self.cache.read(name, rows, steps if of_step else None).to(self.trajectories.device)
