"""Whether a page is fair: its rows are of one version of everything, and no judge trained a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gantoolkit.bench.score import judge_digests
from gantoolkit.bench.tables import MeasuredRow, scores_of
from gantoolkit.core.types import Record
from gantoolkit.registry import manifest

DIGITS = 12  # of a sha256, in sentences
NOT_RECORDED = "not recorded"


def find_problems(rows: Sequence[MeasuredRow]) -> list[str]:
    """Say what forbids a page of these rows, the end of a sentence each; [] where nothing does."""
    return [*_mixed_weights(rows), *_judges_that_trained(rows)]


def named_weights(record: Record) -> dict[str, str]:
    """Return name → sha256 of those weights of a record whose name means one file in all rows.

    These are the names of registry.yaml. A file that a run has exported ("bridge", "encoder") goes
    by the name of the run that the row's system names.
    """
    system = record.config.get("system") or {}
    registered = manifest.load().weights
    named = {}
    for key, digest in record.weights.items():
        run = system.get(key, system.get("run"))
        if key in registered:
            named[key] = digest
        elif isinstance(run, str):
            named[f"{key} of {run}"] = digest
    return named


def _mixed_weights(rows: Sequence[MeasuredRow]) -> Iterator[str]:
    """Yield a sentence for every name that stands for different files in different rows."""
    versions: dict[str, dict[str, list[str]]] = {}  # name → sha256 → rows
    for row, record in rows:
        for name, digest in named_weights(record).items():
            versions.setdefault(name, {}).setdefault(digest, []).append(row.name)
    for name, rows_of in versions.items():
        if len(rows_of) > 1:
            files = [f"{digest[:DIGITS]} in {', '.join(of)}" for digest, of in rows_of.items()]
            yield f"compares rows of different weights '{name}': {'; '.join(files)}"


def _judges_that_trained(rows: Sequence[MeasuredRow]) -> Iterator[str]:
    """Yield a sentence for every row that a network measured which its training read."""
    for row, record in rows:
        judges = judge_digests(scores_of(record))
        for role, network in (record.config.get("networks") or {}).items():
            name, digest = network["weights"], network["sha256"]
            for judge, judge_digest in judges.items():
                if judge == name or (digest and digest == judge_digest):
                    yield (
                        f"has the row '{row.name}' judged by '{judge}', which its training used "
                        f"as '{role}' ('{name}')"
                    )


def training_networks(record: Record) -> str:
    """List the networks that a row's losses and adversaries read, as a page prints them."""
    networks: Mapping[str, dict] | None = record.config.get("networks")
    if networks is None:
        return NOT_RECORDED
    return ", ".join(sorted({network["weights"] for network in networks.values()})) or "none"
