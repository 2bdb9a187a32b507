"""`gantoolkit generate`: faces from a prompt with label maps or scribbles, by a finished run.

Every output is named after its input file, its seed and its view, so that the same command writes the same
files; manifest.jsonl in the output folder has one line per file with everything that made it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from gantoolkit.config.value_types import MAX_SEED
from gantoolkit.core import files
from gantoolkit.core.errors import UsageError, warn
from gantoolkit.core.files import check_output_folder

MANIFEST = "manifest.jsonl"


@dataclass(frozen=True)
class Options:
    """What the command line says, beside the run."""

    text: str = ""
    mask: str | None = None
    scribble: str | None = None
    data: str | None = None  # a data set zip, every sample of which is drawn (dataset.py)
    out: str = "out"
    seed: int = 0
    count: int = 1  # seeds per input: seed, seed + 1, …
    views: int = 1
    camera: str | None = None  # label, frontal, estimate; None takes what there is, in this order
    t_out: int = 0  # the denoising time 999..0 to stop at; 0 runs to the end
    aggregate: str = "last"  # or "mean": the average of w over the steps until then
    labels: str = "celebamask"  # how label numbers are read
    turntable: str | None = None  # gif or mp4
    frames: int = 48
    depth: bool = False
    mesh: bool = False
    batch: int = 8
    generator: str | None = None  # what draws in place of the run's own
    device: str = "cpu"

    @classmethod
    def of(cls, args) -> Options:
        """The options in parsed arguments; refuses what cannot be done before anything is loaded."""
        options = cls(
            **{f.name: getattr(args, f.name) for f in fields(cls) if hasattr(args, f.name)}
        )
        if options.data is not None:
            options._plain()
        elif options.mask is None and options.scribble is None:
            raise UsageError(
                "Give --mask or --scribble with a picture or a folder of pictures; "
                "a prompt alone does not say where the face is."
            )
        if options.seed + options.count - 1 > MAX_SEED:
            raise UsageError(
                f"--count {options.count} seeds from {options.seed} on go beyond the last, {MAX_SEED}; "
                "give a smaller --seed."
            )
        check_output_folder(options.out)
        if options.frames != Options.frames and not options.turntable:
            raise UsageError(
                "--frames belongs to --turntable; add --turntable gif or --turntable mp4."
            )
        if options.turntable:
            from gantoolkit.report import animation

            animation.check_kind(options.turntable)
        return options

    def _plain(self) -> None:
        """Refuse what has no meaning beside --data."""
        names = ("text", "mask", "scribble", "count")
        given = [f"--{name}" for name in names if getattr(self, name) != getattr(Options, name)]
        if wrong := [*given, *self.solid]:
            raise UsageError(
                f"{', '.join(wrong)} cannot stand beside --data: every sample is drawn once, from its own "
                "caption, condition and camera."
            )

    @property
    def solid(self) -> list[str]:
        """The options in use that need a 3D generator."""
        wanted = {
            "views": self.views > 1,
            "turntable": self.turntable,
            "depth": self.depth,
            "mesh": self.mesh,
            "camera": self.camera,
        }
        return [f"--{name}" for name, used in wanted.items() if used]


def main(args) -> int:
    """The verb: one printed line per written file; what the model does not know or read of the prompt is named."""
    options = Options.of(args)
    from gantoolkit.core.distributed import pick_device
    from gantoolkit.inference import generate_dataset
    from gantoolkit.inference.load import load_with_specs

    device = pick_device(options.device)
    pipeline, specs = load_with_specs(args.source, options.generator)
    pipeline.to(device)
    for remark in remarks(options.text, pipeline.encoder):
        warn(f"{remark}.")
    draw, drawer = (
        generate_dataset.generate if options.data else generate,
        origin(args.source, specs, options),
    )
    if options.data:
        generate_dataset.refuse_others(options, drawer)
    for row in draw(pipeline, options, drawer):
        print(Path(options.out) / row["file"])
    return 0


def origin(run: str, specs: dict, options: Options) -> dict:
    """What a manifest's rows say of who draws: version, run, and the sha256 of everything that it reads."""
    from gantoolkit import __version__
    from gantoolkit.inference import load

    found = {
        "version": __version__,
        "run": str(run),
        "weights": load.checksums(run, specs),
        "device": options.device,
    }
    return found if options.generator is None else found | {"generator": options.generator}


