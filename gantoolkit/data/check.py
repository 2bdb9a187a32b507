"""`gantoolkit data check`: what is wrong with a data set, prepared or as published, which is only read."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from gantoolkit.core.errors import DataError
from gantoolkit.core.labels import CLASSES
from gantoolkit.data import cameras
from gantoolkit.data.face_zip import FaceZip, find_dataset
from gantoolkit.data.label_maps import open_image
from gantoolkit.data.label_orders import detect_order_of_files
from gantoolkit.data.prepare.problem import Problem
from gantoolkit.data.prepare.sample import PrepareConfig, whole_labels
from gantoolkit.data.prepare.sources import PUBLISHED, SourcePaths, SourceSample, find_source

THUMB, SHOWN = 96, 24  # pixels, samples on the page


@dataclass
class SampleSummary:
    """What one sample looks like."""

    name: str
    size: tuple[int, int] | None = None
    digest: str = ""
    labels: np.ndarray | None = None  # at THUMB pixels
    image: np.ndarray | None = None  # at THUMB pixels
    caption: str = ""
    problems: list[Problem] = field(default_factory=list)


@dataclass
class CheckReport:
    """The result: facts to print, problems to mend, samples to show."""

    root: Path
    samples: int
    facts: dict[str, str]
    problems: list[Problem]
    shown: list[SampleSummary]
    shares: dict[str, tuple[float, float]]  # class → (share of pixels, share of samples)

    @property
    def broken(self) -> int:
        """Problems that would leave a sample out."""
        return sum(p.skipped for p in self.problems)


def check(
    root: Path,
    places: SourcePaths = SourcePaths(),
    order: str = "auto",
    threads: int = 4,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> CheckReport:
    """Look at every file of a prepared folder, a data set zip (by path or name), or a source tree."""
    root = Path(root).expanduser()
    root = root if root.exists() else _named(root)
    zips = [root] if root.suffix == ".zip" else sorted(root.glob("*.zip"))
    if zips and (root.suffix == ".zip" or (root / "manifest.json").is_file()):
        return _check_zips(root, zips, threads, progress)
    if not root.is_dir():
        raise DataError(f"{root} is neither a folder nor a zip.")
    return _check_source(root, places, order, threads, progress)


def _named(name: Path) -> Path:
    """The zip of a data set by its name in registry.yaml."""
    from gantoolkit.core.suggest import did_you_mean
    from gantoolkit.registry import manifest

    known = manifest.load().data
    if str(name) not in known:
        raise DataError(
            f"There is neither a folder nor a zip '{name}'{did_you_mean(str(name), known)}; give one, or "
            f"a name: {', '.join(sorted(known)) or 'none is known'}."
        )
    return find_dataset(name)


# -- a source tree -----------------------------------------------------------------------------------------


def _check_source(
    root: Path, places: SourcePaths, order: str, threads: int, progress
) -> CheckReport:
    published = any(
        (root / sub / name).is_dir() for sub in ("", "CelebAMask-HQ") for name in PUBLISHED
    )
    name = "celebamask-hq" if published else "folder"
    source = find_source(name, root, places)
    facts, problems = {"layout": name, "root": str(source.root)}, list(source.problems)
    if order == "auto":
        order = _order(source.samples, facts, problems)
    look = lambda entry: look_at(entry, order)  # noqa: E731
    seen = list(_mapped(look, source.samples, threads, progress))
    return _summary(root, seen, facts, problems)


def _order(entries: list[SourceSample], facts: dict, problems: list[Problem]) -> str:
    """The order of numbered label maps, from some of them."""
    try:
        found = detect_order_of_files(entry.mask for entry in entries if entry.mask is not None)
    except DataError as error:
        problems.append(Problem("", str(error)))
        return "celebamask"
    if found is None:
        return "celebamask"
    facts["label order"] = found.order
    if found.swapped:
        problems.append(
            Problem(
                "",
                "left and right classes look swapped (l_* lie on the left of the pictures); "
                "prepare with --swap-sides",
            )
        )
    return found.order


def look_at(entry: SourceSample, order: str) -> SampleSummary:
    """Everything that can be said of one sample from its files."""
    seen = SampleSummary(entry.name, caption=entry.captions[0] if entry.captions else "")

    def wrong(problem: str, file: Path | None, skipped: bool = True) -> None:
        seen.problems.append(Problem(entry.name, problem, str(file or ""), skipped))

    try:
        picture = open_image(entry.image)
        seen.size, seen.digest = picture.size, hashlib.sha256(entry.image.read_bytes()).hexdigest()
        seen.image = thumbnail(np.asarray(picture.convert("RGB")))
    except DataError as error:
        wrong(f"unreadable image: {error}", entry.image)
    if entry.mask is None and not entry.parts:
        wrong("an image without a mask", entry.image)
        return seen
    for path in (entry.mask, *(p for _, p in entry.parts)):
        if path is not None and _mode(path) == "P":
            wrong(
                "a palette image: its numbers are read where they agree with its colours",
                path,
                skipped=False,
            )
    try:
        labels = whole_labels(entry, PrepareConfig(order=order))
        seen.labels = thumbnail(labels)
        if (
            seen.size
            and abs(labels.shape[1] / labels.shape[0] / (seen.size[0] / seen.size[1]) - 1) > 0.02
        ):
            wrong(
                f"image {seen.size[0]}×{seen.size[1]} but mask {labels.shape[1]}×{labels.shape[0]} pixels",
                entry.mask,
            )
    except DataError as error:
        wrong(f"unusable mask: {error}", entry.mask)
    return seen


def _mode(path: Path) -> str:
    try:
        with Image.open(path) as picture:
            return picture.mode
    except OSError:
        return ""


# -- prepared zips -----------------------------------------------------------------------------------------


def _check_zips(root: Path, zips: list[Path], threads: int, progress) -> CheckReport:
    facts, problems, every = {"layout": "prepared"}, [], []
    manifest = (
        json.loads((root / "manifest.json").read_text())
        if (root / "manifest.json").is_file()
        else {}
    )
    for path in zips:
        try:
            data = FaceZip(path)
        except DataError as error:
            problems.append(Problem("", str(error), str(path), skipped=True))
            continue
        noted = manifest.get("files", {}).get(path.name)
        if noted and noted["sha256"] != data.sha256:
            problems.append(
                Problem(
                    "",
                    "its sha256 is not the manifest's: the file was changed or damaged",
                    str(path),
                    skipped=True,
                )
            )
        facts[path.name] = (
            f"{len(data)} samples, {data.resolution} px, {path.stat().st_size / 1e6:.1f} MB"
        )
        look = lambda index, data=data: _look_in(data, index)  # noqa: E731
        seen = list(_mapped(look, range(len(data)), threads, progress))
        problems += _duplicates(seen)
        every += seen
    problems += _leaks(every)
    return _summary(root, every, facts, problems, duplicates=False)


def _look_in(data: FaceZip, index: int) -> SampleSummary:
    seen = SampleSummary(f"{data.path.name}:{Path(data.files[index]).stem}")
    seen.caption = next(iter(data.captions[index]), "")

    def wrong(problem: str, skipped: bool = True) -> None:
        seen.problems.append(Problem(seen.name, problem, str(data.path), skipped))

    try:
        image = data.read_image("image", "RGB", np.uint8, index)
        labels = data.read_image("mask", None, np.uint8, index)
    except DataError as error:
        wrong(str(error))
        return seen
    seen.size, seen.digest = image.shape[1::-1], hashlib.sha256(image.tobytes()).hexdigest()
    seen.image, seen.labels = thumbnail(image), thumbnail(np.minimum(labels, len(CLASSES) - 1))
    if image.shape[:2] != (data.resolution,) * 2 or labels.shape != image.shape[:2]:
        wrong(
            f"image {image.shape[1]}×{image.shape[0]}, mask {labels.shape[1]}×{labels.shape[0]}, the set "
            f"{data.resolution} px"
        )
    if labels.max() >= len(CLASSES):
        wrong(f"unknown label {labels.max()}")
    if complaint := cameras.find_label_problem(data.cameras[index].double().numpy()):
        wrong(f"camera: {complaint}")
    if not data.captions[index]:
        wrong("no captions", skipped=False)
    return seen


# -- both --------------------------------------------------------------------------------------------------


def _mapped(look, items: Iterable, threads: int, progress):
    items = list(items)
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for done, seen in enumerate(pool.map(look, items), 1):
            progress("looking", done, len(items))
            yield seen


def thumbnail(picture: np.ndarray) -> np.ndarray:
    """At most THUMB pixels per side; labels [H,W] by nearest neighbour, images [H,W,3] by area."""
    height, width = picture.shape[:2]
    scale = min(1.0, THUMB / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    method = Image.Resampling.NEAREST if picture.ndim == 2 else Image.Resampling.BOX
    return np.asarray(Image.fromarray(picture).resize(size, method))


def _duplicates(seen: list[SampleSummary]) -> list[Problem]:
    same: dict[str, list[str]] = defaultdict(list)
    for one in seen:
        if one.digest:
            same[one.digest].append(one.name)
    return [
        Problem(other, f"the same image as {names[0]}")
        for names in same.values()
        for other in names[1:]
    ]


def _leaks(seen: list[SampleSummary]) -> list[Problem]:
    """Images of other splits that are trained on too; pairs.zip repeats test.zip."""
    trained = {
        one.digest: one.name for one in seen if one.digest and one.name.startswith("train.zip:")
    }
    others = (one for one in seen if not one.name.startswith(("train.zip:", "pairs.zip:")))
    return [
        Problem(one.name, f"the same image as {trained[one.digest]}, which is trained on")
        for one in others
        if one.digest in trained
    ]


def _sizes(seen: list[SampleSummary]) -> list[Problem]:
    """Images whose size is not that of most, or that are not square."""
    count = Counter(one.size for one in seen if one.size)
    usual = count.most_common(1)[0][0] if count else None
    return [
        Problem(
            one.name, f"{one.size[0]}×{one.size[1]} pixels, most images have {usual[0]}×{usual[1]}"
        )
        for one in seen
        if one.size and one.size != usual
    ]


def _summary(
    root: Path,
    seen: list[SampleSummary],
    facts: dict,
    problems: list[Problem],
    duplicates: bool = True,
) -> CheckReport:
    problems = problems + [p for one in seen for p in one.problems]
    problems += (_duplicates(seen) if duplicates else []) + _sizes(seen)
    sizes = Counter(one.size for one in seen if one.size).most_common(3)
    facts["sizes"] = ", ".join(f"{w}×{h} ({n})" for (w, h), n in sizes)
    maps = [one.labels for one in seen if one.labels is not None]
    counts = np.array(
        [np.bincount(m.ravel(), minlength=len(CLASSES))[: len(CLASSES)] / m.size for m in maps]
        or [np.zeros(len(CLASSES))]
    )
    shares = {
        name: (float(counts[:, k].mean()), float((counts[:, k] > 0).mean()))
        for k, name in enumerate(CLASSES)
    }
    every = max(1, len(seen) // SHOWN)
    return CheckReport(root, len(seen), facts, problems, seen[::every][:SHOWN], shares)
