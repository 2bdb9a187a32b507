"""Make one row's images in a process of its own: `python -m gantoolkit.bench.draw_row JOB.json`.

Batches lie as batch-00000.npz in the row's work folder. Each is written whole, so that an
interrupted row continues where it stopped. made.json follows with what the system is and reads.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gantoolkit.bench import pairs, systems
from gantoolkit.core import files
from gantoolkit.core.camera import YAWS, Frame
from gantoolkit.core.errors import GantoolkitError
from gantoolkit.core.images import to_float, to_uint8
from gantoolkit.core.types import Condition, Render, Sample
from gantoolkit.training.tensor_cache import root

STATUS = Path("/proc/self/status")  # of Linux
SIDES = tuple(yaw for yaw in YAWS if yaw)  # yaws of the further views
MADE = "made.json"
TIMED = 16  # batches that are timed and made from noise; later ones may share denoising runs
WIDE = 32  # pairs in a batch that is not timed, at least: CPUs prefer large ones


@dataclass(frozen=True)
class Job:
    """Everything that decides a row's images; JSON-able.

    The fields are part of the name of the row's work folder.
    """

    system: dict
    split: str
    count: int
    condition: str
    seed: int = 0
    batch: int = 8
    without_text: int = 0
    views: int = 0
    data: str | None = None
    device: str = "cpu"
    seeds: int = 1
    prompt: str | None = None

    def open_pairs(self, say: Callable[[str], None]) -> pairs.Pairs:
        """Open the pairs that the images are made of."""
        return pairs.open_pairs(
            self.split, self.count, self.seed, self.data, say, self.seeds, self.prompt
        )

    def batches(self) -> list[Tensor]:
        """Return the pair indices of every batch."""
        timed, later = torch.arange(self.count).tensor_split([TIMED * self.batch])
        batches = list(timed.split(self.batch))
        if len(later):
            batches += later.split(max(WIDE, self.batch))
        return batches


def run(job: Job, folder: Path) -> dict:
    """Make the batches that `folder` lacks; writes and returns the contents of made.json."""
    frozen_pairs = job.open_pairs(say)
    exact = frozen_pairs.verify()
    system = systems.build(job.system).to(job.device)

    batches = job.batches()
    missing = [n for n in range(len(batches)) if not batch_path(folder, n).is_file()]
    if missing:
        _warm_up(job, system, frozen_pairs.sample(batches[missing[0]], job.condition))
    for batch in missing:
        indices = batches[batch]
        sample = frozen_pairs.sample(indices, job.condition)
        arrays = _make_batch(job, system, sample, int(indices[0]), timed=batch < TIMED)
        content = io.BytesIO()
        np.savez(content, **arrays)
        files.write_bytes(batch_path(folder, batch), content.getvalue())
        say(f"\r{batch + 1}/{len(batches)} batches", end="")

    made = dict(
        threads=torch.get_num_threads(),
        needs=list(system.needs),
        is_3d=system.is_3d,
        frame=asdict(system.frame),
        model=system.model,
        domain=system.domain,
        latent_source=system.latent_source,
        networks=system.networks(),
        weights=system.weights(),
        notes=system.notes(),
        exact=exact,
        list=frozen_pairs.digest,
        data=frozen_pairs.data.path.name,
        data_sha256=frozen_pairs.data.sha256,
    )
    files.write_json(folder / MADE, made)
    return made


def read_made(file: Path) -> dict:
    """Read a made.json, also one that calls `is_3d` by its earlier name `solid`."""
    made = json.loads(file.read_text(encoding="utf-8"))
    if "solid" in made:
        made["is_3d"] = made.pop("solid")
    return made


def batch_path(folder: Path, batch: int) -> Path:
    """Return the file of a batch."""
    return folder / f"batch-{batch:05d}.npz"


def _inputs(job: Job, system: systems.System, sample: Sample) -> tuple[Condition, Tensor | None]:
    """Return what the system may see of a batch: its condition, and I^gt if it needs the photo."""
    photo = sample.target.image_gt.to(job.device) if "image" in system.needs else None
    condition = systems.restrict_condition(sample.condition, system.needs)
    return condition.to(job.device), photo


def _warm_up(job: Job, system: systems.System, sample: Sample) -> None:
    """Make a batch that is thrown away, so that the first one is timed like the others."""
    condition, photo = _inputs(job, system, sample)
    result = system.render(system.solve(condition, photo), condition.camera)
    to_uint8(result.image).cpu()


def _make_batch(
    job: Job, system: systems.System, sample: Sample, first: int, timed: bool
) -> dict[str, np.ndarray]:
    """Make one batch, whose first pair is number `first`.

    Returns the image [B,3,R,R] uint8, its codes and depth; if `timed`, seconds per image and peak
    memory; of the first pairs also views from the sides, and images made without the prompt.
    """
    condition, photo = _inputs(job, system, sample)
    solve_shared = partial(system.solve_shared, folder=root() / "bench")
    solve = system.solve if timed else solve_shared

    started = time.perf_counter()
    solution = solve(condition, photo)
    result = system.render(solution, condition.camera)
    arrays = dict(image=to_uint8(result.image).cpu().numpy())
    seconds = (time.perf_counter() - started) / len(condition)

    if timed:
        arrays["seconds"] = np.float64(seconds)
        arrays["peak_mb"] = np.int64(peak_mb(job.device))
    codes = system.codes(solution)
    if codes is not None:
        arrays["codes"] = codes.float().cpu().numpy()
    if result.depth is not None and job.views:
        arrays["depth"] = result.depth.half().cpu().numpy()
    if system.is_3d and first < job.views:
        arrays |= _render_sides(system, solution, condition)
    if first < job.without_text and "text" in system.needs:
        no_text = replace(condition, text=("",) * len(condition))
        image = system.render(solve_shared(no_text, photo), condition.camera).image
        arrays["without_text"] = to_uint8(image).cpu().numpy()
    return arrays


def _render_sides(system: systems.System, solution, condition: Condition) -> dict[str, np.ndarray]:
    """Render images [B,V,3,R,R] and depths [B,V,1,r,r] from the sides."""
    device = condition.camera.cam2world.device
    images, depths = [], []
    for yaw in SIDES:
        camera = system.frame.side(yaw, len(condition)).to(device)
        view = system.render(solution, camera)
        images.append(to_uint8(view.image).cpu().numpy())
        depths.append(view.depth.half().cpu().numpy())
    return dict(views=np.stack(images, 1), views_depth=np.stack(depths, 1))


@dataclass(frozen=True)
class MadeBatch:
    """One batch as it was made; seconds and memory only where they were measured."""

    indices: Tensor  # [B] of the pairs
    image: Tensor  # [B,3,R,R] in −1..1
    seconds: float | None = None  # per image
    peak_mb: int | None = None  # of the process until then
    without_text: Tensor | None = None  # [B,3,R,R], made from an empty prompt
    depth: Tensor | None = None  # [B,1,r,r]
    views: tuple[Render, ...] = ()  # from SIDES
    codes: Tensor | None = None  # [B,L,w_dim], where a generator rendered it


def read(job: Job, folder: Path, frame: Frame) -> Iterator[MadeBatch]:
    """Read the batches of a finished row; `frame` says where the cameras of its views stand."""
    for batch, indices in enumerate(job.batches()):
        with np.load(batch_path(folder, batch), allow_pickle=False) as arrays:
            yield MadeBatch(
                indices,
                _image(arrays, "image"),
                _number(arrays, "seconds"),
                _number(arrays, "peak_mb"),
                _image(arrays, "without_text"),
                _depth(arrays, "depth"),
                _views(arrays, frame),
                torch.from_numpy(arrays["codes"]) if "codes" in arrays else None,
            )


def _number(arrays, key: str) -> float | int | None:
    return arrays[key].item() if key in arrays else None


def _image(arrays, key: str) -> Tensor | None:
    return to_float(torch.from_numpy(arrays[key])) if key in arrays else None


def _depth(arrays, key: str) -> Tensor | None:
    return torch.from_numpy(arrays[key]).float() if key in arrays else None


def _views(arrays, frame: Frame) -> tuple[Render, ...]:
    """Return the views of a batch from SIDES, with their depths and cameras."""
    images = _image(arrays, "views")
    if images is None:
        return ()
    depths = _depth(arrays, "views_depth")
    views = []
    for side, yaw in enumerate(SIDES):
        camera = frame.side(yaw, len(images))
        views.append(Render(images[:, side], depth=depths[:, side], camera=camera))
    return tuple(views)


def peak_mb(device: str) -> int:
    """Return this process's largest resident size, or largest allocation on the GPU, in MB."""
    if str(device).startswith("cuda"):
        return round(torch.cuda.max_memory_allocated() / 1e6)
    if STATUS.exists():  # getrusage would count what the parent held when it started this process
        return round(resident("VmHWM") / 1e3)
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(size / (1e6 if sys.platform == "darwin" else 1e3))


def resident(field: str) -> int:
    """Read a size in kiB from Linux's /proc/self/status: 'VmRSS' is now, 'VmHWM' the peak."""
    lines = STATUS.read_text().splitlines()
    line = next(line for line in lines if line.startswith(field))
    return int(line.split()[1])


def say(text: str, end: str = "\n") -> None:
    """Print to stderr at once."""
    print(text, end=end, file=sys.stderr, flush=True)


def main(file: Path, debug: bool = False) -> int:
    """Run the job of a file; an error is one sentence on stderr, with `debug` a traceback."""
    try:
        run(Job(**json.loads(file.read_text())), file.parent)
    except GantoolkitError as error:
        if debug:
            raise
        say(str(error))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), "--debug" in sys.argv[2:]))