def remarks(text: str, encoder) -> list[str]:
    """What a person should know of a prompt, without a full stop: words that mean nothing, and an end that is cut."""
    found, prompts = [], getattr(encoder, "text_encoder", None)
    if unknown := unknown_words(text, known_words(encoder)):
        found.append(
            f"the model never saw {_listed(unknown)}; what they mean will have little effect"
        )
    if words := (prompts.unread(text) if hasattr(prompts, "unread") else "").split():
        begin = " ".join(words[:6]) + (" …" if len(words) > 6 else "")
        share = f"{len(words)} of {len(text.split())} words"
        found.append(f"the prompt is too long: from “{begin}” on it is not read ({share})")
    return found


def known_words(encoder) -> frozenset[str]:
    """The words that the encoder's text model learned from (words.txt beside its tokenizer)."""
    tokenizer = getattr(getattr(encoder, "text_encoder", None), "tokenizer", None)
    path = Path(getattr(tokenizer, "name_or_path", "") or "none") / "words.txt"
    return frozenset(path.read_text(encoding="utf-8").split()) if path.is_file() else frozenset()


def unknown_words(text: str, known) -> list[str]:
    """Words of a prompt that are not among `known`, in order; none where nothing is known."""
    if not known:
        return []
    words = re.findall(r"[^\W\d_]+", text.lower())
    return [word for word in dict.fromkeys(words) if word not in known]


def generate(pipeline, options: Options, origin: dict | None = None) -> Iterator[dict]:
    """Write every output and yield its manifest row with `origin` in it; the manifest is complete after each batch."""
    from gantoolkit.data.label_orders import conflicting_order

    _fits(pipeline.condition, options, (origin or {}).get("run", "This run"))
    if options.solid and not pipeline.generator.is_3d:
        flat = type(pipeline.generator).__name__
        raise UsageError(
            f"{', '.join(options.solid)}: {flat} draws flat pictures;"
            " use a run with a 3D generator such as configs/absm_eg3d.py."
        )
    inputs = _inputs(pipeline, options)
    if options.mask is not None and (
        other := conflicting_order([item.path for item in inputs], options.labels)
    ):
        warn(
            f"the label maps look as if they were numbered in the order '{other}', and are read as '{options.labels}'; "
            f"repeat with --labels {other} if they are."
        )
    jobs = [(item, options.seed + i) for item in inputs for i in range(options.count)]
    out = Path(options.out)
    rows = {row["file"]: row for row in files.read_json_lines(out / MANIFEST) if "file" in row}
    for first in range(0, len(jobs), options.batch):
        for row in _batch(pipeline, jobs[first : first + options.batch], options):
            rows[row["file"]] = {**row, **(origin or {})}
            yield rows[row["file"]]
        files.write_json_lines(out / MANIFEST, rows.values())


def _fits(condition: str, options: Options, run: str) -> None:
    """Refuse pictures that the run was not trained on, and too few of them."""
    from gantoolkit.data.user_inputs import KINDS, condition_kinds

    wanted = condition_kinds(condition)
    given = {name for name in KINDS if getattr(options, name) is not None}
    if given != set(wanted):
        alone = " alone" if given > set(wanted) else " as well" if given < set(wanted) else ""
        asked = " and ".join(
            f"--{name}" for name in wanted if alone != " as well" or name not in given
        )
        raise UsageError(
            f"{run} was trained on {' and '.join(f'{name}s' for name in wanted)}; "
            f"give {asked}{alone}."
        )


