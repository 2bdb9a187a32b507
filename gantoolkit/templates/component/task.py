"""A task: something that `gantoolkit run` trains, checkpoints, scores and exports.

In a config: `task = "MyPlugin"`, and the fields of `MyPluginConfig` as keys. The contract stands in
`gantoolkit/training/task.py`: `modules`, `optimizers`, `size` and `losses`; the rest is optional.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from gantoolkit import weights
from gantoolkit.core.images import to_float
from gantoolkit.core.types import Score, Scores
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.task import Task


@dataclass(frozen=True)
class MyPluginConfig:
    """All keys of the task `MyPlugin`."""

    data: str = "val"  # name or zip of faces
    channels: int = 16  # of the hidden layer
    lr: float = 1e-3  # of Adam


class MyPlugin(Task):
    """An autoencoder of faces, at a quarter of their size."""

    config_class = MyPluginConfig

    def __init__(self, config: MyPluginConfig, device: torch.device, seed: int = 0):
        self.device = device
        self.faces = FaceZip(config.data)
        self.network = nn.Sequential(
            nn.Conv2d(3, config.channels, 4, stride=4),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(config.channels, 3, 4, stride=4),
        ).to(device)
        self.modules = dict(network=self.network)
        self.optimizers = dict(fit=torch.optim.Adam(self.network.parameters(), config.lr))

    def size(self) -> int:
        return len(self.faces)

    def losses(self, phase: str, batch: SeededBatch, iteration: int) -> dict[str, Tensor]:
        return dict(l2=self.error(batch.indices))

    def validate(self, limit: int | None = None) -> Scores:
        count = min(limit or 100, self.size())
        with torch.no_grad():
            error = self.error(torch.arange(count))
        return dict(l2=Score(error.item(), count, higher_is_better=False))

    def error(self, indices: Tensor) -> Tensor:
        """Compute the mean squared error of some faces."""
        images = to_float(self.faces.images[indices]).to(self.device)
        return (self.network(images) - images).square().mean()

    def export(self, folder: Path) -> list[Path]:
        state = self.network.state_dict()
        return [weights.save(folder / "myplugin.safetensors", state, {"type": "MyPlugin"})]
