"""What `gantoolkit data prepare` and `gantoolkit data check` do: arguments, work, and what is said of it."""

from __future__ import annotations

import os
from argparse import Namespace
from collections import Counter
from pathlib import Path

from gantoolkit import weights
from gantoolkit.core.distributed import pick_device
from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.core.progress import Progress
from gantoolkit.data import check as checks
from gantoolkit.data import landmarks
from gantoolkit.data.label_orders import detect_order_of_files
from gantoolkit.data.prepare import shards, sources, split
from gantoolkit.data.prepare.sample import PrepareConfig

ON_GPU = 4  # processes by default where PiDiNet is on a GPU, of which each holds a context


def prepare(args: Namespace) -> int:
    """`gantoolkit data prepare`: exit code 0, also where broken samples were left out (they are listed)."""
    progress = Progress()
    pick_device(args.device)
    source = sources.find_source(args.source, Path(args.root), places(args), args.limit)
    progress.say(f"{len(source.samples)} samples under {source.root}")
    for problem in source.problems:
        if not problem.name:  # it concerns all samples
            progress.say(problem.problem)
    recipe = recipe_of(args, source, progress)
    splits = split.split_source(
        source, args.split or ("mm" if args.source == "celebamask-hq" else "share"), args.test_share
    )
    pairs = split.evaluation_pairs(source, splits.get("test", []))
    workers = args.workers or (os.cpu_count() or 1 if args.device == "cpu" else ON_GPU)
    manifest = shards.prepare(source, splits, pairs, recipe, Path(args.out), workers, progress)
    for name, entry in manifest["files"].items():
        progress.say(
            f"{Path(args.out) / name}: {entry['samples']} samples, {entry['bytes'] / 1e6:.1f} MB"
        )
    if manifest["problems"]:
        progress.say(
            f"{manifest['problems']} problems, {manifest['skipped']} samples left out: "
            f"{Path(args.out) / 'problems.jsonl'}"
        )
    found = manifest["files"].get("pairs.zip", {"samples": 0})["samples"]
    if args.source == "celebamask-hq" and found < split.PAIRS:
        progress.say(
            f"{found:,} of the {split.PAIRS:,} frozen evaluation pairs are here; scores on other pairs do not "
            "compare with scores on all"
        )
    if not manifest["files"]:
        raise DataError(
            f"No sample of {source.root} could be used; see {Path(args.out) / 'problems.jsonl'}."
        )
    return 0


def check(args: Namespace) -> int:
    """`gantoolkit data check`: exit code 1 where samples would be left out."""
    from gantoolkit.report import data_page

    progress = Progress()
    workers = args.workers or os.cpu_count() or 1
    found = checks.check(Path(args.root), places(args), args.labels, workers, progress)
    for name, value in found.facts.items():
        print(f"{name}: {value}")
    groups = Counter(data_page.problem_kind(p) for p in found.problems)
    for problem in {data_page.problem_kind(p): p for p in reversed(found.problems)}.values():
        count = groups[data_page.problem_kind(problem)]
        more = f" ({count} of this kind)" if count > 1 else ""
        print(f"{problem.name or 'all'}: {problem.problem}{more}")
    print(
        f"{found.samples} samples, {len(found.problems)} problems, {found.broken} of them leave a sample "
        f"out; page: {data_page.write(found, args.page)}"
    )
    return 1 if found.broken else 0


def places(args: Namespace) -> sources.SourcePaths:
    """Where the user says that things are."""
    named = dict(
        images=args.images,
        masks=args.masks,
        captions=args.captions,
        drawings=args.drawings,
        cameras=args.camera_file,
        landmarks=args.landmarks,
    )
    paths = {key: Path(value) if value else None for key, value in named.items()}
    return sources.SourcePaths(**paths, convention=args.convention)


def recipe_of(args: Namespace, source: sources.Source, progress: Progress) -> PrepareConfig:
    """The recipe of the arguments; what would fail for every sample fails here."""
    if args.scribbles == "pidinet":
        try:
            weights.resolve(args.pidinet)
        except Exception as error:
            raise UsageError(
                f"Scribbles by PiDiNet need its weights: {error} Give the published file with "
                "--pidinet table5_pidinet.pth, or choose --scribbles canny."
            ) from None
    if args.cameras == "photo":
        landmarks.FaceMesh(args.face_model)
    order = args.labels
    if order == "auto":
        order = order_of(source, args.swap_sides, progress)
    return PrepareConfig(
        args.resolution,
        order,
        args.swap_sides,
        args.crop,
        args.scribbles,
        args.pidinet,
        args.preprocessing,
        args.safe,
        args.detect,
        args.cameras,
        args.face_model,
        args.format,
        args.mirror,
        args.device,
    )


def order_of(source: sources.Source, swap_sides: bool, progress: Progress) -> str:
    """The order of numbered label maps, recognised from some; part masks and colours need none."""
    found = detect_order_of_files(entry.mask for entry in source.samples if entry.mask is not None)
    if found is None:
        return "celebamask"
    progress.say(
        f"label maps are in the order '{found.order}' ({found.scores[found.order]:.0%} of anatomy fits)"
    )
    if found.swapped and not swap_sides:
        raise UsageError(
            "Left and right classes of these label maps look swapped (l_* lie on the left of the "
            "pictures); add --swap-sides, or say --labels to keep them as they are."
        )
    return found.order
