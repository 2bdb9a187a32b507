"""What a data set on disk consists of: CelebAMask-HQ in its published layouts, or a folder of one's own.

Nothing is opened here but captions and camera files; what is missing or lies in the wrong place becomes a
Problem, never an exception.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from gantoolkit.core.errors import DataError
from gantoolkit.core.labels import CLASSES
from gantoolkit.data.cameras import read_camera_labels, stem
from gantoolkit.data.label_maps import SUFFIXES
from gantoolkit.data.landmarks import read_landmark_folder
from gantoolkit.data.prepare.captions import FOLDERS, Captions
from gantoolkit.data.prepare.problem import Problem

NAMES = ("celebamask-hq", "folder")
PER_FOLDER = 2000  # images whose parts lie in one numbered folder
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
    five: tuple[tuple[float, float], ...] | None = None  # landmarks in pixels of the image


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
    drawings: Path | None = None
    cameras: Path | None = None
    landmarks: Path | None = None
    convention: str = "auto"


def find_source(
    name: str, root: Path, places: SourcePaths = SourcePaths(), limit: int | None = None
) -> Source:
    """The source `name` ('celebamask-hq' or 'folder') under `root`."""
    root = _inside(root)
    source = Source(name, root)
    images = _pictures(_folder(root, places.images, IMAGES, "images"), source.problems)
    masks, parts = _masks(root, places, source.problems)
    captions = Captions.find(root, places.captions, per_image=10 if name == "celebamask-hq" else 1)
    if not captions.given:
        source.problems.append(
            Problem(
                "",
                "there are no captions (NAME.txt with one per line is looked for in "
                f"{', '.join(FOLDERS)}), so that every prompt will be empty",
            )
        )
    drawings = _folder(root, places.drawings, DRAWINGS, "drawings", needed=False)
    drawn = _pictures(drawings, source.problems) if drawings else {}
    cameras = _cameras(root, places)
    five = read_landmark_folder(places.landmarks) if places.landmarks else {}
    _numbering(images, {**masks, **parts}, source.problems)
    safe = _names(images, source.problems)
    for key in list(safe)[:limit]:
        label, points = cameras.get(key), five.get(key)
        source.samples.append(
            SourceSample(
                safe[key],
                images[key],
                masks.get(key),
                tuple(sorted(parts.get(key, {}).items())),
                captions.of(key, source.problems),
                drawn.get(key),
                None if label is None else tuple(map(float, label)),
                None if points is None else tuple(map(tuple, points.tolist())),
            )
        )
    for key in sorted({**masks, **parts}.keys() - images.keys(), key=_order):
        mask = masks.get(key) or next(iter(parts[key].values()))
        source.problems.append(Problem(key, "a mask without an image", str(mask)))
    return source


def _inside(root: Path) -> Path:
    root = Path(root).expanduser()
    if not root.is_dir():
        raise DataError(
            f"There is no folder {root}; give the folder that the data was unpacked to."
        )
    return root / "CelebAMask-HQ" if (root / "CelebAMask-HQ").is_dir() else root


def _folder(
    root: Path, given: Path | None, known: Iterable[str], what: str, needed: bool = True
) -> Path | None:
    if given is not None:
        if not Path(given).is_dir():
            raise DataError(f"There is no folder {given} of {what}.")
        return Path(given)
    found = next((root / name for name in known if (root / name).is_dir()), None)
    if found is None and needed:
        raise DataError(
            f"{root} has no folder of {what} ({', '.join(known)}); name it with --{what}."
        )
    return found


def _pictures(folder: Path, problems: list[Problem]) -> dict[str, Path]:
    """stem → path of the pictures directly in a folder; of two with one stem ("12.png", "00012.jpg") the first."""
    found = sorted(
        p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")
    )
    if not found:
        raise DataError(f"The folder {folder} holds no pictures ({', '.join(SUFFIXES)}).")
    kept: dict[str, Path] = {}
    for path in found:
        if kept.setdefault(stem(path), path) is not path:
            problems.append(
                Problem(
                    stem(path),
                    f"a second file of this name; {kept[stem(path)].name} is used",
                    str(path),
                )
            )
    return kept


def _masks(root: Path, places: SourcePaths, problems: list[Problem]):
    """(stem → label map, stem → {class: part mask}); one of them is empty."""
    folder = places.masks or next((root / n for n in (*PARTS, *MASKS) if (root / n).is_dir()), None)
    if folder is None:
        raise DataError(
            f"{root} has no folder of masks ({', '.join((*PARTS, *MASKS))}); name it with --masks."
        )
    parts = find_parts(Path(folder), problems)
    return ({}, parts) if parts else (_pictures(Path(folder), problems), {})


PART_NAME = re.compile(r"(\d+)_(" + "|".join(CLASSES[1:]) + r")\.png")


def find_parts(folder: Path, problems: list[Problem]) -> dict[str, dict[int, Path]]:
    """stem → {class: file} of NNNNN_part.png files in a folder or its numbered folders."""
    found: dict[str, dict[int, Path]] = {}
    for path in sorted(folder.glob("*.png")) + sorted(folder.glob("*/*.png")):
        matched = PART_NAME.fullmatch(path.name)
        if not matched:
            continue
        key, label = str(int(matched[1])), CLASSES.index(matched[2])
        home = path.parent.name
        wrong = path.parent != folder and home.isdecimal() and int(home) != int(key) // PER_FOLDER
        if wrong and key not in found:
            belongs = int(key) // PER_FOLDER
            problems.append(Problem(key, f"lies in folder {home}, belongs in {belongs}", str(path)))
        if label in found.setdefault(key, {}):
            problems.append(
                Problem(key, f"a second {CLASSES[label]} mask; the first is used", str(path))
            )
        found[key].setdefault(label, path)
    return found


def _cameras(root: Path, places: SourcePaths) -> dict:
    file = places.cameras or next((root / n for n in CAMERAS if (root / n).is_file()), None)
    return {} if file is None else read_camera_labels(file, places.convention)


def _numbering(images: dict, masks: dict, problems: list[Problem]) -> None:
    """Notice masks that are numbered from 1 while images are numbered from 0, or the other way round."""
    numbers = [{int(k) for k in names if k.isdecimal()} for names in (images, masks)]
    for shift in (1, -1):
        moved = {n + shift for n in numbers[0]}
        if len(numbers[0]) > 1 and moved == numbers[1] and moved != numbers[0]:
            first = [min(n) for n in numbers]
            problems.append(
                Problem(
                    "",
                    f"masks are numbered from {first[1]} but images from {first[0]}: "
                    "every mask may belong to its neighbour",
                )
            )


def _order(key: str) -> tuple:
    return (0, int(key), "") if key.isdecimal() else (1, 0, key)


def _names(images: dict[str, Path], problems: list[Problem]) -> dict[str, str]:
    """key → name in the zip, in order; of two keys that would get one name the second is left out."""
    taken: dict[str, str] = {}
    for key in sorted(images, key=_order):
        if (other := taken.setdefault(_safe(key), key)) != key:
            problems.append(
                Problem(
                    key,
                    f"its name is that of '{other}' but for odd characters; rename it",
                    str(images[key]),
                    skipped=True,
                )
            )
    return {key: name for name, key in taken.items()}


def _safe(key: str) -> str:
    """A name for files in the zip: five digits, or the stem without odd characters."""
    return f"{int(key):05d}" if key.isdecimal() else re.sub(r"[^\w.-]+", "-", key)
