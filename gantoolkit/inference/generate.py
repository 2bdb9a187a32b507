"""`gantoolkit generate`: faces from prompts with label maps or scribbles, by a finished run.

Every output is named after its input file, its prompt where there are several, its seed and its
view, so that the same command writes the same files. A repeated command draws what is missing;
other pictures are never replaced unasked. manifest.jsonl has a line per file with all that made it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from gantoolkit.core.errors import UsageError
from gantoolkit.inference import manifest
from gantoolkit.inference.jobs import Job, check_inputs, list_jobs
from gantoolkit.inference.options import GenerateOptions


def main(args) -> int:
    """Run `gantoolkit generate`: print one line per written file, and warn about the prompts."""
    options = GenerateOptions.from_args(args)
    from gantoolkit.core.distributed import pick_device
    from gantoolkit.core.threads import use_threads
    from gantoolkit.inference import bridge_files, generate_dataset
    from gantoolkit.inference.load import load_with_specs, needed_networks
    from gantoolkit.inference.prompt_check import warn_about_prompts
    from gantoolkit.weights.offer import offer

    device = pick_device(options.device)
    use_threads(options.threads)
    if options.data is None:
        specs = bridge_files.read_specs(args.source)
        check_inputs(options, specs["condition"], str(args.source))
    offer(needed_networks(args.source, options.generator), args.yes)
    pipeline, specs = load_with_specs(
        args.source, options.generator, negative_prompt=options.negative_prompt
    )
    pipeline.to(device)

    origin = manifest.provenance(args.source, specs, options)
    if options.data:
        if not options.overwrite:
            manifest.refuse_other_systems(options, origin)
        rows = generate_dataset.generate(pipeline, options, origin)
    else:
        jobs = plan(pipeline, options, origin)
        warn_about_prompts([job.text for job in jobs], pipeline.encoder)
        rows = draw(pipeline, jobs, options)
    written = 0
    for row in rows:
        print(Path(options.out) / row["file"], flush=True)
        written += 1
    if not written:
        print(f"gantoolkit: {options.out} holds all of this already.", file=sys.stderr)
    return 0


def generate(pipeline, options: GenerateOptions, origin: dict | None = None) -> Iterator[dict]:
    """Write every missing output, and yield its manifest row with `origin` in it.

    The manifest is complete after each batch. UsageError for inputs that the run does not take, and
    for files that show other pictures.
    """
    origin = origin or {}
    check_inputs(options, pipeline.condition, origin.get("run", "This run"))
    return draw(pipeline, plan(pipeline, options, origin), options)


def plan(pipeline, options: GenerateOptions, origin: dict) -> list[Job]:
    """List what is to be drawn; UsageError where that would replace other pictures."""
    _check_3d(pipeline.generator, options)
    jobs = list_jobs(options, pipeline.condition, pipeline.generator.is_3d, origin)
    if options.overwrite:
        return jobs
    out = Path(options.out)
    manifest.refuse_replacing(out, [row for job in jobs for row in job.rows])
    known = manifest.read_rows(out)
    return [
        job
        for job in jobs
        if not all(manifest.is_up_to_date(known.get(row["file"]), row, out) for row in job.rows)
    ]


def _check_3d(generator, options: GenerateOptions) -> None:
    """Refuse options that need a 3D generator."""
    if options.used_3d and not generator.is_3d:
        raise UsageError(
            f"{', '.join(options.used_3d)}: {type(generator).__name__} draws flat pictures;"
            " use a run with a 3D generator such as configs/absm_eg3d.py."
        )


def draw(pipeline, jobs: Sequence[Job], options: GenerateOptions) -> Iterator[dict]:
    """Draw the jobs in batches, and yield the row of every file."""
    for first in range(0, len(jobs), options.batch):
        rows = []
        for row in _draw_batch(pipeline, jobs[first : first + options.batch], options):
            rows.append(row)
            yield row
        manifest.add_rows(Path(options.out), rows)


def _draw_batch(pipeline, jobs: Sequence[Job], options: GenerateOptions) -> Iterator[dict]:
    """Run the diffusion model once for all jobs, then render each latent."""
    from gantoolkit.data.user_inputs import make_condition, read_input
    from gantoolkit.inference import outputs

    started = time.perf_counter()
    inputs = [read_input(job.files, pipeline.resolution, options.labels) for job in jobs]
    texts = [job.text for job in jobs]
    condition = make_condition(inputs, texts, [job.seed for job in jobs])
    latent = pipeline.latent(condition, t_out=options.t_out, aggregate=options.aggregate)
    seconds = round((time.perf_counter() - started) / len(jobs), 3)

    for index, (job, user_input) in enumerate(zip(jobs, inputs, strict=True)):
        rows = [row | {"seconds_latent": seconds} for row in job.rows]
        ws = latent[index].ws
        yield from outputs.write(rows, pipeline.generator, ws, user_input, options)
