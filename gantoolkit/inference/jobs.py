"""What a command of `generate` will draw: a job per picture, prompt and seed, with its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gantoolkit.core.errors import warn
from gantoolkit.inference.options import GenerateOptions
from gantoolkit.inference.prompts import prompts_of_inputs

if TYPE_CHECKING:
    from gantoolkit.data.user_inputs import InputFiles


@dataclass(frozen=True)
class Job:
    """One code: an input with a prompt and a seed, and the manifest rows of its files."""

    files: InputFiles
    text: str
    seed: int
    rows: tuple[dict, ...]


def list_inputs(options: GenerateOptions) -> list[InputFiles]:
    """List the pictures of a command, up to its limit."""
    from gantoolkit.data.user_inputs import list_inputs

    return list_inputs(options.mask, options.scribble)[: options.limit]


def check_inputs(options: GenerateOptions, condition: str, run: str) -> None:
    """Raise for pictures, captions and prompts that cannot be drawn, before models are loaded.

    condition  what the run was trained on
    """
    from gantoolkit.data.image_files import SMALLEST_SIDE
    from gantoolkit.data.user_inputs import KINDS, check_kinds, read_input

    given = [kind for kind in KINDS if getattr(options, kind) is not None]
    check_kinds(condition, given, run)
    inputs = list_inputs(options)
    prompts_of_inputs(options, inputs)
    for files in inputs:
        read_input(files, SMALLEST_SIDE, options.labels)
    _warn_about_label_order(inputs, options)


def _warn_about_label_order(inputs: Sequence[InputFiles], options: GenerateOptions) -> None:
    from gantoolkit.data.label_orders import conflicting_order

    if options.mask is None:
        return
    other = conflicting_order([files.path for files in inputs], options.labels)
    if other:
        warn(
            f"the label maps look as if they were numbered in the order '{other}', and are read as "
            f"'{options.labels}'; repeat with --labels {other} if they are."
        )


def list_jobs(options: GenerateOptions, condition: str, is_3d: bool, origin: dict) -> list[Job]:
    """List the jobs of a command; rows say all that is known of a file before it is drawn.

    origin  what every row says of who draws
    """
    inputs = list_inputs(options)
    seeds = range(options.seed, options.seed + options.count)
    jobs = []
    for files, prompts in zip(inputs, prompts_of_inputs(options, inputs), strict=True):
        for number, text in enumerate(prompts, 1):
            name = f"{files.name}-text{number}" if len(prompts) > 1 else files.name
            for seed in seeds:
                shared = _shared_row(files, text, seed, options, condition, is_3d) | origin
                outputs = _plan_outputs(f"{name}-seed{seed}", files, options, is_3d)
                rows = tuple({"file": row.pop("file"), **shared, **row} for row in outputs)
                jobs.append(Job(files, text, seed, rows))
    return jobs


def _shared_row(
    files: InputFiles, text: str, seed: int, options: GenerateOptions, condition: str, is_3d: bool
) -> dict:
    """What the rows of all files of a job say."""
    row = {
        "input": str(files.path),
        "text": text,
        "seed": seed,
        "t_out": options.t_out,
        "aggregate": options.aggregate,
        "condition": condition,
        "is_3d": is_3d,
    }
    if files.mask is not None:
        row["labels"] = options.labels
        if files.scribble is not None:
            row["scribble"] = str(files.scribble)
    return row


def _plan_outputs(
    stem: str, files: InputFiles, options: GenerateOptions, is_3d: bool
) -> list[dict]:
    """List the files of a job: an image; in 3D views, depth maps, a turntable, a mesh."""
    if not is_3d:
        return [{"file": f"{stem}.png", "kind": "image"}]
    from gantoolkit.inference.cameras import default_source

    source = options.camera or default_source(files.mask is not None, files.path)
    rows: list[dict] = []
    for index in range(options.views):
        name = f"{stem}-view{index}" if options.views > 1 else stem
        view = {"view": index, "camera": source if index == 0 else "side"}
        rows.append({"file": f"{name}.png", "kind": "image", **view})
        if options.depth:
            rows.append({"file": f"{name}-depth.png", "kind": "depth", **view})
    if options.turntable:
        file = f"{stem}-turntable.{options.turntable}"
        rows.append({"file": file, "kind": "turntable", "frames": options.frames, "camera": source})
    if options.mesh:
        rows.append({"file": f"{stem}-mesh.ply", "kind": "mesh"})
    return rows
