"""All samples of a source: shards by worker processes, then one zip per split.

The work is resumable, and the source stays untouched. A shard is a small zip in OUT/.parts, renamed
into place when it is whole. A broken sample is listed in problems.jsonl and left out. Equal sources
and configs give equal bytes, however many workers there are.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.data.prepare.assemble import NOTES, Progress, Shard, assemble
from gantoolkit.data.prepare.problem import Problem
from gantoolkit.data.prepare.sample import PrepareConfig, PreparedSample, make_sample
from gantoolkit.data.prepare.sources import Source, SourceSample
from gantoolkit.data.workers import parallel_map

SHARD = 64  # samples


def prepare(
    source: Source,
    splits: dict[str, list[SourceSample]],
    pairs: list[tuple[str, int]],
    config: PrepareConfig,
    out: Path,
    workers: int = 1,
    progress: Progress = lambda *_: None,
) -> dict:
    """Write the zips of the splits, and the lists beside them; returns the manifest.

    OUT holds <split>.zip, pairs.zip, pairs.json, problems.jsonl and manifest.json.

    splits   name → samples
    pairs    (sample name, caption index) that evaluation reads
    workers  processes
    """
    out = Path(out)
    _check_out(source.root, out)
    job = _job_digest(source, splits, pairs, config)
    if manifest := _read_finished(out, job):
        return manifest

    parts = _open_parts(out, job)
    shards: dict[str, list[Shard]] = {}  # split → its shards
    pending: list[Shard] = []
    for name, samples in splits.items():
        shards[name] = _split_into_shards(samples, config, parts / name)
        pending += [shard for shard in shards[name] if not shard.path.exists()]
    total = sum(map(len, splits.values()))
    ready = total - sum(len(shard.samples) for shard in pending)
    progress("samples", ready, total)
    for count in parallel_map(write_shard, pending, workers):
        ready += count
        progress("samples", ready, total)

    manifest = assemble(source, shards, pairs, config, out, job, progress)
    shutil.rmtree(parts)
    return manifest


def _check_out(root: Path, out: Path) -> None:
    """Refuse an output that lies in the source, which is never written to."""
    if out.resolve().is_relative_to(root.resolve()):
        raise UsageError(
            f"{out} lies inside the source {root}, which stays untouched; choose another --out."
        )
    if out.is_file():
        raise UsageError(f"{out} is a file; --out names a folder.")


def _job_digest(source: Source, splits, pairs, config: PrepareConfig) -> str:
    """Digest everything that decides the result (files by name and size)."""

    def describe(sample: SourceSample) -> list:
        inputs = [sample.image, sample.mask, sample.drawing, *(path for _, path in sample.parts)]
        sizes = [(p.name, p.stat().st_size) for p in inputs if p is not None and p.exists()]
        return [sample.name, sizes, sample.captions, sample.camera, sample.landmarks]

    recipe = asdict(config)
    del recipe["device"]
    content = dict(
        source=source.name,
        splits={name: list(map(describe, samples)) for name, samples in splits.items()},
        pairs=pairs,
        recipe=recipe,
    )
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _read_finished(out: Path, job: str) -> dict | None:
    """Read the manifest of an output that is already whole; else None."""
    try:
        manifest = json.loads((out / "manifest.json").read_text())
    except (OSError, ValueError):
        return None
    for name, entry in manifest["files"].items():
        path = out / name
        if not path.is_file() or path.stat().st_size != entry["bytes"]:
            return None
    return manifest if manifest["job"] == job else None


def _open_parts(out: Path, job: str) -> Path:
    """Return the folder of the shards; one of another job is refused."""
    parts = out / ".parts"
    note = parts / "job"
    is_other_job = note.is_file() and note.read_text() != job
    if is_other_job or (out / "manifest.json").is_file():
        raise UsageError(
            f"{out} holds another preparation (other files or settings); choose another --out, "
            "or delete it."
        )
    files.write_text(note, job)
    return parts


def _split_into_shards(
    samples: list[SourceSample], config: PrepareConfig, folder: Path
) -> list[Shard]:
    shards = []
    for first in range(0, len(samples), SHARD):
        path = folder / f"{first:06d}.zip"
        shards.append(Shard(samples[first : first + SHARD], config, path))
    return shards


def write_shard(shard: Shard) -> int:
    """Make the samples of one shard; broken ones become problems. Returns the number of samples."""
    whole = PreparedSample()
    for sample in shard.samples:
        try:
            whole.extend(make_sample(sample, shard.config))
        except UsageError:
            raise
        except DataError as error:
            problem = Problem(sample.name, str(error), str(sample.image), skipped=True)
            whole.problems.append(problem)
    notes = dict(
        cameras=whole.cameras,
        rows=whole.records,
        problems=[asdict(problem) for problem in whole.problems],
    )
    content = whole.files | {NOTES: json.dumps(notes).encode()}
    files.write_zip(shard.path, content.items(), files.RESUMABLE)
    return len(shard.samples)
