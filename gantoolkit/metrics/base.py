"""What every metric is: named sums in float64 that a pass over the images adds to."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from gantoolkit.core.errors import UsageError, warn
from gantoolkit.core.types import Condition, Render, Score, Scores, Target
from gantoolkit.metrics import bootstrap


@dataclass
class EvalBatch:
    """One batch to score; all metrics share it, so that each network runs once per image."""

    image: Tensor  # the result [B,3,R,R] in −1..1
    target: Target
    condition: Condition
    without_text: Tensor | None = None  # the result for the same condition with an empty prompt
    depth: Tensor | None = None  # of the result [B,1,r,r], distance along the ray
    views: tuple[Render, ...] = ()  # the same heads from other cameras: image, depth, camera
    codes: Tensor | None = None  # of the result [B,L,w_dim], where a generator rendered it
    sample_ids: Tensor | None = None  # [B] indices in the data set; seeds of the bootstrap
    weights: Tensor | None = None  # [B,1+replicates], the first column 1
    cache: dict = field(default_factory=dict)  # what metrics compute once and share

    def __post_init__(self):
        if self.weights is None:
            self.weights = torch.ones(len(self.image), 1, dtype=torch.float64)
        if self.sample_ids is None:
            self.sample_ids = torch.arange(len(self.image))

    def __len__(self) -> int:
        return len(self.image)

    def images(self, source: str | int) -> Tensor:
        """Return images [B,3,R,R]: 'image', 'image_gt', 'without_text', or the index of a view."""
        if isinstance(source, int):
            return self.views[source].image
        if source == "image_gt":
            return self.target.image_gt
        return getattr(self, source)

    def is_finite(self) -> Tensor:
        """Say which samples [B] have a result and a truth without NaN and infinite pixels."""
        if "finite" not in self.cache:
            finite = torch.isfinite(self.image).flatten(1).all(1)
            truth = self.target.image_gt
            if truth is not None:
                finite &= torch.isfinite(truth).flatten(1).all(1).to(finite.device)
            self.cache["finite"] = finite
        return self.cache["finite"]

    def outputs(self, network: nn.Module, source: str | int = "image") -> SimpleNamespace:
        """Run `network` on `images(source)`, once per batch."""
        key = (id(network), source)
        if key not in self.cache:
            self.cache[key] = network_outputs(network, self.images(source))
        return self.cache[key]

    def labels(self) -> Tensor:
        """Return the label map [B,H,W] to follow: the input mask, else the target's."""
        if self.condition.mask is not None:
            return self.condition.mask.argmax(1)
        if self.target.labels is None:
            raise UsageError(
                "Parsing scores need an input mask or the target's label map; "
                "this data has neither."
            )
        return self.target.labels


def network_outputs(network: nn.Module, images: Tensor) -> SimpleNamespace:
    """Collect what `network` can give: identity, text, logits, maps (pyramid), features [B,D]."""
    if hasattr(network, "observe"):
        return SimpleNamespace(**vars(network.observe(images)))

    outputs = SimpleNamespace()
    if hasattr(network, "embed"):
        outputs.identity = network.embed(images)
    if hasattr(network, "embed_image"):
        outputs.text = network.embed_image(images)
    if hasattr(network, "logits"):
        outputs.logits = network.logits(images)
    if hasattr(network, "features"):
        features = network.features(images)
        if isinstance(features, tuple):
            outputs.maps = features
        else:
            outputs.features = features
    return outputs


