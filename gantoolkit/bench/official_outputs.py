"""Where the official programs put their results, and which of our samples a file belongs to.

A file outputs.jsonl in the folder, with lines {"id": …, "file": …}, is believed before any adapter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.errors import DataError
from gantoolkit.core.text import check_names, normal_name
from gantoolkit.inference.manifest import MANIFEST as OUR_MANIFEST
from gantoolkit.inference.manifest import SYSTEM_KEYS

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MANIFEST = "outputs.jsonl"
MAX_BYTES = 200  # of a prompt that is the name of a folder; file systems take 255


@dataclass(frozen=True)
class SampleId:
    """One of our samples, for which an output is expected."""

    id: str  # the stem of its picture's file
    text: str = ""


@dataclass(frozen=True)
class Output:
    """One file of a program."""

    path: Path
    right: bool = False  # whether the result is the right half of torchvision's two-tile grid


Outputs = dict[str, Output]  # by id


@dataclass(frozen=True)
class Adapter:
    """A program: how its outputs are found, and what a table says of it."""

    find: Callable[[Path, Sequence[SampleId]], Outputs]
    looks_for: str  # what `find` looks for, in words
    needs: tuple[str, ...] | None = ("text", "mask")  # what the program sees; None: not known
    model: str = "GAN"
    is_3d: bool = False


def find_outputs(adapter: Adapter, folder: Path, samples: Sequence[SampleId]) -> Outputs:
    """Find the outputs of samples in a folder; a sample without one is left out."""
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}; give NAME=DIR with what the program wrote.")
    listed = _read_manifest(folder)
    not_listed = [sample for sample in samples if sample.id not in listed]
    others = adapter.find(folder, not_listed) if not_listed else {}
    _check_one_system(folder, {output.path.name for output in others.values()})
    outputs = {sample.id: listed[sample.id] for sample in samples if sample.id in listed}
    return outputs | others


def _read_manifest(folder: Path) -> Outputs:
    """Read outputs.jsonl, if there is one; every file that it names must exist."""
    outputs = {}
    for line in files.read_json_lines(folder / MANIFEST):
        if "id" in line and "file" in line:
            outputs[line["id"]] = Output(folder / line["file"])
    for output in outputs.values():
        if not output.path.is_file():
            raise DataError(
                f"{folder / MANIFEST} names {output.path.name}, which is not in the folder."
            )
    return outputs


def _check_one_system(folder: Path, names: Collection[str]) -> None:
    """Refuse pictures that `gantoolkit generate` made with different systems."""
    lines = files.read_json_lines(folder / OUR_MANIFEST)
    lines = [line for line in lines if line.get("file") in names]
    mixed = []
    for key in SYSTEM_KEYS:
        values = {json.dumps(line.get(key), sort_keys=True) for line in lines}
        if len(values) > 1:
            mixed.append(key)
    if mixed:
        raise DataError(
            f"{folder} holds pictures of several systems: its {OUR_MANIFEST} names more than one "
            f"{' and '.join(mixed)}; draw each system into a folder of its own."
        )


def pictures_in(folder: Path) -> list[Path]:
    """List the pictures directly in a folder, by name."""
    pictures = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES)
    check_names((path.name for path in pictures), str(folder))
    return pictures


def match_names(named: Mapping[str, Output], samples: Iterable[SampleId]) -> Outputs:
    """Match names with ids: exactly, else by number ("img00000012" is "12").

    A name counts by number if it contains one number; a number that two names have matches neither.
    """
    by_number: dict[int, list[Output]] = {}
    named = {normal_name(name): output for name, output in named.items()}
    for name, output in named.items():
        digits = re.findall(r"\d+", name)
        if len(digits) == 1:
            by_number.setdefault(int(digits[0]), []).append(output)

    outputs: Outputs = {}
    for sample in samples:
        same_number = by_number.get(int(sample.id), []) if sample.id.isdecimal() else []
        if normal_name(sample.id) in named:
            outputs[sample.id] = named[normal_name(sample.id)]
        elif len(same_number) == 1:
            outputs[sample.id] = same_number[0]
    return outputs


def folder_safe(text: str) -> str:
    """Turn a prompt into the name of a folder: no slashes, whole words of at most MAX_BYTES.

    An empty prompt becomes " ".

    >>> folder_safe("a man / a woman")
    'a man a woman'
    """
    name = ""
    for word in re.sub(r"[/\\\x00-\x1f]", " ", text).split():
        longer = f"{name} {word}".strip()
        if len(longer.encode()) > MAX_BYTES:
            break
        name = longer
    return name if name.strip(".") else " "


def uac_prompt(text: str) -> str:
    """Return a prompt as Unite and Conquer reads it, which cuts text.txt at a second colon."""
    return folder_safe(text.replace(":", ","))


def collaborative_prompt(text: str) -> str:
    """Return a prompt as Collaborative Diffusion reads it, in lower case."""
    return folder_safe(text.lower())


def find_plain(folder: Path, samples: Sequence[SampleId]) -> Outputs:
    """Find ID.png, of whatever wrote it."""
    return match_names({path.stem: Output(path) for path in pictures_in(folder)}, samples)


def find_ours(folder: Path, samples: Sequence[SampleId]) -> Outputs:
    """Find what `gantoolkit generate` made: the first picture of every input, else ID.png."""
    named: dict[str, Output] = {}
    for line in files.read_json_lines(folder / OUR_MANIFEST):
        if line.get("kind") == "image" and line.get("view", 0) == 0 and "input" in line:
            named.setdefault(Path(line["input"]).stem, Output(folder / line["file"]))
    return match_names(named, samples) or find_plain(folder, samples)


def find_tedigan(folder: Path, samples: Sequence[SampleId]) -> Outputs:
    """Find ID/final_result.png, ID.png or ID_inv.png.

    The first two are grids of input and result, by TediGAN's folder ext; ID_inv.png is by base.
    demo.py overwrites experiment/final_result.png, so a run must move it to a name of its own.
    """
    named: dict[str, Output] = {}
    for path in sorted(folder.glob("*/final_result.png")):
        named[path.parent.name] = Output(path, right=True)
    for path in pictures_in(folder):
        if path.stem.endswith("_inv"):
            named.setdefault(path.stem.removesuffix("_inv"), Output(path))
        elif not path.stem.endswith(("_ori", "_enc")):
            named.setdefault(path.stem.removesuffix("_final_result"), Output(path, right=True))
    return match_names(named, samples)


def find_ide3d(folder: Path, samples: Sequence[SampleId]) -> Outputs:
    """Find ID/rec_img.png of infer_hybrid_encoder.py."""
    paths = sorted(folder.glob("**/rec_img.png"))
    return match_names({path.parent.name: Output(path) for path in paths}, samples)


def find_uac(folder: Path, samples: Sequence[SampleId]) -> Outputs:
    """Find non_grid/MODALITIES/TEXT/N.png.

    N counts the samples of a text, in the order of their file names. The program loses the prompt
    where other arguments follow it. Then all results lie in MODALITIES itself, and N counts all
    samples.
    """
    top = next((path for path in sorted(folder.glob("**/non_grid")) if path.is_dir()), folder)
    folders = sorted({path.parent for path in top.rglob("*.png") if path.stem.isdecimal()})
    outputs: Outputs = {}
    for of_text in folders:
        text = of_text.name.strip()
        counted = [sample for sample in samples if text in _uac_folders(sample)]
        if not counted and len(folders) == 1:
            counted = samples
        for number, sample in enumerate(sorted(counted, key=lambda sample: f"{sample.id}.jpg")):
            path = of_text / f"{number}.png"
            if path.is_file():
                outputs.setdefault(sample.id, Output(path))
    return outputs


def _uac_folders(sample: SampleId) -> tuple[str, ...]:
    """Return how the folder of a sample's text may be called."""
    before_colon = sample.text.partition(":")[0]
    return sample.text.strip(), before_colon.strip(), uac_prompt(sample.text).strip()


