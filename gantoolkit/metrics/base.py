"""What every metric is: named sums in float64 that a pass over the images adds to."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from gantoolkit.errors import UsageError
from gantoolkit.types import Condition, Score, Scores, Target


@dataclass
class View:
    """One batch as the metrics see it; what a network sees in it is computed once and shared."""

    image: Tensor  # the result [B,3,R,R] in −1..1
    target: Target
    condition: Condition
    without_text: Tensor | None = None  # the result for the same condition with an empty prompt
    _seen: dict = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.image)

    def seen(self, network: nn.Module, what: str = "image") -> SimpleNamespace:
        """What `network` sees in 'image', 'image_gt' or 'without_text'."""
        key = (id(network), what)
        if key not in self._seen:
            images = self.target.image_gt if what == "image_gt" else getattr(self, what)
            self._seen[key] = look(network, images)
        return self._seen[key]

    def labels(self) -> Tensor:
        """The label map that the result should follow [B,H,W]: the input mask, else the truth's."""
        if self.condition.mask is not None:
            return self.condition.mask.argmax(1)
        if self.target.labels is None:
            raise UsageError(
                "Parsing scores need an input mask or the target's label map; this data has neither.")
        return self.target.labels


def look(network: nn.Module, images: Tensor) -> SimpleNamespace:
    """features, maps, logits, identity, … of images, as far as the network has them."""
    if hasattr(network, "observe"):
        return SimpleNamespace(**vars(network.observe(images)))
    found = SimpleNamespace()
    if hasattr(network, "embed"):
        found.identity = network.embed(images)
    if hasattr(network, "logits"):
        found.logits = network.logits(images)
    if hasattr(network, "features"):
        maps = network.features(images)
        setattr(found, "maps" if isinstance(maps, tuple) else "features", maps)
    return found


class Metric:
    """Base of all metrics. `sums` hold float64 tensors that add over batches and over processes.

    name      key of the config, first part of the score's name
    network   weights name of the network that judges, or None
    """

    name = ""
    uses: str | None = None  # the field of an observation that the network must give
    higher_is_better = True

    def __init__(self, network: str | None = None):
        self.network_name, self.network = network, None
        self.sums: dict[str, Tensor] = {}

    def reset(self) -> None:
        """Forget everything seen."""
        self.sums = {}

    def add(self, key: str, value: Tensor) -> None:
        """Add a float64 sum."""
        value = value.detach().double()
        self.sums[key] = self.sums[key] + value if key in self.sums else value

    def of(self, view: View, what: str = "image") -> Tensor:
        """The field `uses` of what the network sees."""
        found = getattr(view.seen(self.network, what), self.uses, None)
        if found is None:
            raise UsageError(f"The metric '{self.name}' needs a network that gives {self.uses}; "
                             f"'{self.network_name}' does not.")
        return found

    def update(self, view: View) -> None:
        """Add one batch."""
        raise NotImplementedError

    def compute(self) -> Scores:
        """The scores of everything added so far."""
        raise NotImplementedError

    def score(self, value, n, part: str = "", **conditions) -> Scores:
        """{name: Score}, the name saying part and network."""
        network = f"[{self.network_name}]" if self.network_name else ""
        name = f"{self.name}{'_' + part if part else ''}{network}"
        return {name: Score(float(value), int(n), self.higher_is_better, conditions)}


class Mean(Metric):
    """A metric that is the mean over images of `values`."""

    def values(self, view: View) -> Tensor:
        """[B]"""
        raise NotImplementedError

    def update(self, view: View) -> None:
        values = self.values(view)
        self.add("total", values.double().sum())
        self.add("n", torch.tensor(float(len(values)), dtype=torch.float64, device=values.device))

    def compute(self) -> Scores:
        return self.score(self.sums["total"] / self.sums["n"], self.sums["n"])
