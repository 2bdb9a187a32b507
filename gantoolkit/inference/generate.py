"""`gantoolkit generate`: faces from a prompt with label maps or scribbles, by a finished run.

Every output is named after its input file, its seed and its view, so that the same command writes
the same files; manifest.jsonl in the output folder has a line per file with all that made it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gantoolkit.core.errors import UsageError, warn
from gantoolkit.inference import manifest
from gantoolkit.inference.options import GenerateOptions

if TYPE_CHECKING:
    from torch import Tensor


def main(args) -> int:
    """Run `gantoolkit generate`: print one line per written file, and warn about the prompt."""
    options = GenerateOptions.from_args(args)
    from gantoolkit.core.distributed import pick_device
    from gantoolkit.inference import generate_dataset
    from gantoolkit.inference.load import load_with_specs, needed_networks
    from gantoolkit.inference.prompt_check import check_prompt
    from gantoolkit.weights.offer import offer

    device = pick_device(options.device)
    changes = {}
    if options.negative_prompt is not None:
        changes["negative_prompt"] = options.negative_prompt
    offer(needed_networks(args.source, options.generator), args.yes)
    pipeline, specs = load_with_specs(args.source, options.generator, **changes)
    if options.negative_prompt and getattr(pipeline.encoder, "guidance", 1) == 1:
        raise UsageError(
            f"--negative-prompt has no effect: {args.source} draws without guidance (1); leave it "
            "out."
        )
    pipeline.to(device)
    for remark in check_prompt(options.text, pipeline.encoder):
        warn(f"{remark}.")

    origin = manifest.provenance(args.source, specs, options)
    if options.data:
        manifest.refuse_other_systems(options, origin)
        rows = generate_dataset.generate(pipeline, options, origin)
    else:
        rows = generate(pipeline, options, origin)
    for row in rows:
        print(Path(options.out) / row["file"])
    return 0


def generate(pipeline, options: GenerateOptions, origin: dict | None = None) -> Iterator[dict]:
    """Write every output, and yield its manifest row with `origin` in it.

    The manifest is complete after each batch. UsageError for inputs that the run does not take.
    """
    origin = origin or {}
    _check_kinds(pipeline.condition, options, origin.get("run", "This run"))
    _check_3d(pipeline.generator, options)
    inputs = _read_inputs(pipeline, options)
    _warn_about_label_order(inputs, options)

    seeds = range(options.seed, options.seed + options.count)
    jobs = [(item, seed) for item in inputs for seed in seeds]
    out = Path(options.out)
    rows = manifest.read_rows(out)
    for first in range(0, len(jobs), options.batch):
        for row in _generate_batch(pipeline, jobs[first : first + options.batch], options):
            rows[row["file"]] = row | origin
            yield rows[row["file"]]
        manifest.write_rows(out, rows)


def _check_kinds(condition: str, options: GenerateOptions, run: str) -> None:
    """Refuse inputs that the run was not trained on, and too few of them."""
    from gantoolkit.data.user_inputs import KINDS, condition_kinds

    needed = condition_kinds(condition)
    given = {kind for kind in KINDS if getattr(options, kind) is not None}
    if given == set(needed):
        return
    asked = needed
    how = ""
    if given > set(needed):
        how = " alone"
    elif given < set(needed):
        how = " as well"
        asked = [kind for kind in needed if kind not in given]
    raise UsageError(
        f"{run} was trained on {' and '.join(f'{kind}s' for kind in needed)}; "
        f"give {' and '.join(f'--{kind}' for kind in asked)}{how}."
    )


def _check_3d(generator, options: GenerateOptions) -> None:
    """Refuse options that need a 3D generator."""
    if options.used_3d and not generator.is_3d:
        raise UsageError(
            f"{', '.join(options.used_3d)}: {type(generator).__name__} draws flat pictures;"
            " use a run with a 3D generator such as configs/absm_eg3d.py."
        )


def _read_inputs(pipeline, options: GenerateOptions) -> list:
    """The user's images of the kind, or the pairs, that the run takes."""
    from gantoolkit.data.user_inputs import read_inputs, read_pairs

    kind = pipeline.condition
    if kind == "both":
        return read_pairs(options.mask, options.scribble, pipeline.resolution, options.labels)
    return read_inputs(getattr(options, kind), kind, pipeline.resolution, options.labels)