def find_collaborative(folder: Path, samples: Sequence[SampleId]) -> Outputs:
    """Find MASK FILE/PROMPT/000000_x_0.png; of several prompts the sample's own, in lower case."""
    by_mask: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*_x_0.png")):
        by_mask.setdefault(Path(path.parent.parent.name).stem, []).append(path)

    outputs: Outputs = {}
    for sample in samples:
        paths = by_mask.get(sample.id, [])
        prompts = sample.text.strip().lower(), collaborative_prompt(sample.text).strip()
        own = [path for path in paths if path.parent.name.strip().lower() in prompts]
        if own or len(paths) == 1:
            outputs[sample.id] = Output((own or paths)[0])
    return outputs


def mmface_slug(text: str) -> str:
    """Return what MMFace-DiT makes of a prompt in the names of its files.

    >>> mmface_slug("A young woman, with long wavy hair.")
    'Ayoungwomanwithlongwavyhair'
    """
    return "".join(filter(str.isalnum, text))[:30]


def find_mmface(folder: Path, samples: Sequence[SampleId]) -> Outputs:
    """Find ID_MODALITY_SLUG_seedN.png; of several the sample's own prompt, then the lowest seed."""
    by_id: dict[str, list[tuple[str, int, Path]]] = {}
    for path in pictures_in(folder):
        match = re.fullmatch(r"(.+)_(?:mask|sketch)_([^_]*)_seed(\d+)", path.stem)
        if match:
            found = match[2], int(match[3]), path
            by_id.setdefault(normal_name(match[1]), []).append(found)

    outputs: Outputs = {}
    for sample in samples:
        found = by_id.get(normal_name(sample.id), [])
        own = [one for one in found if one[0] == mmface_slug(sample.text)]
        if found:
            _, _, path = min(own or found, key=lambda one: one[1])
            outputs[sample.id] = Output(path)
    return outputs


ADAPTERS = {
    "folder": Adapter(find_plain, "ID.png", needs=None),
    "gantoolkit": Adapter(find_ours, f"{OUR_MANIFEST}, ID.png"),
    "tedigan": Adapter(find_tedigan, "ID/final_result.png, ID.png, ID_inv.png"),
    "ide3d": Adapter(
        find_ide3d, "ID/rec_img.png", needs=("text", "mask", "camera", "image"), is_3d=True
    ),
    "uac": Adapter(find_uac, "non_grid/MODALITIES/TEXT/N.png", model="diffusion"),
    "controlnet": Adapter(find_plain, "ID.png", model="diffusion"),
    "collaborative": Adapter(find_collaborative, "ID.png/PROMPT/000000_x_0.png", model="diffusion"),
    "mmface": Adapter(find_mmface, "ID_mask_SLUG_seedN.png", model="diffusion"),
    "facemogle": Adapter(find_plain, "ID.jpg", model="diffusion"),
}
