"""What every metric is: named sums in float64 that a pass over the images adds to."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Condition, Render, Score, Scores, Target
from gantoolkit.metrics import bootstrap


@dataclass
class EvalBatch:
    """One batch as the metrics see it; what a network sees in it is computed once and shared."""

    image: Tensor  # the result [B,3,R,R] in −1..1
    target: Target
    condition: Condition
    without_text: Tensor | None = None  # the result for the same condition with an empty prompt
    depth: Tensor | None = None  # of the result [B,1,r,r], distance along the ray
    views: tuple[Render, ...] = ()  # the same heads from other cameras: image, depth, camera
    numbers: Tensor | None = None  # [B] which samples of the set these are; seeds of the bootstrap
    weights: Tensor | None = None  # [B,1+replicates], the first column 1
    _seen: dict = field(default_factory=dict)

    def __post_init__(self):
        if self.weights is None:
            self.weights = torch.ones(len(self.image), 1, dtype=torch.float64)
        if self.numbers is None:
            self.numbers = torch.arange(len(self.image))

    def __len__(self) -> int:
        return len(self.image)

    def pictures(self, what: str | int) -> Tensor:
        """'image', 'image_gt' or 'without_text'; a number is that of a further view."""
        if isinstance(what, int):
            return self.views[what].image
        return self.target.image_gt if what == "image_gt" else getattr(self, what)

    def seen(self, network: nn.Module, what: str | int = "image") -> SimpleNamespace:
        """What `network` sees in `pictures(what)`."""
        key = (id(network), what)
        if key not in self._seen:
            self._seen[key] = look(network, self.pictures(what))
        return self._seen[key]

    def labels(self) -> Tensor:
        """The label map that the result should follow [B,H,W]: the input mask, else the truth's."""
        if self.condition.mask is not None:
            return self.condition.mask.argmax(1)
        if self.target.labels is None:
            raise UsageError(
                "Parsing scores need an input mask or the target's label map; this data has neither."
            )
        return self.target.labels


def look(network: nn.Module, images: Tensor) -> SimpleNamespace:
    """features, maps, logits, identity, … of images, as far as the network has them."""
    if hasattr(network, "observe"):
        return SimpleNamespace(**vars(network.observe(images)))
    found = SimpleNamespace()
    if hasattr(network, "embed"):
        found.identity = network.embed(images)
    if hasattr(network, "embed_image"):
        found.text = network.embed_image(images)
    if hasattr(network, "logits"):
        found.logits = network.logits(images)
    if hasattr(network, "features"):
        maps = network.features(images)
        setattr(found, "maps" if isinstance(maps, tuple) else "features", maps)
    return found


class Metric:
    """Base of all metrics: `update` adds a batch, `finish` makes values of sums.

    name        key of the config, first part of the score's name
    uses        the field of an observation that the network must give
    network     weights name of the network that judges, or None
    network_options  what the network is configured with beside its weights, where it has a choice:
                     resize (Inception), crop (ArcFace)
    replicates  of the bootstrap; the evaluator sets it
    """

    name = ""
    uses: str | None = None
    higher_is_better = True
    most_replicates = 200

    def __init__(self, network: str | None = None, **network_options: str | None):
        self.network_name, self.network = network, None
        self.network_options = {
            key: value for key, value in network_options.items() if value is not None
        }
        self.replicates = 0
        self.sums: dict[str, Tensor] = {}  # [1+replicates,…] float64 each

    def reset(self) -> None:
        """Forget everything seen."""
        self.sums = {}

    def empty(self) -> bool:
        """Whether no image was seen."""
        return not self.sums

    def merge(self, other: Metric) -> None:
        """Add what another process's metric of the same kind has seen."""
        for key, value in other.sums.items():
            self._put(key, value)

    def all_reduce(self) -> None:
        """Add what all processes have seen; each must have seen a batch."""
        import torch.distributed as dist

        for key in sorted(self.sums):
            dist.all_reduce(self.sums[key])

    def add(self, view: EvalBatch, key: str, values: Tensor) -> None:
        """Add a value [B,…] per sample, once for the measurement and weighted for every replicate."""
        weights = view.weights[:, : 1 + self.replicates].to(values.device)
        values = values.detach().double()
        self._put(
            key,
            torch.einsum(
                "br,bk->rk", weights, values.flatten(1) if values.ndim > 1 else values[:, None]
            ).reshape(weights.shape[1], *values.shape[1:]),
        )

    def _put(self, key: str, value: Tensor) -> None:
        self.sums[key] = (
            self.sums[key] + value.to(self.sums[key].device) if key in self.sums else value
        )

    def of(self, view: EvalBatch, what: str | int = "image") -> Tensor:
        """The field `uses` of what the network sees."""
        found = getattr(view.seen(self.network, what), self.uses, None)
        if found is None:
            raise UsageError(
                f"The metric '{self.name}' needs a network that gives {self.uses}; "
                f"'{self.network_name}' does not."
            )
        return found

    def update(self, view: EvalBatch) -> None:
        """Add one batch."""
        raise NotImplementedError

    def finish(self) -> dict[str, Tensor]:
        """part of the name ("" = none) → values [1+replicates] of everything added so far."""
        raise NotImplementedError

    def count(self) -> int:
        """Samples behind the scores."""
        return round(float(self.sums["n"][0]))

    def conditions(self) -> dict:
        """What decides the values, beside network and resize."""
        return {}

    def compute(self) -> Scores:
        """{name[network]: Score}, the name saying part and network."""
        network = f"[{self.network_name}]" if self.network_name else ""
        return {
            f"{self.name}{'_' + part if part else ''}{network}": Score(
                float(values[0]),
                self.count(),
                self.higher_is_better,
                self.conditions(),
                bootstrap.interval(values.cpu()),
            )
            for part, values in self.finish().items()
        }


class Mean(Metric):
    """A metric that is the mean over images of `values`; images whose value is NaN are skipped and counted."""

    may_skip = False

    def values(self, view: EvalBatch) -> Tensor | dict[str, Tensor]:
        """[B], or part of the name → [B]."""
        raise NotImplementedError

    def update(self, view: EvalBatch) -> None:
        values = self.values(view)
        parts = values if isinstance(values, dict) else {"": values}
        found = torch.stack([torch.isfinite(v) for v in parts.values()]).all(0)
        for part, value in parts.items():
            self.add(view, f"total{part}", torch.where(found, value, 0))
        self.add(view, "n", found)
        self.add(view, "skipped", ~found)

    def finish(self) -> dict[str, Tensor]:
        return {
            key.removeprefix("total"): total / self.sums["n"]
            for key, total in self.sums.items()
            if key.startswith("total")
        }

    def conditions(self) -> dict:
        skipped = round(float(self.sums["skipped"][0]))
        return {"skipped": skipped} if skipped or self.may_skip else {}
