"""`gantoolkit figure NAME RUN …`: one sheet as PNG, which keeps in its text how it was made."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from gantoolkit.core.errors import UsageError
from gantoolkit.core.files import blocking_file


def main(args) -> int:
    """The verb; mistakes are found before anything is loaded."""
    _check(args)
    from gantoolkit.bench.figures.scene import open_scene
    from gantoolkit.core.distributed import pick_device
    from gantoolkit.report import pictures

    scene = open_scene(
        args.runs, args.data, args.pick or args.samples, args.batch, pick_device(args.device)
    )
    picture, facts = import_module(f"gantoolkit.bench.figures.{args.figure}").draw(scene, args)
    print(pictures.save(picture, args.out, {"figure": args.figure, **scene.facts(), **facts}))
    return 0


def _check(args) -> None:
    """Refuse numbers and names that no figure can be made of."""
    check_out(args)
    if getattr(args, "scored", 0) == 1:
        raise UsageError(f"--scored must be 0 (no plot) or at least 2, not {args.scored}.")


def check_out(args) -> None:
    """Refuse an --out that is no PNG file or where none can be written."""
    if Path(args.out).suffix.lower() != ".png":
        stem = Path(args.out).stem or args.figure
        raise UsageError(f"--out {args.out} is no PNG file; give a name such as {stem}.png.")
    if Path(args.out).is_dir():
        raise UsageError(f"--out {args.out} is a folder; name a file in it.")
    if other := blocking_file(Path(args.out).parent):
        raise UsageError(
            f"--out {args.out} cannot be written, because {other} is a file; choose another folder."
        )
