"""From shards to the zips of the splits, and the lists beside them."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from gantoolkit.core import files
from gantoolkit.data.prepare.problem import Problem
from gantoolkit.data.prepare.sample import PrepareConfig, PreparedSample
from gantoolkit.data.prepare.sources import Source, SourceSample

NOTES = "shard.json"  # in a shard, beside its images
Progress = Callable[[str, int, int], None]  # what is done, how many are, of how many


@dataclass(frozen=True)
class Shard:
    """A task of a worker: some samples, and the file they go to."""

    samples: list[SourceSample]
    config: PrepareConfig
    path: Path


def assemble(
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
