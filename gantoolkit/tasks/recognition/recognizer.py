"""What the recognisers' tasks share: labelled faces split by person, augmentation, one optimiser, export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit import weights
from gantoolkit.core.errors import DataError
from gantoolkit.core.images import to_float
from gantoolkit.core.labels import CLASSES, flip_table
from gantoolkit.core.types import Score, Scores
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.metrics.parsing import Confusion
from gantoolkit.networks.arcface import angular_margin
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.freeze import learn_only
from gantoolkit.training.task import Task

IGNORED = 255  # a label that counts in no loss and no score


@dataclass(frozen=True)
class Augmentation:
    """Amounts of random change per sample; 0 is none. Colours keep their meaning: no hue shift."""

    flip: bool = True  # mirror, left parts become right parts
    shift: int = 3  # pixels
    noise: float = 0.06  # largest standard deviation, images are −1..1
    blur: float = 0.3  # share of samples that lose detail, as generated images do
    gain: float = 0.08  # relative change of brightness

    def __call__(self, draw: SeededBatch, images: Tensor, labels: Tensor | None = None):
        """Changed (images [B,3,R,R], labels [B,R,R]); pixels shifted in from outside are IGNORED."""
        u = draw.uniform(6).to(images.device)
        if self.flip:
            mirrored = u[:, 0] < 0.5
            images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
            if labels is not None:
                table = torch.tensor(flip_table(), device=labels.device)
                labels = torch.where(mirrored[:, None, None], table[labels.flip(-1)], labels)
        if self.shift:
            images, labels = self._moved(u, images, labels)
        images = self._degraded(u, draw.normal(*images.shape[1:]).to(images.device), images)
        return images, labels

    def _moved(self, u: Tensor, images: Tensor, labels: Tensor | None):
        k, size = self.shift, images.shape[-1]
        tops, lefts = ((u[:, n] * (2 * k + 1)).long().clamp(max=2 * k).tolist() for n in (1, 2))
        padded = F.pad(images, (k, k, k, k), mode="replicate")
        images = torch.stack(
            [p[:, t : t + size, x : x + size] for p, t, x in zip(padded, tops, lefts)]
        )
        if labels is not None:
            padded = F.pad(labels, (k, k, k, k), value=IGNORED)
            labels = torch.stack(
                [p[t : t + size, x : x + size] for p, t, x in zip(padded, tops, lefts)]
            )
        return images, labels

    def _degraded(self, u: Tensor, noise: Tensor, images: Tensor) -> Tensor:
        column = (slice(None), None, None, None)
        if self.blur:
            small = F.avg_pool2d(images, 2)
            soft = F.interpolate(small, images.shape[-2:], mode="bilinear", align_corners=False)
            images = torch.where((u[:, 3] < self.blur)[column], soft, images)
        gain = 1 + self.gain * (2 * u[:, 4] - 1)
        return ((images + 1) * gain[column] - 1 + noise * (self.noise * u[:, 5])[column]).clamp(
            -1, 1
        )


class Recogniser(Task):
    """A network on labelled faces; people of the held-out share are never trained on.

    Sub-classes call `start` with their network (and heads that are trained but not exported). Their losses compare the
    samples of a batch with each other, or weigh classes by how often the batch has them.
    """

    separable = False

    def __init__(
        self,
        data: str,
        holdout: float,
        lr: float,
        weight_decay: float,
        augment: dict | None,
        device: torch.device | str,
        seed: int,
    ):
        self.zip, self.device = FaceZip(data), torch.device(device)
        self.lr, self.weight_decay = lr, weight_decay
        self.augmentation = Augmentation(**(augment or {}))
        people = torch.unique(self.zip.identities)
        shuffled = people[torch.randperm(len(people), generator=torch.Generator().manual_seed(0))]
        kept_out = shuffled[: max(1, round(holdout * len(people)))]
        out = torch.isin(self.zip.identities, kept_out)
        self.rows, self.held_out = torch.nonzero(~out)[:, 0], torch.nonzero(out)[:, 0]
        if not len(self.rows):
            raise DataError(
                f"{data} has {len(people)} people, too few to hold out a share of {holdout}."
            )
        torch.manual_seed(seed)

    def start(self, network: nn.Module, only: list[str] | None = None, **heads: nn.Module) -> None:
        """Take the network and the training-only heads under one optimiser; of the network `only` these parts learn."""
        self.still = learn_only(network, only)
        self.network = network.to(self.device, memory_format=torch.channels_last)
        self.heads = nn.ModuleDict(heads).to(self.device)
        self.modules = {"network": self.network, "heads": self.heads}
        parameters = [*self.network.parameters(), *self.heads.parameters()]
        # Norms, biases and single numbers are not decayed.
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": self.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimizers = {"network": torch.optim.AdamW(groups, lr=self.lr, betas=(0.9, 0.99))}

    def size(self) -> int:
        return len(self.rows)

    def images(self, rows: Tensor) -> Tensor:
        """Images −1..1 of rows of the zip, channels last."""
        images = to_float(self.zip.images[rows]).to(self.device)
        return images.contiguous(memory_format=torch.channels_last)

    def labels(self, rows: Tensor) -> Tensor:
        """Label maps [B,R,R] int64 of rows of the zip."""
        return self.zip.labels[rows].long().to(self.device)

    def captions_of(self, rows: Tensor, choice: Tensor | int = 0) -> list[str]:
        """One caption per row: number `choice` modulo what the row has, "" where it has none."""
        choices = torch.as_tensor(choice).expand(len(rows)).tolist()
        lists = (self.zip.captions[row] for row in rows.tolist())
        return [texts[n % len(texts)] if texts else "" for texts, n in zip(lists, choices)]

    def training_batch(
        self, draw: SeededBatch, with_labels: bool = False, partners: Partners | None = None
    ):
        """(rows of the zip, augmented images, augmented labels or None) of a draw.

        With `partners` the second half of the batch shows the persons of the first half again.
        """
        self.network.train()
        for part in self.still:
            part.eval()
        rows = self.rows[draw.indices]
        parts = [rows] if partners is None else [rows, partners(rows, draw)]
        images, labels = zip(
            *(
                self.augmentation(
                    draw, self.images(part), self.labels(part) if with_labels else None
                )
                for part in parts
            )
        )
        images = torch.cat(images).contiguous(memory_format=torch.channels_last)
        return torch.cat(parts), images, torch.cat(labels) if with_labels else None

    def validation_batches(self, limit: int | None = None, batch: int = 64):
        """(rows, images) of the held-out people, network in eval mode."""
        self.network.eval()
        for rows in self.held_out[:limit].split(batch):
            yield rows, self.images(rows)

    @torch.no_grad()
    def mean_over_people(self, embed, most: int = 1024) -> Tensor:
        """Mean of `embed(images)` [D] over training pictures.

        An exported embedding is shifted by it, so that the cosine of two strangers is 0 on average.
        """
        self.network.eval()
        rows = self.rows[
            torch.randperm(len(self.rows), generator=torch.Generator().manual_seed(0))[:most]
        ]
        return torch.cat([embed(self.images(part)).float() for part in rows.split(64)]).mean(0)

    def export_network(
        self, folder: Path, name: str, shift: tuple[str, Tensor] | None = None
    ) -> list[Path]:
        """The network in 16 bit with its architecture; `shift` = (tensor's name, what to subtract)."""
        state = dict(self.network.state_dict())
        if shift:
            state[shift[0]] = state[shift[0]] - shift[1]
        source = self.zip.meta.get("name", str(self.zip.path))
        path = Path(folder) / f"{name}.safetensors"
        return [weights.save(path, state, self.network.arch, half=True, trained_on=source)]

    def score(self, value: float, n: int, higher: bool = True, **conditions) -> Score:
        """A score on the held-out people."""
        return Score(
            float(value),
            int(n),
            higher,
            {"data": self.zip.path.name, "split": "held-out people", **conditions},
        )

    def parsing_scores(self, confusion: Confusion) -> Scores:
        """Accuracy and mIoU over all pixels, and the IoU of every class that occurs, with its share of the pixels."""
        shares = confusion.matrix.sum(1) / confusion.matrix.sum()
        classes = zip(CLASSES, confusion.per_class().tolist(), shares.tolist())
        return {
            "acc": self.score(confusion.accuracy(), confusion.n),
            "miou": self.score(confusion.miou(), confusion.n),
            **{
                f"iou[{name}]": self.score(iou, confusion.n, share=share)
                for name, iou, share in classes
                if share > 0
            },
        }

    def identity_scores(self, embeddings: Tensor, rows: Tensor) -> Scores:
        """Pictures of one person across views, hair and expression, told from all others and from similar ones."""
        people, faces = (
            self.zip.identities[rows].to(embeddings.device),
            [self.zip.attributes[n] for n in rows.tolist()],
        )
        found = {"tar@far1e-3": self.score(*verification_rate(embeddings, people))}
        kinds = [(face.get("skin_tone"), face.get("gender")) for face in faces]
        numbers = {kind: n for n, kind in enumerate(dict.fromkeys(kinds))}
        if len(numbers) > 1:
            alike = torch.tensor([numbers[kind] for kind in kinds], device=people.device)
            found["tar@far1e-3[same tone and gender]"] = self.score(
                *verification_rate(embeddings, people, alike)
            )
        return found


def attribute_values(faces: FaceZip, most: int = 24) -> dict[str, list[str]]:
    """Attribute → sorted values, of those that take two to `most` values in the data set."""
    found: dict[str, set[str]] = {}
    for row in faces.attributes:
        for name, value in row.items():
            if not isinstance(value, float):  # amounts such as an age are no classes
                found.setdefault(name, set()).add(str(value))
    return {
        name: sorted(values) for name, values in sorted(found.items()) if 2 <= len(values) <= most
    }


def attribute_table(faces: FaceZip, values: dict[str, list[str]]) -> Tensor:
    """Value numbers [N,A] of all rows, in the order of `values`; −100 where a row lacks the attribute."""
    index = {name: {v: n for n, v in enumerate(known)} for name, known in values.items()}
    rows = [
        [index[name].get(str(row[name]), -100) if name in row else -100 for name in values]
        for row in faces.attributes
    ]
    return torch.tensor(rows, dtype=torch.int64).reshape(len(faces), len(values))


def attribute_loss(logits: dict[str, Tensor], wanted: Tensor) -> Tensor:
    """Cross-entropy, mean over attributes; `wanted` [B,A] in the order of `logits`."""
    terms = [
        F.cross_entropy(value.float(), wanted[:, n], ignore_index=-100)
        if (wanted[:, n] >= 0).any()
        else value.float().sum() * 0
        for n, value in enumerate(logits.values())
    ]
    return torch.stack(terms).mean()


class Partners:
    """Another picture of the same person for every row, in another state (hair, light) where possible."""

    def __init__(self, faces: FaceZip, rows: Tensor):
        groups: dict[int, list[int]] = {}
        for row in rows.tolist():
            groups.setdefault(int(faces.identities[row]), []).append(row)
        state = [line.get("state", n) for n, line in enumerate(faces.rows)]
        self.of: dict[int, list[int]] = {}
        for group in groups.values():
            for row in group:
                others = [r for r in group if state[r] != state[row]] or [
                    r for r in group if r != row
                ]
                self.of[row] = others or [row]

    def __call__(self, rows: Tensor, draw: SeededBatch) -> Tensor:
        """Rows [B] of the partners, drawn per sample."""
        choice = draw.integers(2**30).tolist()
        return torch.tensor(
            [self.of[row][n % len(self.of[row])] for row, n in zip(rows.tolist(), choice)]
        )


def pair_loss(first: Tensor, second: Tensor, people: Tensor, scale: float, margin: float) -> Tensor:
    """ArcFace's additive angular margin with the partners' embeddings as class centres, in both directions.

    first, second  unit embeddings [B,D] of two pictures of the persons `people` [B]; other rows of the
                   same person are no negatives
    """
    cosine = first.float() @ second.float().T
    rows = torch.arange(len(people), device=cosine.device)
    twins = (people[:, None] == people[None]) & (rows[:, None] != rows[None])
    loss = cosine.new_zeros(())
    for part, same in ((cosine, twins), (cosine.T, twins.T)):
        logits = angular_margin(part, rows, scale, margin).masked_fill(same, -1e4)
        loss = loss + 0.5 * F.cross_entropy(logits, rows)
    return loss


def verification_rate(
    embeddings: Tensor,
    identities: Tensor,
    groups: Tensor | None = None,
    false_accepts: float = 1e-3,
) -> tuple[float, int]:
    """(share of same-person pairs accepted where `false_accepts` of the others are, number of pairs).

    With `groups` [N], the others are people of the same group alone.
    """
    cosine = embeddings.double() @ embeddings.double().T
    upper = torch.ones_like(cosine, dtype=torch.bool).triu(1)
    same = identities[:, None] == identities[None]
    others = upper & ~same if groups is None else upper & ~same & (groups[:, None] == groups[None])
    positives, negatives = cosine[upper & same], cosine[others].sort(descending=True).values
    if not len(positives) or not len(negatives):
        return float("nan"), len(positives)
    threshold = negatives[min(len(negatives) - 1, int(false_accepts * len(negatives)))]
    return float((positives > threshold).double().mean()), len(positives)


def top1(images: Tensor, texts: Tensor, captions: list[str], of: int = 64) -> tuple[float, int]:
    """(share of images whose own caption is the nearest among `of` different ones, n).

    Takes unit embeddings [N,D]; rows whose caption occurred before are left out, the rest is shuffled.
    """
    first = {text: n for n, text in reversed(list(enumerate(captions)))}
    rows = torch.tensor(sorted(first.values()))
    rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))]
    right = n = 0
    for a, b in zip(images[rows].split(of), texts[rows].split(of)):
        if len(a) == of:
            right += int(((a @ b.T).argmax(1) == torch.arange(of, device=a.device)).sum())
            n += of
    return (right / n if n else float("nan")), n