def _inputs(pipeline, options: Options) -> list:
    """The pictures of the kind, or the pairs, that the run takes."""
    from gantoolkit.data.user_inputs import read_inputs, read_pairs

    kind = pipeline.condition
    if kind == "both":
        return read_pairs(options.mask, options.scribble, pipeline.resolution, options.labels)
    return read_inputs(getattr(options, kind), kind, pipeline.resolution, options.labels)


def _batch(pipeline, jobs, options: Options) -> Iterator[dict]:
    """One pass of the diffusion model for all jobs, then each latent is drawn."""
    from gantoolkit.data.user_inputs import make_condition

    started = time.perf_counter()
    latent = pipeline.latent(
        make_condition([item for item, _ in jobs], options.text, [seed for _, seed in jobs]),
        t_out=options.t_out,
        aggregate=options.aggregate,
    )
    seconds = (time.perf_counter() - started) / len(jobs)
    read = {"labels": options.labels} if options.mask is not None else {}
    draw = _solid if pipeline.generator.is_3d else _flat
    for i, (item, seed) in enumerate(jobs):
        row = {
            "input": str(item.path),
            "text": options.text,
            "seed": seed,
            "t_out": options.t_out,
            "aggregate": options.aggregate,
            "seconds_latent": round(seconds, 3),
            **read,
        }
        row |= {"scribble": str(item.drawing)} if item.drawing else {}
        for more in draw(
            pipeline.generator, latent[i].ws, item, f"{item.name}-seed{seed}", options
        ):
            yield {"file": more.pop("file"), **row, **more}


def _flat(generator, ws, item, stem: str, options: Options) -> Iterator[dict]:
    """The picture of a 2D generator."""
    from gantoolkit.report import pictures

    path = pictures.save(
        pictures.image_picture(generator.render(ws).image), Path(options.out) / f"{stem}.png"
    )
    yield {"file": path.name, "kind": "image"}


def _solid(generator, ws, item, stem: str, options: Options) -> Iterator[dict]:
    """Everything that was asked of a 3D generator: views, depths, a turntable, a mesh."""
    from gantoolkit.core.camera import frame_of
    from gantoolkit.inference import cameras as views
    from gantoolkit.report import pictures

    out = Path(options.out)
    source = options.camera or views.default_source(item.labels, item.path)
    own = frame_of(generator)
    base = views.camera_of(source, item.labels, item.path, own)
    for k, camera in enumerate(views.side_views(base, options.views, own)):
        name = f"{stem}-view{k}" if options.views > 1 else stem
        facts = {"view": k, "camera": source if k == 0 else "side", "label": views.rounded(camera)}
        render = views.render(generator, ws, camera)
        yield {
            "file": pictures.save(pictures.image_picture(render.image), out / f"{name}.png").name,
            "kind": "image",
            **facts,
        }
        if options.depth:
            views.save_depth(render.depth, out / f"{name}-depth.png")
            yield {"file": f"{name}-depth.png", "kind": "depth", "unit": views.DEPTH_UNIT, **facts}
    if options.turntable:
        path = out / f"{stem}-turntable.{options.turntable}"
        views.save_turntable(generator, ws, base, path, options.frames)
        yield {
            "file": path.name,
            "kind": "turntable",
            "frames": options.frames,
            "camera": source,
            "label": views.rounded(base),
        }
    if options.mesh:
        from gantoolkit.generators import mesh

        found = mesh.extract_mesh(generator, ws)
        yield {
            "file": mesh.write_ply(found, out / f"{stem}-mesh.ply").name,
            "kind": "mesh",
            "vertices": len(found.vertices),
            "faces": len(found.faces),
        }


def _listed(words: list[str]) -> str:
    quoted = [f"“{word}”" for word in words]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + f" and {quoted[-1]}"