def _warn_about_label_order(inputs: list, options: GenerateOptions) -> None:
    from gantoolkit.data.label_orders import conflicting_order

    if options.mask is None:
        return
    other = conflicting_order([item.path for item in inputs], options.labels)
    if other:
        warn(
            f"the label maps look as if they were numbered in the order '{other}', and are read as "
            f"'{options.labels}'; repeat with --labels {other} if they are."
        )


def _generate_batch(pipeline, jobs: list[tuple], options: GenerateOptions) -> Iterator[dict]:
    """Run the diffusion model once for all jobs (input, seed), then render each latent."""
    from gantoolkit.data.user_inputs import make_condition

    started = time.perf_counter()
    inputs, seeds = zip(*jobs)
    condition = make_condition(inputs, options.text, seeds)
    latent = pipeline.latent(condition, t_out=options.t_out, aggregate=options.aggregate)
    seconds = (time.perf_counter() - started) / len(jobs)

    write_outputs = _write_outputs_3d if pipeline.generator.is_3d else _write_outputs_2d
    for index, (item, seed) in enumerate(jobs):
        row = {
            "input": str(item.path),
            "text": options.text,
            "seed": seed,
            "t_out": options.t_out,
            "aggregate": options.aggregate,
            "seconds_latent": round(seconds, 3),
            "condition": pipeline.condition,
            "is_3d": pipeline.generator.is_3d,
        }
        if options.mask is not None:
            row["labels"] = options.labels
        if item.drawing:
            row["scribble"] = str(item.drawing)
        stem = f"{item.name}-seed{seed}"
        for output in write_outputs(pipeline.generator, latent[index].ws, item, stem, options):
            yield {"file": output.pop("file"), **row, **output}


# -- outputs: each function writes files, and yields what their manifest rows say ----------------


def _write_outputs_2d(generator, ws: Tensor, item, stem: str, options) -> Iterator[dict]:
    """The image of a 2D generator."""
    yield _write_image(generator.render(ws).image, Path(options.out) / f"{stem}.png")


def _write_outputs_3d(generator, ws: Tensor, item, stem: str, options) -> Iterator[dict]:
    """What was asked of a 3D generator: views, depth maps, a turntable, a mesh."""
    from gantoolkit.core.camera import frame_of
    from gantoolkit.inference import cameras

    source = options.camera or cameras.default_source(item.labels, item.path)
    base = cameras.camera_from(source, item.labels, item.path, frame_of(generator))
    yield from _write_views(generator, ws, base, source, stem, options)
    if options.turntable:
        path = Path(options.out) / f"{stem}-turntable.{options.turntable}"
        cameras.save_turntable(generator, ws, base, path, options.frames)
        yield {
            "file": path.name,
            "kind": "turntable",
            "frames": options.frames,
            "camera": source,
            "label": cameras.rounded_label(base),
        }
    if options.mesh:
        yield _write_mesh(generator, ws, Path(options.out) / f"{stem}-mesh.ply")


def _write_views(generator, ws: Tensor, base, source: str, stem: str, options) -> Iterator[dict]:
    from gantoolkit.core.camera import frame_of
    from gantoolkit.inference import cameras

    out = Path(options.out)
    views = cameras.side_views(base, options.views, frame_of(generator))
    for index, camera in enumerate(views):
        name = f"{stem}-view{index}" if options.views > 1 else stem
        view = {
            "view": index,
            "camera": source if index == 0 else "side",
            "label": cameras.rounded_label(camera),
        }
        render = cameras.render(generator, ws, camera)
        yield _write_image(render.image, out / f"{name}.png") | view
        if options.depth:
            path = cameras.save_depth(render.depth, out / f"{name}-depth.png")
            yield {"file": path.name, "kind": "depth", "unit": cameras.DEPTH_UNIT, **view}


def _write_image(image: Tensor, path: Path) -> dict:
    from gantoolkit.report import pictures

    return {"file": pictures.save(pictures.image_picture(image), path).name, "kind": "image"}


def _write_mesh(generator, ws: Tensor, path: Path) -> dict:
    from gantoolkit.generators.mesh import extract_mesh, write_ply

    mesh = extract_mesh(generator, ws)
    return {
        "file": write_ply(mesh, path).name,
        "kind": "mesh",
        "vertices": len(mesh.vertices),
        "faces": len(mesh.faces),
    }
