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

DEFAULT: dict[str, dict] = {
    "fid": {},
    "lpips": {},
    "ms_ssim": {},
    "id_gt": {},
    "acc": {},
    "miou": {},
}


class Evaluator:
    """Score results against their targets and conditions, batch by batch.

    metrics     name → arguments; "type" names another class than the key, "network" its judge
    judge       what the network name 'judge' stands for: a weights name, a file, or a module
    device      where networks and images are
    forbidden   role → weights name of every network in the run's losses; none of them may judge
    size        images are resized to size×size first, by box or antialiased (None = not at all)
    conditions  recorded with every score, e.g. {"latent_source": "trajectory"}
    bootstrap   replicates behind the scores' intervals (0 = no intervals)
    share_networks_with  another evaluator with the same judge, to read networks only once

    >>> from gantoolkit.networks.judge import Judge
    >>> judge = Judge(resolution=32, widths=(8, 8, 8, 8), depths=(1, 1, 1, 1))
    >>> evaluator = Evaluator({"lpips": {}, "id_gt": {}}, judge=judge)
    >>> images = torch.rand(4, 3, 32, 32) * 2 - 1
    >>> evaluator.update(images, Target(images), Condition(("a face",) * 4))
    >>> scores = evaluator.compute()
    >>> scores["lpips[judge]"].value, round(scores["id_gt[judge]"].value, 4)
    (0.0, 1.0)
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
        share_networks_with: Evaluator | None = None,
    ):
        self.judge = judge
        self.device = torch.device(device)
        self.size = size
        self.conditions = dict(conditions or {})
        self.bootstrap = bootstrap
        self.num_samples = 0
        self.resized = "none"
        self.metrics = build_metrics(DEFAULT if metrics is None else metrics, bootstrap)
        self._refuse_networks_of_losses(forbidden or {})

        other = share_networks_with
        self._networks: dict[tuple, nn.Module] = other._networks if other else {}
        self._sha256: dict[str, str] = other._sha256 if other else {}
        for metric in self.metrics.values():
            if metric.network_name:
                metric.network = self._network(metric.network_name, metric.network_options)

    def _refuse_networks_of_losses(self, forbidden: Mapping[str, str]) -> None:
        """Raise UsageError when a network of the losses would judge, by name or by content."""
        used: dict[str, tuple[str, str]] = {}  # weights name or sha256 → (role, weights name)
        for role, loss_network in forbidden.items():
            for key in (loss_network, network_digest(loss_network)):
                if key:
                    used[key] = (role, loss_network)

        for name, metric in self.metrics.items():
            network_name = metric.network_name
            source = self._source(network_name)
            path = source if isinstance(source, str) else None
            for key in (network_name, path, network_digest(source)):
                if key and key in used:
                    role, loss_network = used[key]
                    raise UsageError(
                        f"The metric '{name}' would be judged by '{source}', which the run's loss "
                        f"'{role}' used ('{loss_network}'); "
                        f"choose another {_advice(network_name, role, loss_network)}."
                    )

    def _source(self, network_name: str | None) -> str | nn.Module | None:
        return self.judge if network_name == "judge" else network_name

    def _network(self, name: str, options: Mapping[str, str]) -> nn.Module:
        """Load a network that judges, once for each name and options."""
        key = (name, *sorted(options.items()))
        if key not in self._networks:
            source = self._source(name)
            if isinstance(source, nn.Module):
                network = source.eval().requires_grad_(False).to(self.device)
            else:
                network = load_network(source).to(self.device)
                self._sha256[name] = network_digest(source) or ""
            self._networks[key] = _configure(network, name, options) if options else network
        return self._networks[key]

    def networks(self) -> dict[str, str]:
        """Return metric → weights name of the network that judges it."""
        return {
            name: metric.network_name
            for name, metric in self.metrics.items()
            if metric.network_name
        }

    def weights(self) -> dict[str, str]:
        """Return weights name → sha256 of the networks that judge."""
        return dict(self._sha256)

    @torch.no_grad()
    def update(
        self,
        image: Tensor,
        target: Target,
        condition: Condition,
        without_text: Tensor | None = None,
        depth: Tensor | None = None,
        views: tuple[Render, ...] = (),
        sample_ids: Tensor | None = None,
        codes: Tensor | None = None,
    ) -> None:
        """Add results [B,3,R,R] in −1..1; targets are resized to their size, or both to `size`.

        without_text  results for the same conditions with an empty prompt
        depth, views  what a 3D system gives beside the image
        sample_ids    indices [B] in the data set (default: in order of arrival)
        codes         what a generator rendered the results from [B,L,w_dim]
        """
        image = self._prepare(image)
        target = target.to(self.device)
        size = self.size or image.shape[-1]
        if size != image.shape[-1]:
            self.resized = f"{image.shape[-1]} to {size}, box or antialiased bilinear"
        if sample_ids is None:
            sample_ids = torch.arange(self.num_samples, self.num_samples + len(image))
        self.num_samples += len(image)

        if without_text is not None:
            without_text = fit(self._prepare(without_text), size)
        if depth is not None:
            depth = depth.detach().to(self.device).float()
        batch = EvalBatch(
            image=fit(image, size),
            target=replace(target, image_gt=fit(target.image_gt, size)),
            condition=condition.to(self.device),
            without_text=without_text,
            depth=depth,
            views=tuple(self._prepare_view(view, size) for view in views),
            codes=codes,
            sample_ids=sample_ids,
            weights=bootstrap.weights(sample_ids.tolist(), self.bootstrap),
        )
        for metric in self.metrics.values():
            metric.update(batch)

    def _prepare(self, images: Tensor) -> Tensor:
        return images.detach().to(self.device).float().clamp(-1, 1)

    def _prepare_view(self, view: Render, size: int) -> Render:
        image = fit(self._prepare(view.image), size)
        return replace(view.to(self.device), image=image)

    def merge(self, other: Evaluator) -> None:
        """Add the images of another evaluator with the same metrics."""
        for name, metric in self.metrics.items():
            metric.merge(other.metrics[name])

    def all_reduce(self) -> None:
        """Sum over processes; does nothing in a single process.

        Every process must have added at least one batch.
        """
        import torch.distributed as dist

        if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            for metric in self.metrics.values():
                metric.all_reduce()

    def compute(self) -> Scores:
        """Return all scores; raise UsageError before the first image."""
        scores: Scores = {}
        for metric in self.metrics.values():
            if metric.is_empty():
                raise UsageError(
                    f"The metric '{metric.name}' has seen no image; the evaluation set is empty."
                )
            conditions = self._conditions(metric)
            for name, score in metric.compute().items():
                scores[name] = replace(score, conditions={**conditions, **score.conditions})
        return scores

    def _conditions(self, metric: Metric) -> dict[str, Any]:
        """Return what is recorded with every score of `metric`."""
        conditions = {"resize": self.resized, **self.conditions}
        if metric.network_name:
            conditions["network"] = metric.network_name
            conditions["network_sha256"] = self._sha256.get(metric.network_name, "")
            resize = getattr(metric.network, "resize", None)
            if isinstance(resize, str):
                conditions["network_resize"] = resize
        return conditions

    def reset(self) -> None:
        """Forget all images, keep the networks."""
        self.num_samples = 0
        for metric in self.metrics.values():
            metric.reset()


def build_metrics(configs: Mapping[str, dict | None], replicates: int) -> dict[str, Metric]:
    """Build the metrics of a config: name → arguments."""
    metrics: dict[str, Metric] = {}
    for name, arguments in configs.items():
        metric = registry.build("metric", {"type": name, **(arguments or {})})
        metric.name = name
        metric.replicates = min(replicates, metric.max_replicates)
        metrics[name] = metric
    return metrics


def load_network(name: str) -> nn.Module:
    """Load a judge by weights name or file; 'alex', 'vgg' and 'squeeze' are the published LPIPS."""
    from gantoolkit.networks.lpips import LPIPS, TRUNKS

    return LPIPS(name) if name in TRUNKS else networks.load(name)


def _advice(network_name: str, role: str, loss_network: str) -> str:
    """Say what to choose in place of a judge that a loss used."""
    if loss_network == "judge":
        return (
            f"network for the loss '{role}', such as 'arcface' for identity or 'parser' for "
            "perceptual distance; only metrics may use the judge"
        )
    if network_name == "judge":
        return "judge, such as 'judge'"
    return "network for it, such as 'judge'"


def _configure(network: nn.Module, name: str, options: Mapping[str, str]) -> nn.Module:
    """Return the network with another resize or crop; refuse one that has no such choice."""
    from gantoolkit.networks.arcface import find_crop
    from gantoolkit.networks.inception import check_resize

    parsers = {"resize": check_resize, "crop": find_crop}
    configured = copy.copy(network)  # shares the parameters
    for key, value in options.items():
        if not hasattr(network, key):
            raise UsageError(
                f"The network '{name}' has no choice of a {key}; leave {key}='{value}' out."
            )
        setattr(configured, key, parsers[key](value))
    return configured


def network_digest(source: Any) -> str | None:
    """Return the sha256 of the file behind a weights name, or None where it names no file."""
    if not isinstance(source, str):
        return None
    try:
        return weights.sha256(weights.resolve(source.removeprefix("insightface:")))
    except GantoolkitError:
        return None
