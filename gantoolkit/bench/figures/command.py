"""`gantoolkit figure NAME RUN …`: one sheet as PNG, which keeps in its text how it was made."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from gantoolkit.core.errors import UsageError
from gantoolkit.core.files import blocking_file


def main(args) -> int:
    """Run the verb; mistakes are found before anything is loaded."""
    check_out(args)
    if getattr(args, "scored", 0) == 1:
        raise UsageError(f"--scored must be 0 (no plot) or at least 2, not {args.scored}.")
    from gantoolkit.bench.figures.scene import open_scene
    from gantoolkit.core.distributed import pick_device
    from gantoolkit.report import pictures

    scene = open_scene(
        args.runs, args.data, args.pick or args.samples, args.batch, pick_device(args.device)
    )
    figure = import_module(f"gantoolkit.bench.figures.{args.figure}")
    picture, facts = figure.render(scene, args)
    description = {"figure": args.figure, **scene.description(), **facts}
    print(pictures.save(picture, args.out, description))
    return 0


def check_out(args) -> None:
    """Refuse an --out that is not a PNG file, or one that cannot be written."""
    out = Path(args.out)
    if out.suffix.lower() != ".png":
        stem = out.stem or args.figure
        raise UsageError(f"--out {args.out} is not a PNG file; give a name such as {stem}.png.")
    if out.is_dir():
        raise UsageError(f"--out {args.out} is a folder; name a file in it.")
    file = blocking_file(out.parent)
    if file:
        raise UsageError(
            f"--out {args.out} cannot be written, because {file} is a file; choose another folder."
        )