class Metric:
    """Base of all metrics: `update` adds a batch, `compute` returns the scores.

    A subclass writes `update` (with `add`) and `compute_values`.

    network          weights name of the network that judges, or None
    network_options  of that network, where it has a choice: resize (Inception), crop (ArcFace)
    """

    name = ""  # key of the config, first part of the score's name
    output: str | None = None  # the field of the network's outputs that is read
    higher_is_better = True
    max_replicates = 200
    min_samples = 0  # fewer give no score

    def __init__(self, network: str | None = None, **network_options: str | None):
        self.network_name = network
        self.network: nn.Module | None = None  # the evaluator sets it
        self.network_options = {
            key: value for key, value in network_options.items() if value is not None
        }
        self.replicates = 0  # of the bootstrap; the evaluator sets it
        self.sums: dict[str, Tensor] = {}  # [1+replicates,…] float64 each

    def reset(self) -> None:
        """Forget all batches."""
        self.sums = {}

    def is_empty(self) -> bool:
        """Say whether no image was added."""
        return not self.sums

    def merge(self, other: Metric) -> None:
        """Add the sums of another process's metric of the same kind."""
        for key, value in other.sums.items():
            self._accumulate(key, value)

    def all_reduce(self) -> None:
        """Sum over all processes; each must have added a batch."""
        import torch.distributed as dist

        for key in sorted(self.sums):
            dist.all_reduce(self.sums[key])

    def add(self, batch: EvalBatch, key: str, values: Tensor) -> None:
        """Add one value [B,…] per sample: as it is, and weighted for every replicate."""
        weights = batch.weights[:, : 1 + self.replicates].to(values.device)
        values = values.detach().double()
        columns = values.flatten(1) if values.ndim > 1 else values[:, None]
        sums = torch.einsum("br,bk->rk", weights, columns)
        self._accumulate(key, sums.reshape(weights.shape[1], *values.shape[1:]))

    def _accumulate(self, key: str, value: Tensor) -> None:
        if key in self.sums:
            value = self.sums[key] + value.to(self.sums[key].device)
        self.sums[key] = value

    def network_output(self, batch: EvalBatch, source: str | int = "image") -> Tensor:
        """Return the field `output` of what the network gives for `batch.images(source)`."""
        value = getattr(batch.outputs(self.network, source), self.output, None)
        if value is None:
            raise UsageError(
                f"The metric '{self.name}' needs a network that gives {self.output}; "
                f"'{self.network_name}' does not."
            )
        return value

    def update(self, batch: EvalBatch) -> None:
        """Add one batch."""
        raise NotImplementedError

    def compute_values(self) -> dict[str, Tensor]:
        """Return suffix of the score's name ("" = none) → values [1+replicates]."""
        raise NotImplementedError

    def count(self) -> int:
        """Return the number of samples behind the scores."""
        return round(float(self.sums["n"][0]))

    def conditions(self) -> dict:
        """Return what decides the values, beside network and resize."""
        return {}

    def compute(self) -> Scores:
        """Return {name[network]: Score}, for example {"miou_present[judge]": Score(…)}.

        {} and a warning where there are fewer than `min_samples`.
        """
        network = f"[{self.network_name}]" if self.network_name else ""
        scores: Scores = {}
        if self.count() < self.min_samples:
            warn(
                f"the metric '{self.name}' is left out: it needs {self.min_samples} samples with "
                f"finite pictures and has {self.count()}."
            )
            return scores
        for suffix, values in self.compute_values().items():
            name = f"{self.name}_{suffix}" if suffix else self.name
            scores[name + network] = Score(
                float(values[0]),
                self.count(),
                self.higher_is_better,
                self.conditions(),
                bootstrap.interval(values.cpu()),
            )
        return scores


class MeanMetric(Metric):
    """A metric that is the mean of `values` over images.

    NaN values, and images that are not finite, are skipped and counted.
    """

    may_skip = False  # record the number of skipped images even where it is 0

    def values(self, batch: EvalBatch) -> Tensor | dict[str, Tensor]:
        """Return one value per image [B], or suffix of the score's name → [B]."""
        raise NotImplementedError

    def update(self, batch: EvalBatch) -> None:
        values = self.values(batch)
        if not isinstance(values, dict):
            values = {"": values}

        is_finite = [torch.isfinite(value) for value in values.values()]
        is_valid = torch.stack(is_finite).all(0)
        is_valid &= batch.is_finite().to(is_valid.device)
        for suffix, value in values.items():
            self.add(batch, f"total{suffix}", torch.where(is_valid, value, 0))
        self.add(batch, "n", is_valid)
        self.add(batch, "skipped", ~is_valid)

    def compute_values(self) -> dict[str, Tensor]:
        return {
            key.removeprefix("total"): total / self.sums["n"]
            for key, total in self.sums.items()
            if key.startswith("total")
        }

    def conditions(self) -> dict:
        skipped = round(float(self.sums["skipped"][0]))
        return {"skipped": skipped} if skipped or self.may_skip else {}
