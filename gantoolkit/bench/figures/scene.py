"""What a figure is made of: runs that belong together, and samples with captions and seeds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from gantoolkit import weights
from gantoolkit.core import files
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Camera, Condition, Features, Latent, Sample
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.data.pair_rule import caption_numbers
from gantoolkit.inference.bridge_files import EXPORTED
from gantoolkit.inference.load import PipelineLoader
from gantoolkit.pipeline import Pipeline
from gantoolkit.report import figure_sheets, pictures

# specs that all runs of a figure share, with the verb that a message says of them
SHARED_SPECS = {
    "generator": "draws with",
    "encoder": "reads the encoder",
    "condition": "was trained on",
}


@dataclass(frozen=True)
class Run:
    """A loaded run."""

    source: str  # run folder or preset
    pipeline: Pipeline
    specs: dict
    label: str = ""  # title of its column, as LABEL=RUN says

    @property
    def name(self) -> str:
        """Name of its folder, or of the preset."""
        return Path(self.source).name

    def config(self, key: str) -> str | None:
        """Return a value of the config in its folder; None without one."""
        return files.read_run_config(self.source).get(key)

    def render(self, latent: Latent, camera: Camera | None) -> Tensor:
        """Render G(w) [B,3,R,R] on the CPU."""
        return self.pipeline.render(latent, camera).image.cpu()


class SceneBatch(NamedTuple):
    """Samples of a scene."""

    sample: Sample  # on the CPU
    condition: Condition  # the sample's, on the scene's device
    camera: Camera | None


@dataclass(frozen=True)
class Scene:
    """The runs and samples of a figure.

    Captions and seeds are those of `data.pair_rule` for the seed 0.
    """

    runs: tuple[Run, ...]
    data: FaceZip
    indices: tuple[int, ...]  # of the samples that are shown
    batch: int = 8
    device: str = "cpu"

    @property
    def pipeline(self) -> Pipeline:
        """The first run's pipeline."""
        return self.runs[0].pipeline

    @property
    def titles(self) -> list[str]:
        """Titles of the first columns of most figures."""
        return [f"condition\n{self.runs[0].specs['condition']}", "photo\n$I^{gt}$"]

    @property
    def timesteps(self) -> list[int]:
        """The denoising times, from noise to image."""
        return [int(t) for t in self.pipeline.encoder.timesteps]

    def first_timestep(self, t_out: int) -> int:
        """Return the first timestep that reaches `t_out`; the last one if none does."""
        reached = [t for t in self.timesteps if t <= t_out]
        return reached[0] if reached else self.timesteps[-1]

    def sample(self, indices: Sequence[int]) -> Sample:
        """Return samples on the CPU."""
        indices = torch.tensor(list(indices))
        condition = self.runs[0].specs["condition"]
        if condition not in ("scribble", "both"):
            condition = "mask"
        return self.data.sample(indices, caption_numbers(indices), condition, seed=0)

    def batches(self, indices: Sequence[int] | None = None) -> Iterator[SceneBatch]:
        """Iterate over the samples that are shown, or over those of `indices`."""
        indices = self.indices if indices is None else indices
        for first in range(0, len(indices), self.batch):
            sample = self.sample(indices[first : first + self.batch])
            condition = sample.condition.to(self.device)
            camera = self.pipeline.camera_for(condition, self.pipeline.generator)
            yield SceneBatch(sample, condition, camera)

    def features(self, condition: Condition, timestep: int) -> Features:
        """Return the encoder's features at a timestep; the trajectory is left there."""
        for features in self.pipeline.encoder.trace(condition, x0=False):
            if int(features.t[0]) == timestep:
                return features
        raise ValueError(f"{timestep} is not one of the timesteps {self.timesteps}.")

    def features_and_image(self, condition: Condition, timestep: int) -> tuple[Features, Tensor]:
        """Return features at a timestep, and I^d_0 [B,3,R,R] of the same trajectory."""
        for last in self.pipeline.encoder.trace(condition):
            if int(last.t[0]) == timestep:
                features = last
        return features, last.x0.cpu()

    @staticmethod
    def row(condition: Condition, images: Sequence[Tensor]) -> figure_sheets.SheetRow:
        """Lay out a condition [1] and images [3,R,R] below its prompt."""
        cells = [pictures.condition_picture(condition)]
        cells += [pictures.image_picture(image) for image in images]
        text = condition.text[0]
        return figure_sheets.SheetRow(cells, caption=f"“{text}”" if text else "no prompt")

    def rows(self, sample: Sample, images: Sequence[Tensor]) -> list[figure_sheets.SheetRow]:
        """Lay out every sample of a batch with its image of each of `images` [B,3,R,R]."""
        return [
            self.row(sample.condition[index], [image[index] for image in images])
            for index in range(len(sample))
        ]

    def description(self) -> dict:
        """Describe how the figure was made, JSON-able, without paths."""
        bridges = []
        for run in self.runs:
            file = Path(run.source) / EXPORTED
            bridges.append([run.name, weights.sha256(file) if file.is_file() else None])
        return dict(
            runs=bridges,
            **{key: self.runs[0].specs[key] for key in SHARED_SPECS},
            data=self.data.path.name,
            data_sha256=self.data.sha256,
            samples=list(self.indices),
            prompts=list(self.sample(self.indices).condition.text),
        )


def open_scene(
    sources: Sequence[str],
    data: str,
    indices: int | Sequence[int],
    batch: int = 8,
    device: str = "cpu",
) -> Scene:
    """Load runs that share encoder, generator and condition, and a data set.

    sources  run folders or presets, each perhaps as LABEL=RUN
    indices  of the samples that are shown; a number N means the first N
    """
    loader = PipelineLoader(device)
    loaded = tuple(_load_run(loader, source) for source in sources)
    for run in loaded[1:]:
        _check_comparable(loaded[0], run)

    faces = FaceZip(data)
    if isinstance(indices, int):
        indices = range(indices)
    for index in indices:
        if not 0 <= index < len(faces):
            raise UsageError(
                f"There is no sample {index}: {faces.path.name} has {len(faces)}, "
                f"from 0 to {len(faces) - 1}."
            )
    return Scene(loaded, faces, tuple(indices), batch, device)


def _load_run(loader: PipelineLoader, source: str) -> Run:
    label, equals, path = source.partition("=")
    if not equals or Path(source).exists():
        label, path = "", source
    pipeline, specs = loader(path)
    return Run(path, pipeline, specs, label.replace("|", "\n"))


def _check_comparable(first: Run, other: Run) -> None:
    """Raise UsageError unless both runs share a trajectory: they may differ in their bridge."""
    for key, verb in SHARED_SPECS.items():
        if first.specs[key] != other.specs[key]:
            raise UsageError(
                f"{first.source} {verb} {_spelled(first.specs[key])}, "
                f"{other.source} {_spelled(other.specs[key])}; "
                f"one figure compares runs of one {key}."
            )


def _spelled(spec: object) -> str:
    """Write a spec for a message."""
    return json.dumps(spec, ensure_ascii=False).replace('"', "'")
