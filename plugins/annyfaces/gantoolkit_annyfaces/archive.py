"""Write many samples to one zip: in shards by worker processes, resumable, never half-written.

Shards are small zips in `OUT.parts/`, each renamed into place when it is complete; the final archive copies their
entries in order and is renamed into place too. Entries carry a fixed date, so equal settings give equal bytes. An
archive of other settings is never replaced.
"""
from __future__ import annotations

import io
import json
import pathlib
import shutil
import sys
import time
import zipfile
from dataclasses import asdict, dataclass

import numpy as np

from gantoolkit.core import files
from gantoolkit.data.workers import parallel_map
from gantoolkit.core.errors import UsageError

SHARD = 128               # samples
DEPTH_RANGE = 4.0         # 16-bit depth images store round(depth / DEPTH_RANGE · 65535)


@dataclass(frozen=True)
class Job:
    """Everything that decides the content of an archive."""
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


def png_bytes(array, palette=None):
    """PNG of a uint8 or uint16 array; with `palette` a mode-P image."""
    from PIL import Image
    image = Image.fromarray(array)
    if palette is not None:
        image = image.convert('L')
        image = Image.frombytes('P', image.size, image.tobytes())
        image.putpalette([v for colour in palette for v in colour])
    out = io.BytesIO()
    image.save(out, 'PNG')
    return out.getvalue()


def image_bytes(array, kind):
    """RGB uint8 array as PNG or WebP; lossless up to 64 px, where lossy WebP's half-resolution colour would show."""
    if kind == 'png':
        return png_bytes(array)
    from PIL import Image
    out = io.BytesIO()
    Image.fromarray(array).save(out, 'WEBP', quality=94, method=4, lossless=len(array) <= 64)
    return out.getvalue()


def sample_files(sample, job):
    """{entry name: bytes} of one sample, and its camera and JSON line."""
    from gantoolkit.core.labels import PALETTE
    name = f'{sample.index:08d}'
    found = {f'image/{name}.{job.image_format}': image_bytes(sample.image, job.image_format),
             f'mask/{name}.png': png_bytes(sample.labels, PALETTE), f'scribble/{name}.png': png_bytes(sample.scribble)}
    if job.depth:
        depth = (np.clip(sample.depth / DEPTH_RANGE, 0, 1) * 65535).round().astype(np.uint16)
        found[f'depth/{name}.png'] = png_bytes(depth)
    line = {'file': name, 'index': sample.index, 'identity': sample.identity, 'state': sample.state,
            'view': sample.view, 'captions': sample.captions, 'attributes': sample.attributes}
    if job.factors:
        line['factors'] = [round(float(v), 4) for v in sample.factors]
    return found, [f'image/{name}.{job.image_format}', [float(v) for v in sample.camera]], line


def write_shard(task):
    """Render samples first..last into one shard file; returns how many."""
    job, first, last, path = task
    from gantoolkit_annyfaces.render import render_sample
    content, cameras, lines = {}, [], []
    for index in range(first, last):
        sample = render_sample(index, seed=job.seed, start=job.start, states=job.states, views=job.views,
                               resolution=job.resolution, domain=job.domain, shading=job.shading, rare=job.rare)
        pictures, camera, line = sample_files(sample, job)
        content |= pictures
        cameras.append(camera)
        lines.append(json.dumps(line))
    content['shard.json'] = json.dumps({'cameras': cameras, 'lines': lines})
    files.write_zip(path, content.items(), files.RESUMABLE)
    return last - first


