"""Task `bridge`: trains M and T between a frozen encoder and a frozen generator (section 3.4).

Eq. 6, turn M:  λ0‖I^gt − G(w^m)‖² + λ1·LPIPS(I^gt, G(w^m)) + λ2·(1 − cos(R(I^gt), R(G(w^m)))) + λ3‖w^m − w̄‖
Eq. 7, turn T:  λ0‖I^d_0 − G(w)‖² + λ1·LPIPS(I^d_0, G(w)) + λ2·(1 − cos(R(I^gt), R(G(w)))) + λ3‖w − w̄‖
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from gantoolkit import registry, weights
from gantoolkit.data.zipdata import FaceZip
from gantoolkit.encoders import folders
from gantoolkit.engine import evaluate, sample
from gantoolkit.engine.average import follow, frozen_copy
from gantoolkit.engine.draw import Draw
from gantoolkit.engine.task import Task
from gantoolkit.engine.trajectories import Embeddings, Keeping, Moment, Sampling, Trajectories
from gantoolkit.errors import UsageError
from gantoolkit.types import Latent, Render, Scores

MODES = ("M then T", "alternating", "M only")
TARGETS = {  # turn → what reconstruction and perceptual terms compare with; then the identity term's target
    "paper": dict(M="gt", T="x0", identity="gt"),
    "x0": dict(M="x0", T="x0", identity="x0"),  # ablation (c), style transfer
    "gt": dict(M="gt", T="gt", identity="gt"),  # ablation (d)
}


class Bridge(Task):
    """Multi-timestep training of a bridge.

    data       train and val: names or zips; train_limit, val_limit: samples used of them
    condition  'mask', 'scribble', or 'both' for an encoder with a ControlNet for each
    encoder, bridge, losses, metrics   components by `type`; losses and metrics keyed by name
    generator  weights name or file
    training   'M then T' (M for `share` of the iterations, then T), 'alternating' (both each iteration), 'M only'
    targets    'paper', 'x0' or 'gt', as in Table 2
    sampling   engine/trajectories.py's Sampling; cache: its Keeping (folder, max_gb, stream, …)
    noise      'const' or 'random' noise inside the generator while training
    early      numbers of denoising steps after which G(w) is scored too, beside the whole trajectory
    loss_size  images are pooled to this size before the losses, score_size: before scores (None = as they are)
    ema        decay of a moving average of the bridge that is scored and exported in its place (None = none)
    recompute  samples whose generator activations live at a time, made again in the backward pass (0 = all, kept)
    chunk      rays of a 3D generator that are rendered at a time (None = all)
    """

    system = evaluate.RUN

    def __init__(self, data: dict, encoder: dict, bridge: dict, generator: str, losses: dict, device: torch.device,
                 seed: int, metrics: dict | None = None, condition: str = "mask", training: str = "M then T",
                 share: float = 0.5, targets: str = "paper", sampling: dict | None = None,
                 cache: dict | None = None, noise: str = "const", loss_size: int | None = None,
                 score_size: int | None = None, lr: float = 1e-3, lr_modulation: float | None = None,
                 betas: tuple[float, float] = (0.9, 0.99), judge: str = "judge", early: tuple[int, ...] = (),
                 ema: float | None = None, recompute: int = 0, chunk: int | None = None):
        from gantoolkit.generators import load_generator

        _choose("training", training, MODES)
        _choose("targets", targets, TARGETS)
        _choose("condition", condition, ("mask", "scribble", "both"))
        self.device, self.condition, self.training, self.share = device, condition, training, share
        self.targets, self.noise, self.loss_size, self.score_size = TARGETS[targets], noise, loss_size, score_size
        self.specs = dict(encoder=encoder, bridge=bridge, generator=generator, condition=condition)
        self.ema, self.recompute, self.chunk = ema, recompute, chunk
        self.encoder = registry.build("encoder", encoder).to(device)
        if targets != "gt" and not getattr(self.encoder, "generates", True):
            raise UsageError(f"The encoder {encoder['type']} makes no image I^d_0, so targets='{targets}' cannot be; "
                             "use targets='gt'.")
        self.generator = load_generator(generator).to(device)
        self.bridge = sample.build_bridge(bridge, self.encoder, self.generator).to(device)
        self.terms = {name: registry.build("loss", spec).to(device) for name, spec in losses.items()}
        self.mean_w = self.generator.mean_w.detach().clone()
        self.evaluation = evaluate.Evaluation(self, metrics, judge, early)
        self._open_data(data, Sampling.of(sampling or {}), Keeping.of(cache or {}))
        self.modules = dict(bridge=self.bridge)
        self.averages = {} if ema is None else dict(bridge=frozen_copy(self.bridge))
        self.optimizers = dict(M=torch.optim.Adam(list(self.bridge.mapping_parameters()), lr, betas))
        if training != "M only":
            modulation = list(self.bridge.modulation_parameters())
            if not modulation:
                raise UsageError(f"The bridge {bridge['type']} has no T to train; use training='M only'.")
            self.optimizers["T"] = torch.optim.Adam(modulation, lr_modulation or lr, betas)
        self.switch = self.iterations = 0

    def _open_data(self, data: dict, sampling: Sampling, keeping: Keeping) -> None:
        if wrong := set(data) - {"train", "val", "train_limit", "val_limit"}:
            raise UsageError(f"There is no '{sorted(wrong)[0]}' in data (train, val, train_limit, val_limit).")
        key = dict(spec=self.specs["encoder"], weights=list(self._encoder_weights().values()))

        def trajectories(split: str, **kw) -> Trajectories:
            here = sampling if split == "train" else replace(sampling, captions=1)  # a pair is scored once
            return Trajectories(FaceZip(data[split]), self.encoder, key, self.condition, here,
                                keeping, data.get(f"{split}_limit"), device=self.device, **kw)

        self.train, self.val = trajectories("train"), trajectories("val")
        self.max_gb = float(keeping.max_gb)
        self.val_untold = trajectories("val", text="") if self.evaluation.wants_untold else None
        self.embeddings = Embeddings(self.train, self.terms, self.targets["identity"], self.weights())

    # -- what the runner asks ------------------------------------------------------------------------

    def plan(self, iterations: int) -> None:
        self.iterations = iterations
        self.switch = round(iterations * self.share) if self.training == "M then T" else iterations

    def size(self) -> int:
        return len(self.train)

    def prepare(self, folder: Path, progress) -> None:
        self.train.prepare(progress, "trajectories of train")
        self.val.prepare(progress, "trajectories of val")
        if self.val_untold:
            self.val_untold.prepare(progress, "trajectories of val without text")
        self.embeddings.prepare(progress)
        self.train.store_features(self.max_gb, progress, "features of train")

    def turns(self, iteration: int) -> Iterable[str]:
        if self.training == "alternating":
            return ("M", "T")
        return ("M",) if iteration < self.switch or self.training == "M only" else ("T",)

    def span(self, turn: str) -> tuple[int, int] | None:
        if self.training != "M then T":
            return None
        return (0, self.switch) if turn == "M" else (self.switch, self.iterations)

    def losses(self, turn: str, draw: Draw, iteration: int) -> dict[str, Tensor]:
        steps = draw.integers(len(self.train.timesteps))
        moment = self.train.read(draw.indices, steps)
        self.bridge.train()
        for name in self.optimizers:
            self._parameters(name, turn == name)
        latent = self.bridge(self.train.features(moment), mapping_only=turn == "M")
        seed = int(draw.seeds[0]) if self.noise == "random" else None
        return self.compare(turn, latent, self.draw(latent, moment.sample.condition.camera, seed), moment)

    def _parameters(self, turn: str, active: bool) -> None:
        for group in self.optimizers[turn].param_groups:
            for parameter in group["params"]:
                parameter.requires_grad_(active)

    def compare(self, turn: str, latent: Latent, render: Render, moment: Moment) -> dict[str, Tensor]:
        """The weighted terms of Eq. 6 (turn M) or Eq. 7 (turn T)."""
        images = dict(gt=moment.sample.target.image_gt, x0=moment.x0)
        wanted, image = self.pool(images[self.targets[turn]]), self.pool(render.image)
        found = {}
        for name, term in self.terms.items():
            if term.compares == "code":
                value = term(latent.ws, self.mean_w)
            elif term.compares == "identity":
                value = term(image, self.embeddings.read(name, moment.rows))
            else:
                value = term(image, term.prepare(wanted))
            found[name] = term.weight * value
        return found

    def pool(self, images: Tensor) -> Tensor:
        """Images at the size at which losses compare."""
        if self.loss_size is None or images.shape[-1] == self.loss_size:
            return images
        return F.adaptive_avg_pool2d(images, self.loss_size)

    def draw(self, latent: Latent, camera=None, seed: int | None = None) -> Render:
        """G(w) from the sample's camera; with a seed, noise and ray jitter are random."""
        if not self.recompute or not (torch.is_grad_enabled() and latent.ws.requires_grad):
            return self._render(latent.ws, camera, seed)
        parts = []
        for first in range(0, len(latent), self.recompute):
            rows = slice(first, first + self.recompute)
            parts.append(checkpoint(lambda ws, c, s: self._render(ws, c, s).image, latent.ws[rows],
                                    None if camera is None else camera[rows], None if seed is None else seed + first,
                                    use_reentrant=False))
        return Render(torch.cat(parts), camera=camera)

    def _render(self, ws: Tensor, camera, seed: int | None) -> Render:
        stream = None if seed is None else torch.Generator(self.device).manual_seed(seed)
        rays = {"chunk": self.chunk} if self.chunk and getattr(self.generator, "needs_camera", False) else {}
        return self.generator.render(ws, camera, noise="const" if seed is None else "random", generator=stream,
                                     deterministic=seed is None, **rays)

    @property
    def judged(self) -> torch.nn.Module:
        """The bridge that is scored and exported: the moving average where there is one."""
        return self.averages.get("bridge", self.bridge)

    def after_step(self, iteration: int) -> None:
        if self.averages:
            follow(self.averages["bridge"], self.bridge, iteration, self.ema)

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
        specs = self.specs | dict(networks=self.networks())  # a benchmark must know what may not judge it
        return [sample.export(folder / "bridge.safetensors", self.judged, specs)]

    def networks(self) -> dict[str, str]:
        return {name: term.network for name, term in self.terms.items() if term.network}

    def weights(self) -> dict[str, str]:
        names = {self.specs["generator"], *self.networks().values()}
        return self._encoder_weights() | {name: weights.sha256(weights.resolve(name)) for name in sorted(names)}

    def _encoder_weights(self) -> dict[str, str]:
        """name → sha256 of the encoder's folders."""
        spec = self.specs["encoder"]
        given = [spec.get(key) for key in ("weights", "controlnet")]
        names = [n for value in given for n in (value if isinstance(value, list) else [value]) if isinstance(n, str)]
        return {name: weights.sha256(folders.find(name)) for name in names}


def _choose(key: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise UsageError(f"{key}='{value}' is unknown; choose one of {', '.join(repr(k) for k in known)}.")
