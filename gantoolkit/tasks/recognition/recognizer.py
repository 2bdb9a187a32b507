"""What the tasks of recognizers share: faces split by person, batches, an optimizer, scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from gantoolkit import weights
from gantoolkit.core.errors import DataError
from gantoolkit.core.images import to_float
from gantoolkit.core.labels import CLASSES
from gantoolkit.core.types import Score, Scores
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.metrics.parsing import Confusion
from gantoolkit.tasks.recognition.augmentation import Augmentation
from gantoolkit.tasks.recognition.config import RecognizerConfig
from gantoolkit.tasks.recognition.verification import PartnerSampler, verification_rate
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.freeze import unfreeze_only
from gantoolkit.training.task import Task

BETAS = (0.9, 0.99)


class Recognizer(Task):
    """Train a network on labelled faces; the base of the tasks of this folder.

    Sub-classes call `set_network` with their network. Their losses compare the samples of a batch
    with each other, or weigh classes by how often the batch has them.
    """

    separable = False

    def __init__(self, config: RecognizerConfig, device: torch.device | str, seed: int):
        self.config = config
        self.faces = FaceZip(config.data)
        self.device = torch.device(device)
        self.augmentation = Augmentation(**(config.augment or {}))
        self._split_people(config.held_out)
        torch.manual_seed(seed)

    def _split_people(self, held_out: float) -> None:
        """Split the rows so that no person is in both halves."""
        people = torch.unique(self.faces.identities)
        stream = torch.Generator().manual_seed(0)
        order = torch.randperm(len(people), generator=stream)
        count = max(1, round(held_out * len(people)))
        held_out_people = people[order][:count]
        is_held_out = torch.isin(self.faces.identities, held_out_people)
        self.train_rows = torch.nonzero(~is_held_out)[:, 0]
        self.held_out_rows = torch.nonzero(is_held_out)[:, 0]
        if not len(self.train_rows):
            raise DataError(
                f"{self.faces.path} has {len(people)} people, too few to hold out a share of "
                f"{held_out}."
            )

    def set_network(
        self, network: nn.Module, train_only: list[str] | None = None, **heads: nn.Module
    ) -> None:
        """Put the network and its heads under one optimizer.

        train_only  modules of the network that learn; None: all
        heads       trained beside the network, but not exported
        """
        self.frozen = unfreeze_only(network, train_only)
        self.network = network.to(self.device, memory_format=torch.channels_last)
        self.heads = nn.ModuleDict(heads).to(self.device)
        self.modules = {"network": self.network, "heads": self.heads}
        parameters = [*self.network.parameters(), *self.heads.parameters()]
        decayed = [p for p in parameters if p.ndim > 1]
        not_decayed = [p for p in parameters if p.ndim <= 1]  # norms, biases, single numbers
        groups = [
            {"params": decayed, "weight_decay": self.config.weight_decay},
            {"params": not_decayed, "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=self.config.lr, betas=BETAS)
        self.optimizers = {"network": optimizer}

    def size(self) -> int:
        return len(self.train_rows)

    # -- samples -----------------------------------------------------------------------------------

    def images(self, rows: Tensor) -> Tensor:
        """Return images −1..1 [B,3,R,R] of rows of the zip, channels last."""
        images = to_float(self.faces.images[rows]).to(self.device)
        return images.contiguous(memory_format=torch.channels_last)

    def labels(self, rows: Tensor) -> Tensor:
        """Return label maps [B,R,R] int64 of rows of the zip."""
        return self.faces.labels[rows].long().to(self.device)

    def captions_of(self, rows: Tensor, choice: Tensor | int = 0) -> list[str]:
        """Return one caption per row, `choice` modulo what the row has; "" where it has none."""
        choices = torch.as_tensor(choice).expand(len(rows)).tolist()
        chosen = []
        for row, index in zip(rows.tolist(), choices):
            captions = self.faces.captions[row]
            chosen.append(captions[index % len(captions)] if captions else "")
        return chosen

    def training_batch(
        self, batch: SeededBatch, with_labels: bool = False, partners: PartnerSampler | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return (rows of the zip, augmented images, augmented labels or None).

        With `partners` the second half of the batch shows the persons of the first half again.
        """
        self.network.train()
        for module in self.frozen:
            module.eval()
        halves = [self.train_rows[batch.indices]]
        if partners is not None:
            halves.append(partners(halves[0], batch))
        images = []
        labels = []
        for rows in halves:
            row_labels = self.labels(rows) if with_labels else None
            changed_images, changed_labels = self.augmentation(batch, self.images(rows), row_labels)
            images.append(changed_images)
            labels.append(changed_labels)
        all_images = torch.cat(images).contiguous(memory_format=torch.channels_last)
        return torch.cat(halves), all_images, torch.cat(labels) if with_labels else None

    def validation_batches(
        self, limit: int | None = None, batch: int = 64
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (rows, images) of the held-out people, with the network in eval mode."""
        self.network.eval()
        for rows in self.held_out_rows[:limit].split(batch):
            yield rows, self.images(rows)

    # -- export ------------------------------------------------------------------------------------

    @torch.no_grad()
    def mean_over_people(self, embed: Callable[[Tensor], Tensor], limit: int = 1024) -> Tensor:
        """Return the mean of `embed(images)` [D] over `limit` random training pictures.

        An exported embedding is shifted by it, so that the cosine of two strangers is 0 on average.
        """
        self.network.eval()
        stream = torch.Generator().manual_seed(0)
        order = torch.randperm(len(self.train_rows), generator=stream)
        embeddings = []
        for rows in self.train_rows[order[:limit]].split(64):
            embeddings.append(embed(self.images(rows)).float())
        return torch.cat(embeddings).mean(0)

    def export_network(
        self, folder: Path, name: str, shift: tuple[str, Tensor] | None = None
    ) -> list[Path]:
        """Write the network in 16 bit with its architecture.

        shift  (name of a tensor, what to subtract from it)
        """
        state = dict(self.network.state_dict())
        if shift:
            tensor_name, offset = shift
            state[tensor_name] = state[tensor_name] - offset
        source = self.faces.meta.get("name", str(self.faces.path))
        path = Path(folder) / f"{name}.safetensors"
        return [weights.save(path, state, self.network.arch, half=True, trained_on=source)]

    # -- scores ------------------------------------------------------------------------------------

    def score(self, value: float, count: int, higher_is_better: bool = True, **conditions) -> Score:
        """Make a score of `count` samples of the held-out people."""
        where = {"data": self.faces.path.name, "split": "held-out people"}
        conditions = {**where, **conditions}
        return Score(float(value), int(count), higher_is_better, conditions)

    def parsing_scores(self, confusion: Confusion) -> Scores:
        """Score accuracy, mIoU and the IoU of every class that occurs, with its share of pixels."""
        scores = {
            "acc": self.score(confusion.accuracy(), confusion.n),
            "miou": self.score(confusion.miou(), confusion.n),
        }
        ious = confusion.per_class().tolist()
        pixels = confusion.matrix.sum(1)
        shares = (pixels / pixels.sum()).tolist()
        for name, iou, share in zip(CLASSES, ious, shares):
            if share > 0:
                scores[f"iou[{name}]"] = self.score(iou, confusion.n, share=share)
        return scores

    def identity_scores(self, embeddings: Tensor, rows: Tensor) -> Scores:
        """Score how well pictures of one person are told from those of all others.

        A second score counts only others of the same skin tone and gender, where the data has them.
        """
        people = self.faces.identities[rows].to(embeddings.device)
        scores = {"tar@far1e-3": self.score(*verification_rate(embeddings, people))}
        kinds = []
        for row in rows.tolist():
            attributes = self.faces.attributes[row]
            kinds.append((attributes.get("skin_tone"), attributes.get("gender")))
        index_of = {kind: index for index, kind in enumerate(dict.fromkeys(kinds))}
        if len(index_of) > 1:
            groups = torch.tensor([index_of[kind] for kind in kinds], device=people.device)
            rate = verification_rate(embeddings, people, groups)
            scores["tar@far1e-3[same tone and gender]"] = self.score(*rate)
        return scores
