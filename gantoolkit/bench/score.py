"""From a row's images to its record: every metric of the suite in one pass."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median

from gantoolkit.bench import PROTOCOL, draw_row
from gantoolkit.bench.pairs import Pairs
from gantoolkit.bench.suite import Row, Suite
from gantoolkit.core.camera import Frame
from gantoolkit.core.types import Record, Scores
from gantoolkit.metrics import Evaluator
from gantoolkit.training.run_folder import environment


def evaluators(
    suite: Suite, made: Mapping, device: str, split: str, deep: bool
) -> dict[str, Evaluator]:
    """'all', 'text' and '3D': the suite's metrics by what they need; refuses networks that the system used.

    deep: whether the data has depth; the metric `depth` is left out where it has none.
    """
    groups = {"all": suite.metrics}
    if suite.without_text and "text" in made["needs"]:
        groups["text"] = suite.text_metrics
    if suite.views and made["is_3d"]:
        groups["3D"] = {
            k: v for k, v in suite.metrics_3d.items() if deep or v.get("type", k) != "depth"
        }
    conditions = dict(split=split, latent_source=made["latent_source"])
    return {
        name: Evaluator(
            metrics,
            suite.judge,
            device,
            made["networks"],
            conditions=conditions,
            bootstrap=suite.bootstrap,
        )
        for name, metrics in groups.items()
        if metrics
    }


def scores(
    suite: Suite, job: draw_row.Job, made: Mapping, opened: Pairs, folder: Path
) -> tuple[Scores, dict]:
    """The scores, and seconds per image and peak memory, of a row that has been made."""
    deep = opened.data.depths is not None
    judged, cost = evaluators(suite, made, job.device, job.split, deep), []
    for batch in draw_row.read(job, folder, Frame(**made["frame"])):
        sample = opened.sample(batch.numbers, job.condition)
        if "all" in judged:
            judged["all"].update(
                batch.image, sample.target, sample.condition, numbers=batch.numbers
            )
        if "text" in judged and batch.without_text is not None:
            few = _first(job.without_text, batch)
            judged["text"].update(
                batch.image[few],
                sample.target[few],
                sample.condition[few],
                batch.without_text[few],
                numbers=batch.numbers[few],
            )
        if "3D" in judged and batch.views:
            few = _first(job.views, batch)
            target = (
                replace(sample.target, depth=opened.depth(batch.numbers)) if deep else sample.target
            )
            judged["3D"].update(
                batch.image[few],
                target[few],
                sample.condition[few],
                None,
                None if batch.depth is None else batch.depth[few],
                tuple(view[few] for view in batch.views),
                batch.numbers[few],
            )
        cost += [(batch.seconds, batch.peak_mb)] if batch.seconds else []
    found: Scores = {}
    for evaluator in judged.values():
        found |= evaluator.compute()
    seconds, peaks = zip(*cost)
    return found, dict(seconds_per_image=median(seconds), peak_memory_mb=max(peaks))


def _first(count: int, batch: draw_row.Made) -> slice:
    """The rows of a batch that are among the first `count` pairs."""
    return slice(int((batch.numbers < count).sum()))


def record(
    suite: Suite,
    row: Row,
    job: draw_row.Job,
    made: Mapping,
    opened: Pairs,
    folder: Path,
    command: list[str],
    workers: int,
) -> Record:
    """Everything that a table says of a row."""
    found, timings = scores(suite, job, made, opened, folder)
    kept = {
        key: made[key]
        for key in ("needs", "model", "domain", "exact", "list", "data", "data_sha256", "threads")
    }
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
        measures=measures(suite),
        **kept,
    )
    return Record(
        f"{suite.name}/{row.name}",
        config,
        command,
        environment(),
        job.seed,
        {**made["weights"], **judges(found)},
        timings,
        {row.name: found},
        notes=list(made["notes"]),
    )


def measures(suite: Suite) -> str:
    """Changes with what a suite measures, and how."""
    how = [suite.metrics, suite.text_metrics, suite.metrics_3d, suite.judge, suite.bootstrap]
    return hashlib.sha256(json.dumps(how, sort_keys=True).encode()).hexdigest()[:12]


def judges(found: Scores) -> dict[str, str]:
    """name → sha256 of the networks that measured."""
    return {
        name: score.conditions["network_sha256"]
        for score in found.values()
        if (name := score.conditions.get("network"))
    }
