"""Write many samples to one zip: in shards by worker processes, resumable, never half-written.

Shards are small zips in `OUT.parts/`, each renamed into place when it is complete; the final
archive copies their entries in order and is renamed into place too. Entries carry a fixed date, so
equal settings give equal bytes. An archive of other settings is never replaced.
"""

from __future__ import annotations

import json
import pathlib
import shutil
import sys
import time
import zipfile
from dataclasses import asdict, dataclass

from gantoolkit.core import files
from gantoolkit.core.errors import UsageError
from gantoolkit.data.workers import parallel_map
from gantoolkit_annyfaces.encoding import sample_files, sample_line

SHARD = 128  # samples


@dataclass(frozen=True)
class Job:
    """Hold everything that decides the content of an archive; as options of the command."""

    count: int
    resolution: int
    seed: int
    start: int
    states: int
    views: int
    domain: str
    shading: str
    image_format: str
    depth: bool
    factors: bool
    rare: float = 1.0


@dataclass(frozen=True)
class Shard:
    """Hold the task of one worker: samples first..last of a job into the file `path`."""

    job: Job
    first: int
    last: int
    path: str

    @property
    def size(self):
        """Count the samples."""
        return self.last - self.first


def write_shard(shard):
    """Render the samples of a `Shard` into its file; return how many."""
    from gantoolkit_annyfaces.render import render_sample

    job = shard.job
    content = {}
    cameras = []
    lines = []
    for index in range(shard.first, shard.last):
        sample = render_sample(
            index,
            seed=job.seed,
            start=job.start,
            states=job.states,
            views=job.views,
            resolution=job.resolution,
            domain=job.domain,
            shading=job.shading,
            rare=job.rare,
        )
        entries = sample_files(sample, job.image_format, job.depth)
        content |= entries
        image_name = next(iter(entries))
        cameras.append([image_name, [float(value) for value in sample.camera]])
        lines.append(json.dumps(sample_line(sample, job.factors)))
    content["shard.json"] = json.dumps({"cameras": cameras, "lines": lines})
    files.write_zip(shard.path, content.items(), files.RESUMABLE)
    return shard.size


def shards_of(job, folder):
    """Divide a job into shards of whole states, so that a state's scene serves all its views."""
    size = max(1, SHARD // job.views) * job.views
    shards = []
    for first in range(0, job.count, size):
        last = min(first + size, job.count)
        shards.append(Shard(job, first, last, str(folder / f"{first:08d}.zip")))
    return shards


def is_finished(out, job, folder):
    """Tell whether `out` holds this job already.

    Raises UsageError where something else is there, which is never replaced.
    """
    if out.is_dir():
        example = out / "faces.zip"
        raise UsageError(f"--out {out} is a folder; name a file in it, such as {example}.")
    if not out.exists():
        return False
    if settings_of(out) != settings(job):
        raise UsageError(
            f"{out} exists already and is not of these settings; "
            "remove it, or choose another --out."
        )
    return not folder.exists()


def header(job):
    """List what dataset.json says of a job; ordinary shading and odds go without saying."""
    told = ["resolution", "domain", "seed", "start", "states", "views", "count"]
    if job.shading != "full":
        told.append("shading")
    if job.rare != 1:
        told.append("rare")
    return {name: getattr(job, name) for name in told}


def settings(job):
    """Tell what `settings_of` finds in the archive of a job."""
    return header(job), job.image_format, job.depth, job.factors


def settings_of(out):
    """Read (header, image format, has depth, has factors) of an archive; None for other files."""
    try:
        with zipfile.ZipFile(out) as archive:
            meta = json.loads(archive.read("dataset.json"))
            names = archive.namelist()
            first_line = archive.read("samples.jsonl").partition(b"\n")[0]
        line = json.loads(first_line)
        told = {key: value for key, value in meta.items() if key in Job.__annotations__}
        image_format = pathlib.Path(meta["labels"][0][0]).suffix.lstrip(".")
        has_depth = any(name.startswith("depth/") for name in names)
        return told, image_format, has_depth, "factors" in line
    except (
        zipfile.BadZipFile,
        OSError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        ValueError,
    ):
        return None


def prepare_folder(folder, job, resume):
    """Make or check the folder of parts. Raises UsageError for a folder of another job."""
    text = json.dumps(asdict(job), sort_keys=True)
    note = folder / "job.json"
    if folder.exists() and not resume:
        shutil.rmtree(folder)
    if note.exists() and note.read_text() != text:
        raise UsageError(
            f"{folder} holds parts of another render; "
            "remove it (--fresh does), or choose another --out."
        )
    files.write_text(note, text)


def content_of(job, shards):
    """Yield (entry name, content) of the final archive, from finished shards in order."""
    from gantoolkit_annyfaces.factors import IDENTITY_FACTORS, NAMES

    cameras = []
    lines = []
    for shard in shards:
        with zipfile.ZipFile(shard.path) as part:
            for name in part.namelist():
                if name != "shard.json":
                    yield name, part.read(name)
            notes = json.loads(part.read("shard.json"))
        cameras += notes["cameras"]
        lines += notes["lines"]
    yield "samples.jsonl", "\n".join(lines) + "\n"
    meta = {
        "name": "annyfaces",
        **header(job),
        "labels": cameras,
        "factor_names": list(NAMES),
        "identity_factors": IDENTITY_FACTORS,
    }
    yield "dataset.json", json.dumps(meta)


def render_shards(shards, workers, progress):
    """Render the shards that are not there yet, telling `progress` after each."""
    todo = [shard for shard in shards if not pathlib.Path(shard.path).exists()]
    count = sum(shard.size for shard in shards)
    ready = count - sum(shard.size for shard in todo)
    began = time.monotonic()
    rendered = 0
    for samples in parallel_map(write_shard, todo, workers):
        rendered += samples
        if progress:
            seconds = max(time.monotonic() - began, 1e-9)
            progress(ready + rendered, count, rendered / seconds)


def write_zip(
    out,
    count,
    resolution=64,
    *,
    seed=0,
    start=0,
    states=1,
    views=1,
    workers=1,
    domain="photo",
    shading="full",
    depth=False,
    factors=True,
    resume=True,
    image_format="webp",
    rare=1.0,
    progress=None,
):
    """Render `count` samples into the zip `out`; return its path.

    `progress(done, count, rate)` is called after every shard, rate in samples/s. Run it again after
    an interruption: finished shards are kept (unless resume=False), and so is a finished archive of
    these settings. Raises UsageError where `out` or its folder of parts holds anything else.
    """
    out = pathlib.Path(out)
    job = Job(
        count=int(count),
        resolution=int(resolution),
        seed=int(seed),
        start=int(start),
        states=int(states),
        views=int(views),
        domain=domain,
        shading=shading,
        image_format=image_format,
        depth=bool(depth),
        factors=bool(factors),
        rare=float(rare),
    )
    folder = out.with_name(out.name + ".parts")
    if is_finished(out, job, folder):
        print(f"{out} is complete already; remove it to render it again", file=sys.stderr)
        return out
    prepare_folder(folder, job, resume)
    shards = shards_of(job, folder)
    render_shards(shards, workers, progress)
    files.write_zip(out, content_of(job, shards), files.RESUMABLE)
    shutil.rmtree(folder)
    return out
