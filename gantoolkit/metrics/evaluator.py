"""The evaluator: several metrics in one pass, judged only by networks that no loss used."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from gantoolkit import networks, weights
from gantoolkit.core.errors import GantoolkitError, UsageError
from gantoolkit.core.types import Condition, Render, Scores, Target
from gantoolkit.metrics import bootstrap
from gantoolkit.metrics.base import EvalBatch, Metric
from gantoolkit.networks.blocks import fit
from gantoolkit.registry import registry

DEFAULT = {"fid": {}, "lpips": {}, "ms_ssim": {}, "id_gt": {}, "acc": {}, "miou": {}}


class Evaluator:
    """Streaming scores of results against their targets and conditions.

    metrics     name → arguments; "type" names another class than the key, "network" its judge
    judge       what the network name 'judge' stands for: a weights name, a file, or a module
    forbidden   role → weights name of every network in the run's losses; none of them may judge
    size        images are box- or antialias-resized to size×size before everything (None = as they are)
    conditions  recorded with every score, e.g. {"latent_source": "trajectory"}
    bootstrap   replicates behind the scores' intervals (0 = no intervals)
    beside      another evaluator by the same judge, whose networks are read once for both
    """

    def __init__(
        self,
        metrics: Mapping[str, dict] | None = None,
        judge: str | nn.Module = "judge",
        device: torch.device | str = "cpu",
        forbidden: Mapping[str, str] | None = None,
        size: int | None = None,
        conditions: Mapping[str, Any] | None = None,
        bootstrap: int = 0,
        beside: Evaluator | None = None,
    ):
        self.device, self.size, self.conditions = torch.device(device), size, dict(conditions or {})
        self.judge, self.bootstrap, self.seen = judge, bootstrap, 0
        self.metrics: dict[str, Metric] = {}
        for name, arguments in (DEFAULT if metrics is None else metrics).items():
            metric = registry.build("metric", {"type": name, **(arguments or {})})
            metric.name, metric.replicates = name, min(bootstrap, metric.most_replicates)
            self.metrics[name] = metric
        self._refuse(forbidden or {})
        self._networks: dict[tuple, nn.Module] = beside._networks if beside else {}
        self._shas: dict[str, str] = beside._shas if beside else {}
        for metric in self.metrics.values():
            if metric.network_name:
                metric.network = self._network(metric.network_name, metric.network_options)
        self.resized = "none"

    def _refuse(self, forbidden: Mapping[str, str]) -> None:
        """Raise UsageError when a network of the losses would judge, by name or by content."""
        roles = {
            digest: (role, name)
            for role, name in forbidden.items()
            for digest in (name, _digest(name))
            if digest
        }
        for name, metric in self.metrics.items():
            asked = metric.network_name
            source = self.judge if asked == "judge" else asked
            keys = (asked, source if isinstance(source, str) else None, _digest(source))
            if not (found := next((roles[key] for key in keys if key and key in roles), None)):
                continue
            role, network = found
            if network == "judge":
                advice = (
                    f"network for the loss '{role}', such as 'arcface' for identity or 'parser' for perceptual "
                    "distance; the judge is for metrics alone"
                )
            else:
                advice = (
                    "judge, such as 'judge'"
                    if asked == "judge"
                    else "network for it, such as 'judge'"
                )
            raise UsageError(
                f"The metric '{name}' would be judged by '{source}', which the run's loss '{role}' used "
                f"('{network}'); choose another {advice}."
            )

    def _network(self, name: str, network_options: Mapping[str, str]) -> nn.Module:
        """The judge of a name; one that is configured to look otherwise is another network."""
        key = (name, *sorted(network_options.items()))
        if key not in self._networks:
            source = self.judge if name == "judge" else name
            if isinstance(source, nn.Module):
                network = source.eval().requires_grad_(False).to(self.device)
            else:
                network = load_network(source).to(self.device)
                self._shas[name] = _digest(source) or ""
            self._networks[key] = (
                _configure(network, name, network_options) if network_options else network
            )
        return self._networks[key]

    def networks(self) -> dict[str, str]:
        """metric → weights name of the network that judges it."""
        return {name: m.network_name for name, m in self.metrics.items() if m.network_name}

    def weights(self) -> dict[str, str]:
        """weights name → sha256 of the networks that judge."""
        return dict(self._shas)

    @torch.no_grad()
    def update(
        self,
        image: Tensor,
        target: Target,
        condition: Condition,
        without_text: Tensor | None = None,
        depth: Tensor | None = None,
        views: tuple[Render, ...] = (),
        numbers: Tensor | None = None,
    ) -> None:
        """Add results [B,3,R,R] in −1..1; the targets are resized to their size, or both to `size`.

        depth, views  what a 3D system gives beside the image
        numbers       which samples of the set these are [B] (default: in order of arrival)
        """
        image, target = self._images(image), target.to(self.device)
        side = self.size or image.shape[-1]
        if side != image.shape[-1]:
            self.resized = f"{image.shape[-1]} to {side}, box or antialiased bilinear"
        if numbers is None:
            numbers = torch.arange(self.seen, self.seen + len(image))
        self.seen += len(image)
        view = EvalBatch(
            fit(image, side),
            replace(target, image_gt=fit(target.image_gt, side)),
            condition.to(self.device),
            None if without_text is None else fit(self._images(without_text), side),
            None if depth is None else depth.detach().to(self.device).float(),
            tuple(self._side(render, side) for render in views),
            numbers,
            bootstrap.weights(numbers.tolist(), self.bootstrap),
        )
        for metric in self.metrics.values():
            metric.update(view)

    def _images(self, images: Tensor) -> Tensor:
        return images.detach().to(self.device).float().clamp(-1, 1)

    def _side(self, render: Render, side: int) -> Render:
        return replace(render.to(self.device), image=fit(self._images(render.image), side))

    def merge(self, other: Evaluator) -> None:
        """Add what another evaluator of the same metrics has seen."""
        for name, metric in self.metrics.items():
            metric.merge(other.metrics[name])

    def all_reduce(self) -> None:
        """Sum over processes; a no-op in one process. Every process must have seen at least one batch."""
        import torch.distributed as dist

        if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            for metric in self.metrics.values():
                metric.all_reduce()

    def compute(self) -> Scores:
        """All scores; UsageError before the first image."""
        out: Scores = {}
        for metric in self.metrics.values():
            if metric.empty():
                raise UsageError(
                    f"The metric '{metric.name}' has seen no image; the evaluation set is empty."
                )
            shared = {"resize": self.resized, **self.conditions}
            if metric.network_name:
                shared |= {
                    "network": metric.network_name,
                    "network_sha256": self._shas.get(metric.network_name, ""),
                }
                if isinstance(resize := getattr(metric.network, "resize", None), str):
                    shared["network_resize"] = resize
            for name, score in metric.compute().items():
                out[name] = replace(score, conditions={**shared, **score.conditions})
        return out

    def reset(self) -> None:
        """Forget all images, keep the networks."""
        self.seen = 0
        for metric in self.metrics.values():
            metric.reset()


def load_network(name: str) -> nn.Module:
    """A judge by weights name or file; 'alex', 'vgg' and 'squeeze' are the published LPIPS."""
    from gantoolkit.networks.lpips import LPIPS, TRUNKS

    return LPIPS(name) if name in TRUNKS else networks.load(name)


def _configure(network: nn.Module, name: str, network_options: Mapping[str, str]) -> nn.Module:
    """The network with another resize or crop; one that has no choice is refused."""
    from gantoolkit.networks.arcface import crop_of
    from gantoolkit.networks.inception import check_resize

    other = copy.copy(network)  # shares the parameters
    for key, value in network_options.items():
        if not hasattr(network, key):
            raise UsageError(
                f"The network '{name}' has no choice of a {key}; leave {key}='{value}' out."
            )
        setattr(other, key, dict(resize=check_resize, crop=crop_of)[key](value))
    return other


def _digest(source: Any) -> str | None:
    """sha256 of what a weights name stands for, or None where it is no file."""
    if not isinstance(source, str):
        return None
    try:
        return weights.sha256(weights.resolve(source.removeprefix("insightface:")))
    except GantoolkitError:
        return None
