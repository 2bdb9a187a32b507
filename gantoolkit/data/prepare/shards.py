"""All samples of a source: shards by worker processes, then one zip per split.

The work is resumable, and the source stays untouched. A shard is a small zip in OUT/.parts, renamed
into place when it is whole. A broken sample is listed in problems.jsonl and left out. Equal sources
and configs give equal bytes, however many workers there are.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.data.prepare.problem import Problem
from gantoolkit.data.prepare.sample import PrepareConfig, PreparedSample, make_sample
from gantoolkit.data.prepare.sources import Source, SourceSample
from gantoolkit.data.workers import parallel_map

SHARD = 64  # samples
NOTES = "shard.json"  # in a shard, beside its images
Progress = Callable[[str, int, int], None]  # what is done, how many are, of how many


@dataclass(frozen=True)
class Shard:
    """A task of a worker: some samples, and the file they go to."""

    samples: list[SourceSample]
    config: PrepareConfig
    path: Path


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

    manifest = _assemble(source, shards, pairs, config, out, job, progress)
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


# -- from shards to zips -------------------------------------------------------------------------


def _assemble(
    source: Source,
    shards: dict[str, list[Shard]],
    pairs: list[tuple[str, int]],
    config: PrepareConfig,
    out: Path,
    job: str,
    progress: Progress,
) -> dict:
    """Copy shards into the zips of the splits, write the lists; returns the manifest."""
    problems = list(source.problems)
    counts: dict[str, int] = {}  # file → samples
    cameras: Counter[str] = Counter()  # where they are from → samples
    for name, in_split in shards.items():
        progress(f"writing {name}.zip", 0, len(in_split))
        notes = _read_notes(in_split)
        problems += notes.problems
        cameras.update(record["camera_from"] for record in notes.records)
        counts[f"{name}.zip"] = len(notes.records)
        if notes.records:
            images = _read_images(in_split)
            _write_split(out / f"{name}.zip", f"{source.name} {name}", config, notes, images)

    counts["pairs.zip"] = _write_pairs(source, shards.get("test", []), pairs, config, out)
    pairs_json = {"source": source.name, "pairs": pairs, "found": counts["pairs.zip"]}
    files.write_json(out / "pairs.json", pairs_json)
    lines = sorted(map(asdict, problems), key=lambda line: (line["name"], line["problem"]))
    files.write_json_lines(out / "problems.jsonl", lines)
    manifest = dict(
        source=source.name,
        root=str(source.root),
        recipe=asdict(config),
        job=job,
        files=_describe_files(out, counts),
        cameras=dict(cameras),
        problems=len(problems),
        skipped=sum(problem.skipped for problem in problems),
    )
    files.write_json(out / "manifest.json", manifest)
    return manifest


def _describe_files(out: Path, counts: dict[str, int]) -> dict[str, dict]:
    """Return file → samples, bytes and sha256 of what was written."""
    from gantoolkit.weights import sha256

    described = {}
    for name, count in counts.items():
        if count:
            path = out / name
            described[name] = dict(samples=count, bytes=path.stat().st_size, sha256=sha256(path))
    return described


def _read_notes(shards: list[Shard]) -> PreparedSample:
    """Read what shards hold beside their images."""
    whole = PreparedSample()
    for shard in shards:
        with zipfile.ZipFile(shard.path) as archive:
            notes = json.loads(archive.read(NOTES))
        whole.cameras += notes["cameras"]
        whole.records += notes["rows"]
        whole.problems += [Problem(**problem) for problem in notes["problems"]]
    return whole


def _read_images(shards: list[Shard], stems: set[str] | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of the images in shards, all or those of some samples."""
    for shard in shards:
        with zipfile.ZipFile(shard.path) as archive:
            for name in archive.namelist():
                if name != NOTES and (stems is None or Path(name).stem in stems):
                    yield name, archive.read(name)


def _write_split(
    path: Path,
    name: str,
    config: PrepareConfig,
    notes: PreparedSample,
    images: Iterable[tuple[str, bytes]],
) -> None:
    """Write the zip of one split."""
    meta = dict(
        name=name,
        resolution=config.resolution,
        domain="photo",
        labels=notes.cameras,
        crop=config.crop,
        scribble=config.scribble,
        factor_names=[],
        identity_factors=0,
    )
    lines = []
    for i, record in enumerate(notes.records):
        line = {"file": record["file"], "index": i, "identity": i, **record}
        lines.append(json.dumps(line) + "\n")

    def content() -> Iterator[tuple[str, str | bytes]]:
        yield from images
        yield "samples.jsonl", "".join(lines)
        yield "dataset.json", json.dumps(meta)

    files.write_zip(path, content(), files.RESUMABLE)


def _write_pairs(
    source: Source,
    shards: list[Shard],
    pairs: list[tuple[str, int]],
    config: PrepareConfig,
    out: Path,
) -> int:
    """Write pairs.zip: the evaluation pairs, each with its one caption; returns their number."""
    notes = _read_notes(shards)
    record_of = {Path(record["file"]).stem: record for record in notes.records}
    camera_of = {Path(file).stem: (file, label) for file, label in notes.cameras}
    chosen = PreparedSample()
    for name, caption in pairs:
        if name in record_of:
            record = record_of[name]
            captions = _choose_caption(record["captions"], caption)
            chosen.records.append({**record, "captions": captions})
            chosen.cameras.append(camera_of[name])
    if chosen.records:
        images = _read_images(shards, {name for name, _ in pairs if name in record_of})
        _write_split(out / "pairs.zip", f"{source.name} pairs", config, chosen, images)
    return len(chosen.records)


def _choose_caption(captions: list[str], index: int) -> list[str]:
    """Return the pair's caption, modulo what there is; none where there are none."""
    return [captions[index % len(captions)]] if captions else []
