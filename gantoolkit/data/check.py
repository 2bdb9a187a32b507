"""`gantoolkit data check`: what is wrong with a data set, prepared or as published."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from gantoolkit.core import files
from gantoolkit.core.errors import DataError
from gantoolkit.core.labels import CLASSES
from gantoolkit.core.suggest import did_you_mean
from gantoolkit.data import cameras
from gantoolkit.data.check_report import (
    CheckReport,
    SampleSummary,
    find_duplicates,
    find_leaks,
    make_report,
    thumbnail,
)
from gantoolkit.data.face_zip import FaceZip, find_dataset
from gantoolkit.data.image_files import UNREADABLE, read_image_header
from gantoolkit.data.label_orders import detect_order_of_files
from gantoolkit.data.prepare.problem import Problem
from gantoolkit.data.prepare.sample import (
    PrepareConfig,
    measure_mask_scale,
    read_sample_labels,
)
from gantoolkit.data.prepare.sources import PUBLISHED, SourcePaths, SourceSample, find_source
from gantoolkit.data.rgb import read_rgb

Progress = Callable[[str, int, int], None]  # what is done, how many are, of how many


def check(
    root: Path,
    paths: SourcePaths = SourcePaths(),
    order: str = "auto",
    threads: int = 4,
    progress: Progress = lambda *_: None,
) -> CheckReport:
    """Look at every file of a prepared folder, a data set zip (by path or name), or a source tree.

    paths  where the parts of a source tree lie
    order  of the numbers in its label maps; "auto": detected
    """
    root = Path(root).expanduser()
    if not root.exists():
        root = _find_by_name(root)
    if root.suffix == ".zip":
        return _check_zips(root, [root], threads, progress)
    zips = sorted(root.glob("*.zip"))
    if zips and (root / "manifest.json").is_file():
        return _check_zips(root, zips, threads, progress)
    if not root.is_dir():
        raise DataError(f"{root} is neither a folder nor a zip.")
    return _check_source(root, paths, order, threads, progress)


def _find_by_name(name: Path) -> Path:
    """Return the zip of a data set by its name in registry.yaml."""
    from gantoolkit.registry import manifest

    known = manifest.load().data
    if str(name) not in known:
        listed = ", ".join(sorted(known)) or "none is known"
        raise DataError(
            f"There is neither a folder nor a zip '{name}'{did_you_mean(str(name), known)}; give "
            f"one, or a name: {listed}."
        )
    return find_dataset(name)


def _summarize_all(
    summarize: Callable[..., SampleSummary], items: Sequence, threads: int, progress: Progress
) -> Iterator[SampleSummary]:
    """Yield the summaries of all items in their order, made in threads."""
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for done, summary in enumerate(pool.map(summarize, items), 1):
            progress("looking", done, len(items))
            yield summary


# -- a source tree -------------------------------------------------------------------------------


def _check_source(
    root: Path, paths: SourcePaths, order: str, threads: int, progress: Progress
) -> CheckReport:
    layout = "celebamask-hq" if _is_published(root) else "folder"
    source = find_source(layout, root, paths)
    facts = {"layout": layout, "root": str(source.root)}
    problems = list(source.problems)
    if order == "auto":
        order = _detect_order(source.samples, facts, problems)
    summarize = partial(summarize_files, order=order)
    summaries = list(_summarize_all(summarize, source.samples, threads, progress))
    return make_report(root, summaries, facts, problems, find_duplicates(summaries))


def _is_published(root: Path) -> bool:
    """Whether a folder has one of the published layouts of CelebAMask-HQ."""
    roots = (root, root / "CelebAMask-HQ")
    return any((folder / name).is_dir() for folder in roots for name in PUBLISHED)


def _detect_order(
    samples: list[SourceSample], facts: dict[str, str], problems: list[Problem]
) -> str:
    """Detect the order of numbered label maps from some of them; notes facts and problems."""
    try:
        detected = detect_order_of_files(s.mask for s in samples if s.mask is not None)
    except DataError as error:
        problems.append(Problem("", str(error), skipped=True))
        return "celebamask"
    if detected is None:
        return "celebamask"
    facts["label order"] = detected.order
    if detected.swapped:
        problem = (
            "left and right classes look swapped (l_* lie on the left of the pictures); "
            "prepare with --swap-sides"
        )
        problems.append(Problem("", problem, skipped=True))
    return detected.order


def summarize_files(sample: SourceSample, order: str) -> SampleSummary:
    """Say everything that can be said of one sample from its files."""
    summary = SampleSummary(sample.name, caption=sample.captions[0] if sample.captions else "")

    def report(problem: str, file: Path | None, skipped: bool = True) -> None:
        summary.problems.append(Problem(sample.name, problem, str(file or ""), skipped))

    def note(problem: str) -> None:
        report(problem, sample.image, skipped=False)

    try:
        image = read_rgb(sample.image, note=note)
        summary.size = image.size
        summary.digest = hashlib.sha256(sample.image.read_bytes()).hexdigest()
        summary.image = thumbnail(np.asarray(image))
    except DataError as error:
        report(f"unreadable image: {error}", sample.image)

    if problem := _find_camera_problem(sample):
        report(f"its camera label cannot be used: {problem}", None)
    if sample.mask is None and not sample.parts:
        report("an image without a mask", sample.image)
        return summary
    for path in (sample.mask, *(path for _, path in sample.parts)):
        if path is not None and _has_palette(path):
            problem = "a palette image: its colors decide, unless its palette is known or gray"
            report(problem, path, skipped=False)

    try:
        labels = read_sample_labels(sample, PrepareConfig(order=order), note)
        summary.labels = thumbnail(labels)
    except DataError as error:
        report(f"unusable mask: {error}", sample.mask)
        return summary
    if summary.size:
        try:
            measure_mask_scale(summary.size, labels.shape)
        except DataError as error:
            report(str(error), sample.mask)
    return summary


def _find_camera_problem(sample: SourceSample) -> str:
    return cameras.find_label_problem(np.array(sample.camera)) if sample.camera else ""


def _has_palette(path: Path) -> bool:
    try:
        return read_image_header(path).mode == "P"
    except UNREADABLE:
        return False


# -- prepared zips -------------------------------------------------------------------------------


def _check_zips(root: Path, zips: list[Path], threads: int, progress: Progress) -> CheckReport:
    facts = {"layout": "prepared"}
    problems: list[Problem] = []
    summaries: list[SampleSummary] = []
    digests = _manifest_digests(root)
    for path in zips:
        try:
            data = FaceZip(path)
        except DataError as error:
            problems.append(Problem("", str(error), str(path), skipped=True))
            continue
        expected = digests.get(path.name)
        if expected and expected != data.sha256:
            problem = "its sha256 is not the manifest's: the file was changed or damaged"
            problems.append(Problem("", problem, str(path), skipped=True))
        megabytes = path.stat().st_size / 1e6
        facts[path.name] = f"{len(data)} samples, {data.resolution} px, {megabytes:.1f} MB"
        summarize = partial(summarize_row, data)
        in_zip = list(_summarize_all(summarize, range(len(data)), threads, progress))
        problems += find_duplicates(in_zip)
        summaries += in_zip
    problems += find_leaks(summaries)
    return make_report(root, summaries, facts, problems)


def _manifest_digests(root: Path) -> dict[str, str]:
    """Read file name → sha256 of a prepared folder's manifest.json; {} where there is none."""
    path = root / "manifest.json"
    if not path.is_file():
        return {}
    described = files.read_json_object(path).get("files", {})
    return {name: entry["sha256"] for name, entry in described.items()}


