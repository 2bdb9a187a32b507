"""Task `bridge`: train M and T between a frozen encoder and a frozen generator (section 3.4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from gantoolkit import weights
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Scores
from gantoolkit.encoders import folders
from gantoolkit.encoders.family import complete_spec
from gantoolkit.generators import load_generator
from gantoolkit.inference import bridge_files, load
from gantoolkit.losses import build_losses, networks_of
from gantoolkit.registry import registry
from gantoolkit.registry.contracts import check_members
from gantoolkit.report.record import RUN
from gantoolkit.tasks.bridge.checks import check_encoder, check_generator, check_target_codes
from gantoolkit.tasks.bridge.config import BridgeConfig
from gantoolkit.tasks.bridge.data import BridgeData
from gantoolkit.tasks.bridge.evaluation import Evaluation
from gantoolkit.tasks.bridge.objective import Objective
from gantoolkit.tasks.bridge.scores import check_judges
from gantoolkit.tasks.bridge.systems import ValidationPipeline
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.ema import frozen_copy, update_ema
from gantoolkit.training.task import Task


class Bridge(Task):
    """Multi-timestep training of a bridge: phase M by Eq. 6, phase T by Eq. 7.

    It joins an objective (losses), data (cached trajectories), optimizers and an evaluation.
    """

    config_class = BridgeConfig
    system = RUN

    def __init__(self, config: BridgeConfig, device: torch.device, seed: int):
        config = replace(config, encoder=complete_spec(config.encoder))
        self.config = config
        self.device = device
        self.specs = _specs(config)

        self.encoder = registry.build("encoder", config.encoder).to(device)
        check_encoder(self.encoder, config)
        self.generator = load_generator(config.generator).to(device)
        self.bridge = load.build_bridge(config.bridge, self.encoder, self.generator).to(device)
        check_members("bridge", self.bridge, training=True)
        self.terms = build_losses(config.losses, device)
        self.objective = Objective(self.encoder, self.bridge, self.generator, self.terms, config)
        check_generator(self.generator, self.objective.render)
        check_target_codes(self.terms, self.generator, config.code_fraction)
        check_judges(config, device, self.networks())

        self.data = BridgeData(config, self.encoder, self.specs["encoder"], device)
        self.objective.embeddings = self.data.embed(
            self.terms, self.objective.embedded_targets(), self.weights()
        )

        self.modules = dict(bridge=self.bridge)
        self.ema_modules = {}
        if config.ema is not None:
            self.ema_modules["bridge"] = frozen_copy(self.bridge)
        self.optimizers = build_optimizers(self.bridge, config)
        self.evaluation = self._build_evaluation()
        self.iterations = self.first_of_t = 0  # until `plan`

    def _build_evaluation(self) -> Evaluation:
        pipeline = ValidationPipeline(
            self.encoder,
            self.evaluated_bridge,
            self.generator,
            self.objective.render,
            self.config.condition,
        )
        return Evaluation(
            self.config,
            pipeline,
            self.data.val,
            self.data.val_no_text,
            generator=self.config.generator,
            forbidden=self.networks(),
        )

    @property
    def evaluated_bridge(self) -> nn.Module:
        """The bridge that is scored and exported: the moving average where there is one."""
        return self.ema_modules.get("bridge", self.bridge)

    # -- phases ------------------------------------------------------------------------------------

    def plan(self, iterations: int) -> None:
        self.iterations = iterations
        self.first_of_t = iterations
        if self.config.training == "M then T":
            self.first_of_t = round(iterations * self.config.mapping_fraction)

    def phases(self, iteration: int) -> Iterable[str]:
        if self.config.training == "alternating":
            return ("M", "T")
        if self.config.training == "M only" or iteration < self.first_of_t:
            return ("M",)
        return ("T",)

    def phase_range(self, phase: str) -> tuple[int, int] | None:
        if self.config.training != "M then T":
            return None
        return (0, self.first_of_t) if phase == "M" else (self.first_of_t, self.iterations)

    # -- training ----------------------------------------------------------------------------------

    def size(self) -> int:
        return len(self.data.train)

    def prepare(self, folder: Path, progress) -> None:
        self.data.prepare(progress)

    def losses(self, phase: str, batch: SeededBatch, iteration: int) -> dict[str, Tensor]:
        timestep_batch = self.data.read(batch)
        self.bridge.train()
        self._require_grad(phase)

        features = self.data.train.features(timestep_batch, only_h=self.objective.only_h(phase))
        latent = self.bridge(features, mapping_only=phase == "M")
        render = None
        if self.objective.needs_render and not self._compares_codes_only(phase, iteration):
            camera = timestep_batch.sample.condition.camera
            seeds = batch.seeds.tolist() if self.objective.noise == "random" else None
            render = self.objective.render(latent, camera, seeds)
        return self.objective.losses(phase, latent, render, timestep_batch)

    def _compares_codes_only(self, phase: str, iteration: int) -> bool:
        """Whether an iteration belongs to the start of its phase that renders nothing."""
        first, end = self.phase_range(phase) or (0, self.iterations)
        return iteration < first + self.config.code_fraction * (end - first)

    def prefetch(self, batch: SeededBatch) -> None:
        self.data.prefetch(batch)

    def _require_grad(self, phase: str) -> None:
        """Let only the parameters of this phase's optimizer take gradients."""
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    parameter.requires_grad_(False)
        for group in self.optimizers[phase].param_groups:
            for parameter in group["params"]:
                parameter.requires_grad_(True)

    def after_step(self, iteration: int) -> None:
        if self.ema_modules:
            update_ema(self.ema_modules["bridge"], self.bridge, iteration, self.config.ema)

    # -- results -----------------------------------------------------------------------------------

    def validate(self, limit: int | None = None) -> Scores:
        return self.evaluation.scores(limit)

    def other_scores(self) -> dict[str, Scores]:
        return self.evaluation.reference_scores()

    def pictures(self) -> dict[str, Tensor]:
        return dict(val=self.evaluation.sheet())

    def samples(self, folder: Path) -> list[dict]:
        return self.evaluation.save_samples(folder)

    def notes(self) -> list[str]:
        return self.evaluation.notes()

    def export(self, folder: Path) -> list[Path]:
        specs = self.specs | dict(
            networks=self.networks(), frozen=bridge_files.frozen_checksums(self.specs)
        )
        return [
            bridge_files.export_bridge(folder / "bridge.safetensors", self.evaluated_bridge, specs)
        ]

    def networks(self) -> dict[str, str]:
        return networks_of(self.terms)

    def weights(self) -> dict[str, str]:
        names = {self.specs["generator"], *self.networks().values()}
        return folders.checksums(self.specs["encoder"]) | weights.checksums(names)


def build_optimizers(bridge: nn.Module, config: BridgeConfig) -> dict[str, torch.optim.Optimizer]:
    """Build Adam for M and, unless only M is trained, for T."""
    mapping = list(bridge.mapping_parameters())
    optimizers = dict(M=torch.optim.Adam(mapping, config.lr, config.betas, fused=True))
    if config.training == "M only":
        return optimizers

    modulation = list(bridge.modulation_parameters())
    if not modulation:
        raise UsageError(
            f"The bridge {config.bridge['type']} has no T to train; use training='M only'."
        )
    if not getattr(bridge, "detach", True):  # Eq. 7 reaches M
        modulation += mapping
    lr = config.lr_modulation or config.lr
    optimizers["T"] = torch.optim.Adam(modulation, lr, config.betas, fused=True)
    return optimizers


def _specs(config: BridgeConfig) -> dict:
    """Describe encoder, bridge and generator, as an exported bridge does."""
    # `offload` decides where the encoder waits, not what it computes
    encoder = {key: value for key, value in config.encoder.items() if key != "offload"}
    return dict(
        encoder=encoder,
        bridge=config.bridge,
        generator=config.generator,
        condition=config.condition,
    )
