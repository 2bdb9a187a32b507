"""What a data set on disk consists of: CelebAMask-HQ as published, or a folder of one's own.

Only captions and camera files are opened here. What is missing or lies in the wrong place becomes a
Problem, never an exception.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from gantoolkit.core.errors import DataError
from gantoolkit.core.labels import CLASSES
from gantoolkit.core.text import check_names
from gantoolkit.data.cameras import read_camera_labels, stem
from gantoolkit.data.image_files import SUFFIXES, is_image_file
from gantoolkit.data.landmarks import read_landmark_folder
from gantoolkit.data.prepare.captions import FOLDERS, Captions
from gantoolkit.data.prepare.problem import Problem

NAMES = ("celebamask-hq", "folder")
IMAGES_PER_FOLDER = 2000  # images whose parts lie in one numbered folder
# Where published copies keep things, relative to the root (or to CelebAMask-HQ/ in it).
IMAGES = ("CelebA-HQ-img", "images", "image/image_512_downsampled_from_hq_1024", "image", "img")
PARTS = ("CelebAMask-HQ-mask-anno",)
MASKS = (
    "CelebAMaskHQ-mask",
    "CelebAMask-HQ-mask",
    "mask/CelebAMask-HQ-mask",
    "masks",
    "mask",
    "labels",
)
PUBLISHED = (IMAGES[0], *PARTS, *MASKS[:3])  # a folder of one's own has none of these
DRAWINGS = ("scribbles", "drawings", "sketch")
CAMERAS = ("dataset.json",)
PART_NAME = re.compile(r"(\d+)_(" + "|".join(CLASSES[1:]) + r")\.png")


@dataclass(frozen=True)
class SourceSample:
    """The files of one sample."""

    name: str
    image: Path
    mask: Path | None = None  # a label map
    parts: tuple[tuple[int, Path], ...] = ()  # (class, mask of that part), in the order of CLASSES
    captions: tuple[str, ...] = ()
    drawing: Path | None = None
    camera: tuple[float, ...] | None = None  # [25], EG3D's convention
    landmarks: tuple[tuple[float, float], ...] | None = None  # five points in pixels of the image


@dataclass
class Source:
    """All samples of a data set, in the order of their names, and what is wrong with it."""

    name: str
    root: Path
    samples: list[SourceSample] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class SourcePaths:
    """Folders and files that a user named; None: looked for under the root."""

    images: Path | None = None
    masks: Path | None = None
    captions: Path | None = None
    without_captions: bool = False  # empty prompts are meant
    drawings: Path | None = None
    cameras: Path | None = None
    landmarks: Path | None = None
    convention: str = "auto"  # of the signs in the camera file


def find_source(
    name: str, root: Path, paths: SourcePaths = SourcePaths(), limit: int | None = None
) -> Source:
    """Find the samples of the source `name` ('celebamask-hq' or 'folder') under `root`.

    limit  take only the first so many samples
    """
    given_root, root = Path(root).expanduser(), _find_root(root)
    source = Source(name, root)
    problems = source.problems
    images = _list_by_stem(_find_folder(root, paths.images, IMAGES, "images"), problems)
    masks, parts = _find_masks(root, paths, problems)
    captions = _find_captions(source, paths, given_root)
    drawings = {}
    if folder := _find_folder(root, paths.drawings, DRAWINGS, "drawings", needed=False):
        drawings = _list_by_stem(folder, problems)
    cameras = _read_cameras(root, paths)
    landmarks = read_landmark_folder(paths.landmarks) if paths.landmarks else {}
    _check_numbering(images, {**masks, **parts}, problems)

    names = _zip_names(images, problems)
    for key in list(names)[:limit]:
        camera, points = cameras.get(key), landmarks.get(key)
        source.samples.append(
            SourceSample(
                names[key],
                images[key],
                masks.get(key),
                tuple(sorted(parts.get(key, {}).items())),
                captions.of(key, problems),
                drawings.get(key),
                None if camera is None else tuple(map(float, camera)),
                None if points is None else tuple(map(tuple, points.tolist())),
            )
        )

    without_image = {**masks, **parts}.keys() - images.keys()
    for key in sorted(without_image, key=_sort_key):
        mask = masks.get(key) or next(iter(parts[key].values()))
        problems.append(Problem(key, "a mask without an image", str(mask)))
    return source


def _find_root(root: Path) -> Path:
    """Return the folder with the data: the root itself, or CelebAMask-HQ/ in it."""
    root = Path(root).expanduser()
    if not root.is_dir():
        raise DataError(
            f"There is no folder {root}; give the folder that the data was unpacked to."
        )
    return root / "CelebAMask-HQ" if (root / "CelebAMask-HQ").is_dir() else root


def _find_folder(
    root: Path, path: Path | None, known: Iterable[str], what: str, needed: bool = True
) -> Path | None:
    """Return the folder `path`, else the first known one under the root; None if not needed."""
    if path is not None:
        if not Path(path).is_dir():
            raise DataError(f"There is no folder {path} of {what}.")
        return Path(path)
    for name in known:
        if (root / name).is_dir():
            return root / name
    if needed:
        raise DataError(
            f"{root} has no folder of {what} ({', '.join(known)}); name it with --{what}."
        )
    return None


def _list_by_stem(folder: Path, problems: list[Problem]) -> dict[str, Path]:
    """Return stem → path of the images in a folder.

    Of two with one stem ("12.png", "00012.jpg") the first is kept.
    """
    files = sorted(path for path in folder.iterdir() if is_image_file(path))
    check_names((path.name for path in files), str(folder))
    if not files:
        raise DataError(f"The folder {folder} holds no pictures ({', '.join(SUFFIXES)}).")
    by_stem: dict[str, Path] = {}
    for path in files:
        key = stem(path)
        first = by_stem.setdefault(key, path)
        if first is not path:
            problem = f"a second file of this name; {first.name} is used"
            problems.append(Problem(key, problem, str(path)))
    return by_stem


def _find_masks(
    root: Path, paths: SourcePaths, problems: list[Problem]
) -> tuple[dict[str, Path], dict[str, dict[int, Path]]]:
    """Return (stem → label map, stem → {class: part mask}); one of them is empty."""
    folder = paths.masks
    if not folder:
        known = (*PARTS, *MASKS)
        folder = next((root / name for name in known if (root / name).is_dir()), None)
        if folder is None:
            raise DataError(
                f"{root} has no folder of masks ({', '.join(known)}); name it with --masks."
            )
    parts = find_parts(Path(folder), problems)
    if parts:
        return {}, parts
    return _list_by_stem(Path(folder), problems), {}


def find_parts(folder: Path, problems: list[Problem]) -> dict[str, dict[int, Path]]:
    """Find stem → {class: file} of NNNNN_part.png files in a folder or its numbered folders."""
    parts: dict[str, dict[int, Path]] = {}
    for path in sorted(folder.glob("*.png")) + sorted(folder.glob("*/*.png")):
        match = PART_NAME.fullmatch(path.name)
        if not match:
            continue
        number, label = int(match[1]), CLASSES.index(match[2])
        key = str(number)
        if key not in parts:
            parts[key] = {}
            subfolder = path.parent.name
            expected = number // IMAGES_PER_FOLDER
            is_numbered = path.parent != folder and subfolder.isdecimal()
            if is_numbered and int(subfolder) != expected:
                problem = f"lies in folder {subfolder}, belongs in {expected}"
                problems.append(Problem(key, problem, str(path)))
        if label in parts[key]:
            problem = f"a second {CLASSES[label]} mask; the first is used"
            problems.append(Problem(key, problem, str(path)))
        parts[key].setdefault(label, path)
    return parts


def _find_captions(source: Source, paths: SourcePaths, given_root: Path) -> Captions:
    """Find captions under the root of the data, beside it, or beside the folder of images."""
    if paths.without_captions:
        return Captions()
    per_image = 10 if source.name == "celebamask-hq" else 1
    roots = [source.root, given_root]
    if paths.images is not None:
        roots.append(Path(paths.images).absolute().parent)
    captions = Captions.find(roots, paths.captions, per_image)
    if not captions.exist:
        problem = (
            "there are no captions (NAME.txt with one per line is looked for in "
            f"{', '.join(FOLDERS)}), so that every prompt would be empty; name them with "
            "--captions, or say --captions none"
        )
        source.problems.append(Problem("", problem))
    return captions


def _read_cameras(root: Path, paths: SourcePaths) -> dict:
    file = paths.cameras
    if not file:
        file = next((root / name for name in CAMERAS if (root / name).is_file()), None)
    return {} if file is None else read_camera_labels(file, paths.convention)


def _check_numbering(images: Iterable[str], masks: Iterable[str], problems: list[Problem]) -> None:
    """Notice masks that are numbered from 1 and images from 0, or the other way round."""
    image_numbers = {int(key) for key in images if key.isdecimal()}
    mask_numbers = {int(key) for key in masks if key.isdecimal()}
    if len(image_numbers) < 2 or image_numbers == mask_numbers:
        return
    for shift in (1, -1):
        if {number + shift for number in image_numbers} == mask_numbers:
            problem = (
                f"masks are numbered from {min(mask_numbers)} but images from "
                f"{min(image_numbers)}: every mask may belong to its neighbor"
            )
            problems.append(Problem("", problem))


def _sort_key(key: str) -> tuple:
    """Sort numbers by value, before names."""
    return (0, int(key), "") if key.isdecimal() else (1, 0, key)


def _zip_names(images: dict[str, Path], problems: list[Problem]) -> dict[str, str]:
    """Return key → name in the zip, in order; of two keys with one name the second is left out."""
    key_of_name: dict[str, str] = {}
    for key in sorted(images, key=_sort_key):
        first = key_of_name.setdefault(_safe_name(key), key)
        if first != key:
            problem = f"its name is that of '{first}' but for odd characters; rename it"
            problems.append(Problem(key, problem, str(images[key]), skipped=True))
    return {key: name for name, key in key_of_name.items()}


def _safe_name(key: str) -> str:
    """Return a name for files in the zip: five digits, or the stem without odd characters."""
    return f"{int(key):05d}" if key.isdecimal() else re.sub(r"[^\w.-]+", "-", key)
