"""Task `bridge`: trains M and T between a frozen encoder and a frozen generator (section 3.4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from gantoolkit import weights
from gantoolkit.config import validate as checks
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Scores
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.encoders import folders
from gantoolkit.inference import load
from gantoolkit.registry import registry
from gantoolkit.tasks.bridge import evaluation
from gantoolkit.tasks.bridge.objective import TARGETS, Objective
from gantoolkit.tasks.bridge.trajectories import (
    CacheConfig,
    DataConfig,
    Embeddings,
    SamplingConfig,
    Trajectories,
)
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.ema import frozen_copy, update_ema
from gantoolkit.training.prefetch import Prefetcher
from gantoolkit.training.task import Task

MODES = ("M then T", "alternating", "M only")


class Bridge(Objective, Task):
    """Multi-timestep training of a bridge.

    data       tasks/bridge/trajectories.py's Splits
    condition  'mask', 'scribble', or 'both' for an encoder with a ControlNet for each
    encoder, bridge, losses, metrics   components by `type`; losses and metrics keyed by name
    generator  weights name or file
    training   'M then T' (M for `share` of the iterations, then T), 'alternating' (both each iteration), 'M only'
    targets    'paper', 'x0' or 'gt', as in Table 2
    sampling   tasks/bridge/trajectories.py's Sampling; cache: its Keeping (folder, max_gb, stream, …)
    noise      'const' or 'random' noise inside the generator while training
    early      numbers of denoising steps after which G(w) is scored too, beside the whole trajectory
    against    scores compare with 'gt' or, where no photo is the truth, with 'x0'
    loss_size  images are pooled to this size before the losses, score_size: before scores (None = as they are)
    ema        decay of a moving average of the bridge that is scored and exported in its place (None = none)
    recompute  samples that the generator draws at a time, again in the backward pass (0 = all, activations kept)
    chunk      rays of a 3D generator that are rendered at a time (None = all)
    """

    system = evaluation.RUN

    def __init__(
        self,
        data: dict,
        encoder: dict,
        bridge: dict,
        generator: str,
        losses: dict,
        device: torch.device,
        seed: int,
        metrics: dict | None = None,
        condition: Literal["mask", "scribble", "both"] = "mask",
        training: Literal["M then T", "alternating", "M only"] = "M then T",
        share: float = 0.5,
        targets: Literal["paper", "x0", "gt"] = "paper",
        sampling: dict | None = None,
        cache: dict | None = None,
        noise: Literal["const", "random"] = "const",
        loss_size: int | None = None,
        score_size: int | None = None,
        lr: float = 1e-3,
        lr_modulation: float | None = None,
        betas: tuple[float, float] = (0.9, 0.99),
        judge: str = "judge",
        early: tuple[int, ...] = (),
        against: Literal["gt", "x0"] = "gt",
        ema: float | None = None,
        recompute: int = 0,
        chunk: int | None = None,
    ):
        from gantoolkit.generators import load_generator

        _choose("training", training, MODES)
        _choose("targets", targets, TARGETS)
        _choose("condition", condition, ("mask", "scribble", "both"))
        _choose("against", against, ("gt", "x0"))
        self.device, self.condition, self.training, self.share = device, condition, training, share
        numbers = {
            key: value for key, value in encoder.items() if key != "offload"
        }  # which moves memory alone
        self.specs = dict(encoder=numbers, bridge=bridge, generator=generator, condition=condition)
        self.ema, self.score_size = ema, score_size
        frozen = registry.build("encoder", encoder).to(device)
        if (targets, against) != ("gt", "gt") and not getattr(frozen, "generates", True):
            raise UsageError(
                f"The encoder {encoder['type']} makes no image I^d_0, so targets='{targets}' with "
                f"against='{against}' cannot be; use 'gt' for both."
            )
        _shown(getattr(frozen, "condition", condition), condition)
        drawn = load_generator(generator).to(device)
        trained = load.build_bridge(bridge, frozen, drawn).to(device)
        terms = {name: registry.build("loss", spec).to(device) for name, spec in losses.items()}
        super().__init__(frozen, trained, drawn, terms, targets, noise, loss_size, recompute, chunk)
        self.evaluation = evaluation.Evaluation(self, metrics, judge, early, against)
        self._open_data(data, SamplingConfig.of(sampling or {}), CacheConfig.of(cache or {}))
        self.modules = dict(bridge=self.bridge)
        self.averages = {} if ema is None else dict(bridge=frozen_copy(self.bridge))
        self.optimizers = dict(
            M=torch.optim.Adam(list(self.bridge.mapping_parameters()), lr, betas)
        )
        if training != "M only":
            modulation = list(self.bridge.modulation_parameters())
            if not modulation:
                raise UsageError(
                    f"The bridge {bridge['type']} has no T to train; use training='M only'."
                )
            if not getattr(self.bridge, "detach", True):  # Eq. 7 reaches M
                modulation += self.bridge.mapping_parameters()
            self.optimizers["T"] = torch.optim.Adam(modulation, lr_modulation or lr, betas)
        self.switch = self.iterations = 0

    def _open_data(self, data: dict, sampling: SamplingConfig, keeping: CacheConfig) -> None:
        given = checks.build(DataConfig, "data", data)
        key = dict(
            spec=self.specs["encoder"],
            weights=list(folders.checksums(self.specs["encoder"]).values()),
        )

        def trajectories(split: str, **kw) -> Trajectories:
            here = (
                sampling if split == "train" else replace(sampling, captions=1)
            )  # a pair is scored once
            return Trajectories(
                FaceZip(getattr(given, split)),
                self.encoder,
                key,
                self.condition,
                here,
                keeping,
                getattr(given, f"{split}_limit"),
                device=self.device,
                **kw,
            )

        self.train, self.val = trajectories("train"), trajectories("val")
        self.max_gb = float(keeping.max_gb)
        self.ahead = (
            Prefetcher(self.train.fetch)
            if self.device.type == "cuda" and not keeping.stream
            else None
        )
        self.val_empty_prompt = (
            trajectories("val", text="") if self.evaluation.wants_empty_prompt else None
        )
        self.embeddings = Embeddings(
            self.train, self.terms, self.targets["identity"], self.weights()
        )

    # -- what the runner asks ------------------------------------------------------------------------

    def plan(self, iterations: int) -> None:
        self.iterations = iterations
        self.switch = round(iterations * self.share) if self.training == "M then T" else iterations

    def size(self) -> int:
        return len(self.train)

    def prepare(self, folder: Path, progress) -> None:
        self.train.prepare(progress, "trajectories of train")
        self.val.prepare(progress, "trajectories of val")
        if self.val_empty_prompt:
            self.val_empty_prompt.prepare(progress, "trajectories of val without text")
        self.embeddings.prepare(progress)
        self.train.store_features(self.max_gb, progress, "features of train")

    def phases(self, iteration: int) -> Iterable[str]:
        if self.training == "alternating":
            return ("M", "T")
        return ("M",) if iteration < self.switch or self.training == "M only" else ("T",)

    def phase_range(self, phase: str) -> tuple[int, int] | None:
        if self.training != "M then T":
            return None
        return (0, self.switch) if phase == "M" else (self.switch, self.iterations)

    def losses(self, phase: str, draw: SeededBatch, iteration: int) -> dict[str, Tensor]:
        steps = draw.integers(len(self.train.timesteps))
        moment = self.train.read(
            draw.indices, steps, self.ahead and self.ahead.get(draw.indices, steps)
        )
        self.bridge.train()
        for name in self.optimizers:
            self._parameters(name, False)
        self._parameters(phase, True)
        features = self.train.features(moment, only_h=self.only_h(phase))
        latent = self.bridge(features, mapping_only=phase == "M")
        seeds = draw.seeds.tolist() if self.noise == "random" else None
        return self.compare(
            phase, latent, self.render(latent, moment.sample.condition.camera, seeds), moment
        )

    def prefetch(self, draw: SeededBatch) -> None:
        if self.ahead:  # a GPU computes while the CPU reads; a stream would compute too
            self.ahead.prefetch(draw.indices, draw.integers(len(self.train.timesteps)))

    def _parameters(self, phase: str, active: bool) -> None:
        for group in self.optimizers[phase].param_groups:
            for parameter in group["params"]:
                parameter.requires_grad_(active)

    @property
    def judged(self) -> torch.nn.Module:
        """The bridge that is scored and exported: the moving average where there is one."""
        return self.averages.get("bridge", self.bridge)

    def after_step(self, iteration: int) -> None:
        if self.averages:
            update_ema(self.averages["bridge"], self.bridge, iteration, self.ema)

    # -- results -------------------------------------------------------------------------------------

    def validate(self, limit: int | None = None) -> Scores:
        return self.evaluation.scores(limit)

    def other_scores(self) -> dict[str, Scores]:
        return self.evaluation.references()

    def pictures(self) -> dict[str, Tensor]:
        return dict(val=self.evaluation.sheet())

    def samples(self, folder: Path) -> list[dict]:
        return self.evaluation.samples(folder)

    def notes(self) -> list[str]:
        return self.evaluation.notes()

    def export(self, folder: Path) -> list[Path]:
        specs = self.specs | dict(networks=self.networks(), frozen=load.frozen(self.specs))
        return [load.export(folder / "bridge.safetensors", self.judged, specs)]

    def networks(self) -> dict[str, str]:
        return {name: term.network for name, term in self.terms.items() if term.network}

    def weights(self) -> dict[str, str]:
        names = {self.specs["generator"], *self.networks().values()}
        return folders.checksums(self.specs["encoder"]) | weights.checksums(names)


def _shown(wanted: str, condition: str) -> None:
    """Refuse an encoder whose ControlNets are shown what the run's condition has not."""
    if wanted not in (condition, "none") and condition != "both":
        raise UsageError(
            f"The encoder's ControlNets are shown '{wanted}', but condition='{condition}'; set "
            f"condition='{wanted}', or encoder.controlnet to one for '{condition}'."
        )


def _choose(key: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise UsageError(
            f"{key}='{value}' is unknown; choose one of {', '.join(repr(k) for k in known)}."
        )
