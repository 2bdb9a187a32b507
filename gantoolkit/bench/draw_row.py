"""One row's images, made in a process of its own: `python -m gantoolkit.bench.draw_row JOB.json`.

Batches lie as batch-00000.npz in the row's work folder, each written whole, so that an interrupted row goes on where
it stopped; made.json follows with seconds, memory and what the system is.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from gantoolkit.bench import pairs, systems
from gantoolkit.core import files
from gantoolkit.core.camera import YAWS, Frame
from gantoolkit.core.errors import GantoolkitError
from gantoolkit.core.images import to_float, to_uint8
from gantoolkit.core.types import Condition, Render
from gantoolkit.training.tensor_cache import root

STATUS = Path("/proc/self/status")  # of Linux
SIDES = tuple(yaw for yaw in YAWS if yaw)  # of the further views
MADE = "made.json"
TIMED = 16  # batches that are timed and made from noise; later ones may read denoising runs that rows share,
WIDE = 32  # and are at least as large as this, which a CPU prefers


@dataclass(frozen=True)
class Job:
    """Everything that decides a row's images; JSON-able."""

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

    def numbers(self) -> list[torch.Tensor]:
        """Pair numbers of every batch."""
        timed, later = torch.arange(self.count).tensor_split([TIMED * self.batch])
        return [
            *timed.split(self.batch),
            *(later.split(max(WIDE, self.batch)) if len(later) else ()),
        ]


def run(job: Job, folder: Path) -> dict:
    """Make what is missing of a row; returns and writes what made.json says."""
    opened = pairs.open_pairs(job.split, job.count, job.seed, job.data, say=say)
    exact = opened.verify()
    system = systems.build(job.system).to(job.device)
    todo = [number for number in range(len(job.numbers())) if not path_of(folder, number).is_file()]
    if todo:
        _make(
            job, system, opened, opened.sample(job.numbers()[todo[0]], job.condition), None
        )  # warm-up
    for number in todo:
        rows = job.numbers()[number]
        _make(
            job,
            system,
            opened,
            opened.sample(rows, job.condition),
            path_of(folder, number),
            rows,
            number < TIMED,
        )
        say(f"\r{number + 1}/{len(job.numbers())} batches", end="")
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
        list=opened.digest,
        data=opened.data.path.name,
        data_sha256=opened.data.sha256,
    )
    files.write_json(folder / MADE, made)
    return made


def path_of(folder: Path, number: int) -> Path:
    """Where a batch lies."""
    return folder / f"batch-{number:05d}.npz"


def _make(
    job: Job, system, opened, sample, path: Path | None, rows=None, timed: bool = True
) -> None:
    """One batch: the result, what it cost if `timed`, then what is measured beside it; `path` None only warms up."""
    image = sample.target.image_gt.to(job.device) if "image" in system.needs else None
    condition = systems.told(sample.condition, system.needs).to(job.device)
    share = partial(system.solve_shared, folder=root() / "bench")
    began = time.perf_counter()
    solution = (system.solve if timed else share)(condition, image)
    result = system.render(solution, condition.camera)
    found = dict(image=to_uint8(result.image).cpu().numpy())
    seconds = (time.perf_counter() - began) / len(condition)
    if path is None:
        return
    if timed:
        found |= dict(seconds=np.float64(seconds), peak_mb=np.int64(peak_mb(job.device)))
    if result.depth is not None and job.views:
        found["depth"] = result.depth.half().cpu().numpy()
    if system.is_3d and int(rows[0]) < job.views:
        found |= _sides(system, solution, condition)
    if int(rows[0]) < job.without_text and "text" in system.needs:
        empty_prompt = replace(condition, text=("",) * len(condition))
        silent = system.render(share(empty_prompt, image), condition.camera).image
        found["without_text"] = to_uint8(silent).cpu().numpy()
    content = io.BytesIO()
    np.savez(content, **found)
    files.write_bytes(path, content.getvalue())


def _sides(system, solution, condition: Condition) -> dict:
    """Images and depths [B,V,…] from the sides."""
    device = condition.camera.cam2world.device
    renders = [
        system.render(solution, system.frame.side(yaw, len(condition)).to(device)) for yaw in SIDES
    ]
    return dict(
        views=np.stack([to_uint8(r.image).cpu().numpy() for r in renders], 1),
        views_depth=np.stack([r.depth.half().cpu().numpy() for r in renders], 1),
    )


@dataclass(frozen=True)
class Made:
    """One batch as it was made."""

    numbers: torch.Tensor
    image: torch.Tensor  # [B,3,R,R] in −1..1
    seconds: float | None = (
        None  # per image, and the process's peak memory until then, where they were measured
    )
    peak_mb: int | None = None
    without_text: torch.Tensor | None = None
    depth: torch.Tensor | None = None
    views: tuple[Render, ...] = ()


def read(job: Job, folder: Path, frame: Frame) -> Iterator[Made]:
    """The batches of a finished row, whose views are those of a generator of this frame."""
    for number, rows in enumerate(job.numbers()):
        with np.load(path_of(folder, number), allow_pickle=False) as found:
            pictures = {
                key: to_float(torch.from_numpy(found[key]))
                for key in ("image", "without_text", "views")
                if key in found
            }
            depth = {
                key: torch.from_numpy(found[key]).float()
                for key in ("depth", "views_depth")
                if key in found
            }
            sides = (
                [
                    Render(
                        pictures["views"][:, k],
                        depth=depth["views_depth"][:, k],
                        camera=frame.side(yaw, len(rows)),
                    )
                    for k, yaw in enumerate(SIDES)
                ]
                if "views" in pictures
                else []
            )
            cost = (
                (float(found["seconds"]), int(found["peak_mb"]))
                if "seconds" in found
                else (None, None)
            )
            yield Made(
                rows,
                pictures["image"],
                *cost,
                pictures.get("without_text"),
                depth.get("depth"),
                tuple(sides),
            )


def peak_mb(device: str) -> int:
    """Largest resident size of this process, or largest allocation on the GPU, in MB."""
    if str(device).startswith("cuda"):
        return round(torch.cuda.max_memory_allocated() / 1e6)
    if STATUS.exists():  # getrusage would count what the parent held when it started this process
        return round(resident("VmHWM") / 1e3)
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(size / (1e6 if sys.platform == "darwin" else 1e3))


def resident(field: str) -> int:
    """kiB of a line of Linux's /proc/self/status: 'VmRSS' now, 'VmHWM' at the peak."""
    return int(
        next(line for line in STATUS.read_text().splitlines() if line.startswith(field)).split()[1]
    )


def say(text: str, end: str = "\n") -> None:
    """To stderr, at once."""
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