def shard_tasks(job, folder):
    """[(job, first, last, path)] with whole states, so that a state's scene serves all its views."""
    size = max(1, SHARD // job.views) * job.views
    return [(job, first, min(first + size, job.count), str(folder / f'{first:08d}.zip'))
            for first in range(0, job.count, size)]


def is_finished(out, job, folder):
    """Whether `out` holds this job already; UsageError where something else is there, which is never replaced."""
    if out.is_dir():
        raise UsageError(f"--out {out} is a folder; name a file in it, such as {out / 'faces.zip'}.")
    if not out.exists():
        return False
    if settings_of(out) != settings(job):
        raise UsageError(f'{out} exists already and is not of these settings; remove it, or choose another --out.')
    return not folder.exists()


def header(job):
    """What dataset.json says of a job; ordinary shading and odds go without saying."""
    found = {key: getattr(job, key) for key in ('resolution', 'domain', 'seed', 'start', 'states', 'views', 'count')}
    if job.shading != 'full':
        found['shading'] = job.shading
    if job.rare != 1:
        found['rare'] = job.rare
    return found


def settings(job):
    """What `settings_of` finds in the archive of a job."""
    return header(job), job.image_format, job.depth, job.factors


def settings_of(out):
    """(header, image format, depth, factors) of an archive; None where it is none of this renderer's."""
    try:
        with zipfile.ZipFile(out) as archive:
            meta, names = json.loads(archive.read('dataset.json')), archive.namelist()
            line = json.loads(archive.read('samples.jsonl').partition(b'\n')[0])
        found = {key: value for key, value in meta.items() if key in Job.__annotations__}
        kind = pathlib.Path(meta['labels'][0][0]).suffix.lstrip('.')
        return found, kind, any(name.startswith('depth/') for name in names), 'factors' in line
    except (zipfile.BadZipFile, OSError, KeyError, IndexError, TypeError, AttributeError, ValueError):
        return None


def prepare_folder(folder, job, resume):
    """Make or check the folder of parts; a folder of another job is refused."""
    settings = json.dumps(asdict(job), sort_keys=True)
    note = folder / 'job.json'
    if folder.exists() and not resume:
        shutil.rmtree(folder)
    if note.exists() and note.read_text() != settings:
        raise UsageError(f'{folder} holds parts of another render; remove it (--fresh does), or choose another --out.')
    files.write_text(note, settings)


def assemble(job, tasks, out):
    """Copy all shards into the final archive, in order."""
    from gantoolkit_annyfaces.factors import IDENTITY_FACTORS, NAMES

    def content():
        cameras, lines = [], []
        for task in tasks:
            with zipfile.ZipFile(task[3]) as shard:
                for name in shard.namelist():
                    if name != 'shard.json':
                        yield name, shard.read(name)
                notes = json.loads(shard.read('shard.json'))
            cameras += notes['cameras']
            lines += notes['lines']
        yield 'samples.jsonl', '\n'.join(lines) + '\n'
        yield 'dataset.json', json.dumps({
            'name': 'annyfaces', **header(job), 'labels': cameras,
            'factor_names': list(NAMES), 'identity_factors': IDENTITY_FACTORS})
    files.write_zip(out, content(), files.RESUMABLE)


def write_zip(out, count, resolution=64, *, seed=0, start=0, states=1, views=1, workers=1, domain='photo',
              shading='full', depth=False, factors=True, resume=True, image_format='webp', rare=1.0,
              progress=None):
    """Render `count` samples into the zip `out`; returns its path.

    `progress(done, count, rate)` is called after every shard, rate in samples/s. Run it again after an interruption:
    finished shards are kept (unless resume=False), and so is a finished archive of these settings.
    """
    out = pathlib.Path(out)
    job = Job(int(count), int(resolution), int(seed), int(start), int(states), int(views), domain,
              shading, image_format, bool(depth), bool(factors), float(rare))
    folder = out.with_name(out.name + '.parts')
    if is_finished(out, job, folder):
        print(f'{out} is complete already; remove it to render it again', file=sys.stderr)
        return out
    prepare_folder(folder, job, resume)
    tasks = shard_tasks(job, folder)
    todo = [task for task in tasks if not pathlib.Path(task[3]).exists()]
    ready = count - sum(last - first for _, first, last, _ in todo)
    began, fresh = time.monotonic(), 0
    for samples in parallel_map(write_shard, todo, workers):
        fresh += samples
        if progress:
            progress(ready + fresh, count, fresh / max(time.monotonic() - began, 1e-9))
    assemble(job, tasks, out)
    shutil.rmtree(folder)
    return out