def summarize_row(data: FaceZip, index: int) -> SampleSummary:
    """Say everything that can be said of one sample of a zip."""
    stem = Path(data.files[index]).stem
    summary = SampleSummary(f"{data.path.name}:{stem}")
    summary.caption = next(iter(data.captions[index]), "")

    def report(problem: str, skipped: bool = True) -> None:
        summary.problems.append(Problem(summary.name, problem, str(data.path), skipped))

    try:
        image = data.read_image("image", "RGB", np.uint8, index)
        labels = data.read_image("mask", None, np.uint8, index)
    except DataError as error:
        report(str(error))
        return summary

    height, width = image.shape[:2]
    summary.size = (width, height)
    summary.digest = hashlib.sha256(image.tobytes()).hexdigest()
    summary.image = thumbnail(image)
    summary.labels = thumbnail(np.minimum(labels, len(CLASSES) - 1))
    if (height, width) != (data.resolution,) * 2 or labels.shape != (height, width):
        mask = f"mask {labels.shape[1]}×{labels.shape[0]}"
        report(f"image {width}×{height}, {mask}, the set {data.resolution} px")
    if labels.max() >= len(CLASSES):
        report(f"unknown label {labels.max()}")
    if problem := cameras.find_label_problem(data.cameras[index].double().numpy()):
        report(f"camera: {problem}")
    if not data.captions[index]:
        report("no captions", skipped=False)
    return summary
