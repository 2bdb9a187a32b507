"""What `gantoolkit data prepare` and `gantoolkit data check` do, and what they say of it."""

from __future__ import annotations

import os
from argparse import Namespace
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

WORKERS_ON_GPU = 4  # default where PiDiNet is on a GPU: every process holds a CUDA context


def prepare(args: Namespace) -> int:
    """Prepare a data set; broken samples are left out and listed, which is not a failure."""
    progress = Progress()
    pick_device(args.device)
    source = sources.find_source(args.source, Path(args.root), paths_of(args), args.limit)
    progress.say(f"{len(source.samples)} samples under {source.root}")
    for problem in source.problems:
        if not problem.name:  # it concerns all samples
            progress.say(problem.problem)

    _check_captions(source, args)
    config = config_of(args, source, progress)
    default_split = "mm" if args.source == "celebamask-hq" else "share"
    splits = split.split_source(source, args.split or default_split, args.test_share)
    pairs = split.evaluation_pairs(source, splits.get("test", []))
    workers = args.workers or _default_workers(args.device)
    out = Path(args.out)
    manifest = shards.prepare(source, splits, pairs, config, out, workers, progress)

    _say_result(manifest, out, args.source, progress)
    if not manifest["files"]:
        raise DataError(f"No sample of {source.root} could be used; see {out / 'problems.jsonl'}.")
    return 0


def _check_captions(source: sources.Source, args: Namespace) -> None:
    """Refuse samples that all lack captions, unless that is asked for."""
    if any(sample.captions for sample in source.samples) or _declines_captions(args):
        return
    reasons = [one.problem for one in source.problems if one.name and "captions" in one.problem]
    reason = f" ({reasons[0].rstrip('.')})" if reasons else ""
    raise DataError(
        f"No sample of {source.root} has a caption{reason}; give --captions DIR|FILE, or "
        "--captions none for empty prompts."
    )


def _declines_captions(args: Namespace) -> bool:
    return args.captions == "none" and not Path("none").exists()


def _default_workers(device: str) -> int:
    return (os.cpu_count() or 1) if device == "cpu" else WORKERS_ON_GPU


def _say_result(manifest: dict, out: Path, source: str, progress: Progress) -> None:
    """Say what was written, and what is missing from it."""
    for name, entry in manifest["files"].items():
        megabytes = entry["bytes"] / 1e6
        progress.say(f"{out / name}: {entry['samples']} samples, {megabytes:.1f} MB")
    if manifest["problems"]:
        progress.say(
            f"{manifest['problems']} problems, {manifest['skipped']} samples left out: "
            f"{out / 'problems.jsonl'}"
        )
    pairs = manifest["files"].get("pairs.zip", {"samples": 0})["samples"]
    if source == "celebamask-hq" and pairs < split.PAIRS:
        progress.say(
            f"{pairs:,} of the {split.PAIRS:,} frozen evaluation pairs are here; scores on other "
            "pairs do not compare with scores on all"
        )


def check(args: Namespace) -> int:
    """Check a data set; returns exit code 1 where samples would be left out."""
    from gantoolkit.report import data_page

    progress = Progress()
    workers = args.workers or os.cpu_count() or 1
    report = checks.check(Path(args.root), paths_of(args), args.labels, workers, progress)
    for name, value in report.facts.items():
        print(f"{name}: {value}")

    by_kind: dict[str, list] = {}
    for problem in report.problems:
        by_kind.setdefault(data_page.problem_kind(problem), []).append(problem)
    for problems in by_kind.values():
        first = problems[0]
        more = f" ({len(problems)} of this kind)" if len(problems) > 1 else ""
        print(f"{first.name or 'all'}: {first.problem}{more}")

    page = data_page.write(report, args.page)
    print(
        f"{report.samples} samples, {len(report.problems)} problems, {report.broken} of them leave "
        f"a sample out; page: {page}"
    )
    return 1 if report.broken else 0


def paths_of(args: Namespace) -> sources.SourcePaths:
    """Read where the user says that things are."""
    named = dict(
        images=args.images,
        masks=args.masks,
        captions=None if _declines_captions(args) else args.captions,
        drawings=args.drawings,
        cameras=args.camera_file,
        landmarks=args.landmarks,
    )
    paths = {key: Path(value) if value else None for key, value in named.items()}
    return sources.SourcePaths(
        **paths, without_captions=_declines_captions(args), convention=args.convention
    )


def config_of(args: Namespace, source: sources.Source, progress: Progress) -> PrepareConfig:
    """Read how samples are made; what would fail for every sample fails here."""
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
        resolution=args.resolution,
        order=order,
        swap_sides=args.swap_sides,
        crop=args.crop,
        scribble=args.scribbles,
        pidinet=args.pidinet,
        preprocessing=args.preprocessing,
        safe=args.safe,
        detect=args.detect,
        camera=args.cameras,
        face_model=args.face_model,
        format=args.format,
        mirror=args.mirror,
        device=args.device,
    )


def order_of(source: sources.Source, swap_sides: bool, progress: Progress) -> str:
    """Detect the order of numbered label maps from some of them.

    Part masks and colors need none.
    """
    masks = (sample.mask for sample in source.samples if sample.mask is not None)
    detected = detect_order_of_files(masks)
    if detected is None:
        return "celebamask"
    score = detected.scores[detected.order]
    progress.say(f"label maps are in the order '{detected.order}' ({score:.0%} of anatomy fits)")
    if detected.swapped and not swap_sides:
        raise UsageError(
            "Left and right classes of these label maps look swapped (l_* lie on the left of the "
            "pictures); add --swap-sides, or say --labels to keep them as they are."
        )
    return detected.order
