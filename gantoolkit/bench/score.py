"""Measure a row's images with every metric of the suite in one pass, and make its record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median

from gantoolkit.bench import PROTOCOL, draw_row
from gantoolkit.bench.pairs import Pairs
from gantoolkit.bench.suite import Suite, SuiteRow
from gantoolkit.core.camera import Frame
from gantoolkit.core.types import Record, Sample, Scores
from gantoolkit.data.pair_rule import CAPTIONS, SEEDS
from gantoolkit.metrics import Evaluator
from gantoolkit.metrics.evaluator import network_digest
from gantoolkit.training import environment

MADE_KEYS = ("needs", "model", "domain", "exact", "list", "data", "data_sha256", "threads")


def build_evaluators(
    suite: Suite, made: Mapping, device: str, split: str, has_depth: bool
) -> dict[str, Evaluator]:
    """Build an evaluator for the metrics of every kind: 'all', 'text' and '3D'.

    Networks that the system used are refused.

    made       contents of made.json
    has_depth  whether the data has depth; without it the metric `depth` is left out
    """
    metrics = {"all": suite.metrics}
    if suite.without_text and "text" in made["needs"]:
        metrics["text"] = suite.text_metrics
    if suite.views and made["is_3d"]:
        metrics["3D"] = dict(suite.metrics_3d)
        if not has_depth:
            for name, arguments in suite.metrics_3d.items():
                if arguments.get("type", name) == "depth":
                    del metrics["3D"][name]

    conditions = dict(
        split=split,
        latent_source=made["latent_source"],
        captions=f"'{suite.prompt}' for all" if suite.prompt else CAPTIONS["rotating"],
        seeds=SEEDS,
    )
    evaluators = {}
    for kind, metrics_of_kind in metrics.items():
        if metrics_of_kind:
            evaluators[kind] = Evaluator(
                metrics_of_kind,
                suite.judge,
                device,
                made["networks"],
                conditions=conditions,
                bootstrap=suite.bootstrap,
            )
    return evaluators


def score_images(
    suite: Suite, job: draw_row.Job, made: Mapping, pairs: Pairs, folder: Path
) -> tuple[Scores, dict]:
    """Score a finished row; returns its scores, and its seconds per image and peak memory."""
    has_depth = pairs.data.depths is not None
    evaluators = build_evaluators(suite, made, job.device, job.split, has_depth)
    seconds, peaks = [], []
    for batch in draw_row.read(job, folder, Frame(**made["frame"])):
        sample = pairs.sample(batch.indices, job.condition)
        _update(evaluators, job, batch, sample, pairs)
        if batch.seconds:
            seconds.append(batch.seconds)
            peaks.append(batch.peak_mb)

    scores: Scores = {}
    for evaluator in evaluators.values():
        scores |= evaluator.compute()
    return scores, dict(seconds_per_image=median(seconds), peak_memory_mb=max(peaks))


def _update(
    evaluators: dict[str, Evaluator],
    job: draw_row.Job,
    batch: draw_row.MadeBatch,
    sample: Sample,
    pairs: Pairs,
) -> None:
    """Add one batch to every evaluator that has what it needs of it."""
    target, condition = sample.target, sample.condition
    sample_ids = pairs.conditions(batch.indices)
    if "all" in evaluators:
        evaluators["all"].update(
            batch.image, target, condition, sample_ids=sample_ids, codes=batch.codes
        )

    if "text" in evaluators and batch.without_text is not None:
        first = _first_pairs(job.without_text, batch)
        evaluators["text"].update(
            batch.image[first],
            target[first],
            condition[first],
            batch.without_text[first],
            sample_ids=sample_ids[first],
        )

    if "3D" in evaluators and batch.views:
        if pairs.data.depths is not None:
            target = replace(target, depth=pairs.depth(batch.indices))
        first = _first_pairs(job.views, batch)
        evaluators["3D"].update(
            batch.image[first],
            target[first],
            condition[first],
            depth=None if batch.depth is None else batch.depth[first],
            views=tuple(view[first] for view in batch.views),
            sample_ids=sample_ids[first],
        )


def _first_pairs(count: int, batch: draw_row.MadeBatch) -> slice:
    """Select the samples of a batch that are among the first `count` pairs."""
    return slice(int((batch.indices < count).sum()))


def make_record(
    suite: Suite,
    row: SuiteRow,
    job: draw_row.Job,
    made: Mapping,
    pairs: Pairs,
    folder: Path,
    command: list[str],
    workers: int,
) -> Record:
    """Score a row and record everything that a table says of it."""
    scores, timings = score_images(suite, job, made, pairs, folder)
    config = dict(
        protocol=PROTOCOL,
        suite=suite.name,
        row=row.name,
        label=row.label,
        system=row.system,
        note=row.note,
        split=job.split,
        pairs=job.count,
        timed=min(draw_row.TIMED * job.batch, job.count),
        batch=job.batch,
        workers=workers,
        seeds=job.seeds,
        measures=measurement_digest(suite),
        networks=_with_digests(made["networks"]),
        **{key: made[key] for key in MADE_KEYS},
    )
    return Record(
        f"{suite.name}/{row.name}",
        config,
        command,
        environment.describe(),
        job.seed,
        {**made["weights"], **judge_digests(scores)},
        timings,
        {row.name: scores},
        notes=list(made["notes"]),
    )


def _with_digests(networks: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return role → name and sha256 of the networks that trained a row ("" where none is here)."""
    described = {}
    for role, name in networks.items():
        described[role] = dict(weights=name, sha256=network_digest(name) or "")
    return described


def measurement_digest(suite: Suite) -> str:
    """Hash what a suite measures, and how."""
    how = [suite.metrics, suite.text_metrics, suite.metrics_3d, suite.judge, suite.bootstrap]
    return hashlib.sha256(json.dumps(how, sort_keys=True).encode()).hexdigest()[:12]


def judge_digests(scores: Scores) -> dict[str, str]:
    """Return name → sha256 of the networks that measured."""
    digests = {}
    for score in scores.values():
        network = score.conditions.get("network")
        if network:
            digests[network] = score.conditions["network_sha256"]
    return digests
