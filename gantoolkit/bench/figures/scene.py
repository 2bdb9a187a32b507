"""What a figure is made of: runs that belong together, and samples with the tables' captions and seeds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gantoolkit import weights
from gantoolkit.core import files
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Camera, Condition, Features, Latent, Sample
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.inference import load as runs
from gantoolkit.pipeline import Pipeline
from gantoolkit.report import figure_sheets, pictures

ALIKE = {"generator": "draws with", "encoder": "reads the encoder", "condition": "was trained on"}


@dataclass(frozen=True)
class Run:
    """A loaded run; `label` is what LABEL=RUN says, else ""."""

    source: str
    pipeline: Pipeline
    specs: dict
    label: str = ""

    @property
    def name(self) -> str:
        """The name of its folder, or of the preset."""
        return Path(self.source).name

    def config(self, key: str) -> str | None:
        """A value of the config in its folder, where there is one."""
        return files.read_run_config(self.source).get(key)

    def image(self, latent: Latent, camera: Camera | None) -> Tensor:
        """G(w) [B,3,R,R] on the CPU."""
        return self.pipeline.render(latent, camera).image.cpu()


@dataclass(frozen=True)
class Scene:
    """Runs and samples of a figure; sample i has caption 7·i modulo those it has, and the seed i."""

    runs: tuple[Run, ...]
    data: FaceZip
    numbers: tuple[int, ...]  # of the samples that are shown
    batch: int = 8
    device: str = "cpu"

    @property
    def first(self) -> Pipeline:
        """The first run's pipeline."""
        return self.runs[0].pipeline

    @property
    def titles(self) -> list[str]:
        """Of the columns that most figures begin with."""
        return [f"condition\n{self.runs[0].specs['condition']}", "photo\n$I^{gt}$"]

    @property
    def times(self) -> list[int]:
        """The denoising grid, from noise to image."""
        return [int(t) for t in self.first.encoder.timesteps]

    def step(self, t_out: int) -> int:
        """The first time of the grid that reaches `t_out`; the last where none does."""
        return next((t for t in self.times if t <= t_out), self.times[-1])

    def sample(self, numbers: Sequence[int]) -> Sample:
        """Samples by number, on the CPU."""
        rows = torch.tensor(list(numbers))
        kind = self.runs[0].specs["condition"]
        return self.data.sample(
            rows, 7 * rows, kind if kind in ("scribble", "both") else "mask", seed=0
        )

    def batches(
        self, numbers: Sequence[int] | None = None
    ) -> Iterator[tuple[Sample, Condition, Camera | None]]:
        """(samples, their condition on the device, its camera) of what is shown, or of `numbers`."""
        numbers = self.numbers if numbers is None else numbers
        for first in range(0, len(numbers), self.batch):
            found = self.sample(numbers[first : first + self.batch])
            condition = found.condition.to(self.device)
            yield found, condition, self.first.camera_for(condition, self.first.generator)

    def features(self, condition: Condition, at: int) -> Features:
        """What the encoder gives at the time `at` of its grid."""
        return next(f for f in self.first.encoder.trace(condition, x0=False) if int(f.t[0]) == at)

    def features_and_image(self, condition: Condition, at: int) -> tuple[Features, Tensor]:
        """What the encoder gives at the time `at` of its grid, and I^d_0 [B,3,R,R] at the end of the same trajectory."""
        for last in self.first.encoder.trace(condition):
            if int(last.t[0]) == at:
                features = last
        return features, last.x0.cpu()

    @staticmethod
    def row(condition: Condition, images: Sequence[Tensor]) -> figure_sheets.SheetRow:
        """The prompt of a condition [1] above it and its images [3,R,R]."""
        text = condition.text[0]
        cells = [
            pictures.condition_picture(condition),
            *(pictures.image_picture(image) for image in images),
        ]
        return figure_sheets.SheetRow(cells, caption=f"“{text}”" if text else "no prompt")

    def facts(self) -> dict:
        """How the figure was made, JSON-able, without paths."""
        bridges = [(run.name, Path(run.source) / runs.EXPORTED) for run in self.runs]
        return dict(
            runs=[
                [name, weights.sha256(file) if file.is_file() else None] for name, file in bridges
            ],
            **{key: self.runs[0].specs[key] for key in ALIKE},
            data=self.data.path.name,
            data_sha256=self.data.sha256,
            samples=list(self.numbers),
            prompts=list(self.sample(self.numbers).condition.text),
        )


def open_scene(
    sources: Sequence[str],
    data: str,
    numbers: int | Sequence[int],
    batch: int = 8,
    device: str = "cpu",
) -> Scene:
    """Load runs that share encoder, generator and condition; `numbers`: the first N samples, or which."""
    loader = runs.Loader(device)
    loaded = tuple(_load(loader, source) for source in sources)
    for run in loaded[1:]:
        _alike(loaded[0], run)
    faces = FaceZip(data)
    numbers = range(numbers) if isinstance(numbers, int) else numbers
    if absent := [i for i in numbers if not 0 <= i < len(faces)]:
        raise UsageError(
            f"There is no sample {absent[0]}: {faces.path.name} has {len(faces)}, "
            f"from 0 to {len(faces) - 1}."
        )
    return Scene(loaded, faces, tuple(numbers), batch, device)


def _load(loader: runs.Loader, source: str) -> Run:
    label, equals, path = source.partition("=")
    if not equals or Path(source).exists():
        label, path = "", source
    pipeline, specs = loader(path)
    return Run(path, pipeline, specs, label.replace("|", "\n"))


def _alike(first: Run, other: Run) -> None:
    """UsageError unless both runs differ in their bridge alone: they share one trajectory and its I^d_0."""
    for key, verb in ALIKE.items():
        if first.specs[key] != other.specs[key]:
            said = [
                json.dumps(run.specs[key], ensure_ascii=False).replace('"', "'")
                for run in (first, other)
            ]
            raise UsageError(
                f"{first.source} {verb} {said[0]}, {other.source} {said[1]}; "
                f"one figure compares runs of one {key}."
            )
