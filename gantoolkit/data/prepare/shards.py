"""All samples of a source: shards by worker processes, then one zip per split; resumable, the source untouched.

A shard is a small zip in OUT/.parts, renamed into place when it is whole. A broken sample is listed in
problems.jsonl and left out. Equal sources and recipes give equal bytes, however many workers there are.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.data.prepare.problem import Problem
from gantoolkit.data.prepare.sample import PrepareConfig, PreparedSample, make
from gantoolkit.data.prepare.sources import Source, SourceSample
from gantoolkit.data.workers import parallel_map

SHARD = 64  # samples


def prepare(
    source: Source,
    splits: dict[str, list[SourceSample]],
    pairs: list[tuple[str, int]],
    recipe: PrepareConfig,
    out: Path,
    workers: int = 1,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> dict:
    """Write OUT/<split>.zip, OUT/pairs.zip and pairs.json, problems.jsonl and manifest.json; the manifest."""
    out = Path(out)
    _apart(source.root, out)
    job = _job(source, splits, pairs, recipe)
    done = _finished(out, job)
    if done:
        return done
    parts = _open_parts(out, job)
    tasks = {name: _tasks(entries, recipe, parts / name) for name, entries in splits.items()}
    todo = [task for group in tasks.values() for task in group if not Path(task[2]).exists()]
    total = sum(map(len, splits.values()))
    ready = total - sum(len(task[0]) for task in todo)
    progress("samples", ready, total)
    for made in parallel_map(write_shard, todo, workers):
        ready += made
        progress("samples", ready, total)
    manifest = _assemble(source, tasks, pairs, recipe, out, job, progress)
    shutil.rmtree(parts)
    return manifest


def _apart(root: Path, out: Path) -> None:
    """The output may not lie in the source, which is never written to."""
    if out.resolve().is_relative_to(root.resolve()):
        raise UsageError(
            f"{out} lies inside the source {root}, which stays untouched; choose another --out."
        )
    if out.is_file():
        raise UsageError(f"{out} is a file; --out names a folder.")


def _job(source: Source, splits, pairs, recipe: PrepareConfig) -> str:
    """Digest of everything that decides the result (files by name and size)."""

    def of(entry: SourceSample) -> list:
        inputs = [entry.image, entry.mask, entry.drawing, *(path for _, path in entry.parts)]
        sizes = [(p.name, p.stat().st_size) for p in inputs if p is not None and p.exists()]
        return [entry.name, sizes, entry.captions, entry.camera, entry.five]

    content = dict(
        source=source.name,
        splits={k: [of(e) for e in v] for k, v in splits.items()},
        pairs=pairs,
        recipe={k: v for k, v in asdict(recipe).items() if k != "device"},
    )
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _finished(out: Path, job: str) -> dict | None:
    """The manifest of an output that is already whole."""
    try:
        manifest = json.loads((out / "manifest.json").read_text())
    except (OSError, ValueError):
        return None
    whole = all(
        (out / name).is_file() and (out / name).stat().st_size == entry["bytes"]
        for name, entry in manifest["files"].items()
    )
    return manifest if manifest["job"] == job and whole else None


def _open_parts(out: Path, job: str) -> Path:
    parts = out / ".parts"
    note = parts / "job"
    if note.is_file() and note.read_text() != job or (out / "manifest.json").is_file():
        raise UsageError(
            f"{out} holds another preparation (other files or settings); choose another --out, "
            f"or delete it."
        )
    files.write_text(note, job)
    return parts


def _tasks(entries: list[SourceSample], recipe: PrepareConfig, folder: Path) -> list[tuple]:
    return [
        (entries[first : first + SHARD], recipe, str(folder / f"{first:06d}.zip"))
        for first in range(0, len(entries), SHARD)
    ]


def write_shard(task: tuple) -> int:
    """Make the samples of one shard; broken ones become problems."""
    entries, recipe, path = task
    whole = PreparedSample()
    for entry in entries:
        try:
            made = make(entry, recipe)
        except UsageError:
            raise
        except DataError as error:
            whole.problems.append(Problem(entry.name, str(error), str(entry.image), skipped=True))
            continue
        whole.files |= made.files
        whole.cameras += made.cameras
        whole.rows += made.rows
        whole.problems += made.problems
    notes = dict(
        cameras=whole.cameras, rows=whole.rows, problems=[asdict(p) for p in whole.problems]
    )
    content = whole.files | {"shard.json": json.dumps(notes).encode()}
    files.write_zip(path, content.items(), files.RESUMABLE)
    return len(entries)


def _assemble(
    source: Source, tasks, pairs, recipe: PrepareConfig, out: Path, job: str, progress
) -> dict:
    """Copy shards into the zips of the splits, write the lists beside them."""
    problems, counts, cameras = list(source.problems), {}, Counter()
    for name, group in tasks.items():
        progress(f"writing {name}.zip", 0, len(group))
        notes = [_notes(task[2]) for task in group]
        problems += [Problem(**p) for n in notes for p in n["problems"]]
        rows, labels = (
            [r for n in notes for r in n["rows"]],
            [c for n in notes for c in n["cameras"]],
        )
        cameras.update(row["camera_from"] for row in rows)
        counts[f"{name}.zip"] = len(rows)
        if rows:
            _write_split(
                out / f"{name}.zip", f"{source.name} {name}", recipe, rows, labels, _pictures(group)
            )
    chosen = _pairs_zip(source, tasks, pairs, recipe, out)
    counts["pairs.zip"] = chosen
    files.write_json(out / "pairs.json", {"source": source.name, "pairs": pairs, "found": chosen})
    lines = sorted(map(asdict, problems), key=lambda p: (p["name"], p["problem"]))
    files.write_json_lines(out / "problems.jsonl", lines)
    from gantoolkit.weights import sha256

    written = {
        name: dict(samples=count, bytes=(out / name).stat().st_size, sha256=sha256(out / name))
        for name, count in counts.items()
        if count
    }
    manifest = dict(
        source=source.name,
        root=str(source.root),
        recipe=asdict(recipe),
        job=job,
        files=written,
        cameras=dict(cameras),
        problems=len(problems),
        skipped=sum(p.skipped for p in problems),
    )
    files.write_json(out / "manifest.json", manifest)
    return manifest


def _notes(shard: str) -> dict:
    with zipfile.ZipFile(shard) as archive:
        return json.loads(archive.read("shard.json"))


def _pictures(group, wanted: set[str] | None = None):
    """(name, bytes) of the pictures in shards, all or those of some samples."""
    for task in group:
        with zipfile.ZipFile(task[2]) as archive:
            for name in archive.namelist():
                if name != "shard.json" and (wanted is None or Path(name).stem in wanted):
                    yield name, archive.read(name)


def _write_split(
    path: Path, name: str, recipe: PrepareConfig, rows: list[dict], labels: list, pictures
) -> None:
    meta = dict(
        name=name,
        resolution=recipe.resolution,
        domain="photo",
        labels=labels,
        crop=recipe.crop,
        scribble=recipe.scribble,
        factor_names=[],
        identity_factors=0,
    )
    lines = [
        json.dumps({"file": row["file"], "index": i, "identity": i, **row})
        for i, row in enumerate(rows)
    ]

    def content():
        yield from pictures
        yield "samples.jsonl", "\n".join(lines) + "\n"
        yield "dataset.json", json.dumps(meta)

    files.write_zip(path, content(), files.RESUMABLE)


def _pairs_zip(source: Source, tasks, pairs, recipe: PrepareConfig, out: Path) -> int:
    """pairs.zip: the evaluation pairs in their order, each with its one caption; the number found."""
    group = tasks.get("test", [])
    notes = [_notes(task[2]) for task in group]
    rows = {Path(row["file"]).stem: row for n in notes for row in n["rows"]}
    labels = {Path(file).stem: (file, label) for n in notes for file, label in n["cameras"]}
    found = [(name, caption) for name, caption in pairs if name in rows]
    if found:
        chosen = [
            {**rows[name], "captions": _one(rows[name]["captions"], caption)}
            for name, caption in found
        ]
        names = {name for name, _ in found}
        _write_split(
            out / "pairs.zip",
            f"{source.name} pairs",
            recipe,
            chosen,
            [labels[n] for n, _ in found],
            _pictures(group, names),
        )
    return len(found)


def _one(captions: list[str], number: int) -> list[str]:
    """The pair's caption, modulo what there is; none where there are none."""
    return [captions[number % len(captions)]] if captions else []
