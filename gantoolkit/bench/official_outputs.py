"""Where the official programs put their results: naming, tiling, and which of our samples a file belongs to.

An adapter is a function (folder, wanted) → id → Output. A file outputs.jsonl in the folder, with lines
{"id": …, "file": …}, is believed before any adapter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.errors import DataError
from gantoolkit.inference.generate import MANIFEST as DRAWN
from gantoolkit.inference.generate_dataset import SYSTEM

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MANIFEST = "outputs.jsonl"
LONGEST = 200  # bytes of a prompt that is the name of a folder; file systems take 255


@dataclass(frozen=True)
class Wanted:
    """One of our samples."""

    id: str  # the stem of its picture's file
    text: str = ""


@dataclass(frozen=True)
class Output:
    """One file of a program; `right` takes the right half of torchvision's two-tile grids."""

    path: Path
    right: bool = False


Found = dict[str, Output]


@dataclass(frozen=True)
class Adapter:
    """`find` with what it looks for in words, and what the program sees (None: not known)."""

    find: Callable[[Path, Sequence[Wanted]], Found]
    looks_for: str
    needs: tuple[str, ...] | None = ("text", "mask")
    model: str = "GAN"
    is_3d: bool = False


def outputs(adapter: Adapter, folder: Path, wanted: Sequence[Wanted]) -> Found:
    """What the folder holds of the wanted samples."""
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}; give NAME=DIR with what the program wrote.")
    listed = {
        row["id"]: Output(folder / row["file"])
        for row in files.read_json_lines(folder / MANIFEST)
        if "id" in row and "file" in row
    }
    if gone := [o.path for o in listed.values() if not o.path.is_file()]:
        raise DataError(f"{folder / MANIFEST} names {gone[0].name}, which is not there.")
    rest = [w for w in wanted if w.id not in listed]
    found = adapter.find(folder, rest) if rest else {}
    if mixed := _mixed(folder, {output.path.name for output in found.values()}):
        raise DataError(
            f"{folder} holds pictures of several systems: its {DRAWN} names more than one "
            f"{' and '.join(mixed)}; draw each system into a folder of its own."
        )
    return {w.id: listed[w.id] for w in wanted if w.id in listed} | found


def _mixed(folder: Path, names: Collection[str]) -> list[str]:
    """In what the pictures of these names differ that `gantoolkit generate` drew."""
    rows = [row for row in files.read_json_lines(folder / DRAWN) if row.get("file") in names]
    return [
        key for key in SYSTEM if len({json.dumps(row.get(key), sort_keys=True) for row in rows}) > 1
    ]


def pictures(folder: Path) -> list[Path]:
    """Pictures directly in a folder, by name."""
    return sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES)


def by_name(named: Mapping[str, Output], wanted: Iterable[Wanted]) -> Found:
    """Match exactly, else by number where every name is one number ("img00000012" is "12") and none is used twice."""
    numbers: dict[int, list[Output]] = {}
    for name, output in named.items():
        digits = re.findall(r"\d+", name)
        if len(digits) == 1:
            numbers.setdefault(int(digits[0]), []).append(output)
    found: Found = {}
    for one in wanted:
        same = numbers.get(int(one.id), []) if one.id.isdecimal() else []
        if one.id in named:
            found[one.id] = named[one.id]
        elif len(same) == 1:
            found[one.id] = same[0]
    return found


def folder_safe(text: str) -> str:
    """A prompt that can be the name of a folder: no slashes, at most LONGEST bytes of whole words, " " for none."""
    kept = ""
    for word in re.sub(r"[/\\\x00-\x1f]", " ", text).split():
        longer = f"{kept} {word}".strip()
        if len(longer.encode()) > LONGEST:
            break
        kept = longer
    return kept if kept.strip(".") else " "


def uac_prompt(text: str) -> str:
    """A prompt as Unite and Conquer can read it: it cuts lines of text.txt at the second colon."""
    return folder_safe(text.replace(":", ","))


def collaborative_prompt(text: str) -> str:
    """A prompt as Collaborative Diffusion reads it, in lower case."""
    return folder_safe(text.lower())


def plain(folder: Path, wanted: Sequence[Wanted]) -> Found:
    """ID.png, of whatever wrote it."""
    return by_name({p.stem: Output(p) for p in pictures(folder)}, wanted)


def own(folder: Path, wanted: Sequence[Wanted]) -> Found:
    """manifest.jsonl of `gantoolkit generate`: the first picture of every input."""
    named: dict[str, Output] = {}
    for row in files.read_json_lines(folder / DRAWN):
        if row.get("kind") == "image" and row.get("view", 0) == 0 and "input" in row:
            named.setdefault(Path(row["input"]).stem, Output(folder / row["file"]))
    return by_name(named, wanted) or plain(folder, wanted)


def tedigan(folder: Path, wanted: Sequence[Wanted]) -> Found:
    """ext: ID/final_result.png or ID.png, a grid of input and result; base: ID_inv.png.

    demo.py writes experiment/final_result.png over and over, so that a run must move it to a name of its own.
    """
    named = {
        p.parent.name: Output(p, right=True) for p in sorted(folder.glob("*/final_result.png"))
    }
    for path in pictures(folder):
        stem = path.stem.removesuffix("_final_result")
        if path.stem.endswith("_inv"):
            named.setdefault(path.stem.removesuffix("_inv"), Output(path))
        elif not path.stem.endswith(("_ori", "_enc")):
            named.setdefault(stem, Output(path, right=True))
    return by_name(named, wanted)


def ide3d(folder: Path, wanted: Sequence[Wanted]) -> Found:
    """infer_hybrid_encoder.py: ID/rec_img.png."""
    return by_name(
        {
            p.parent.name.rpartition("/")[2]: Output(p)
            for p in sorted(folder.glob("**/rec_img.png"))
        },
        wanted,
    )


def uac(folder: Path, wanted: Sequence[Wanted]) -> Found:
    """non_grid/MODALITIES/TEXT/N.png: N counts the samples of a text, in the order of their file names.

    The program loses the prompt where other arguments follow it; then all results lie in MODALITIES itself, and N
    counts all samples.
    """
    top = next((p for p in sorted(folder.glob("**/non_grid")) if p.is_dir()), folder)
    homes = sorted({p.parent for p in top.rglob("*.png") if p.stem.isdecimal()})
    found: Found = {}
    for home in homes:
        of_text = [
            w
            for w in wanted
            if home.name.strip()
            in (w.text.strip(), w.text.partition(":")[0].strip(), uac_prompt(w.text).strip())
        ]
        queue = sorted(of_text or (wanted if len(homes) == 1 else []), key=lambda w: f"{w.id}.jpg")
        for n, one in enumerate(queue):
            if (path := home / f"{n}.png").is_file():
                found.setdefault(one.id, Output(path))
    return found


def collaborative(folder: Path, wanted: Sequence[Wanted]) -> Found:
    """MASK FILE/PROMPT/000000_x_0.png; among several prompts the sample's own, in lower case."""
    groups: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*_x_0.png")):
        groups.setdefault(Path(path.parent.parent.name).stem, []).append(path)
    found: Found = {}
    for one in wanted:
        mine = groups.get(one.id, [])
        told = one.text.strip().lower(), collaborative_prompt(one.text).strip()
        said = [p for p in mine if p.parent.name.strip().lower() in told]
        if said or len(mine) == 1:
            found[one.id] = Output((said or mine)[0])
    return found


ADAPTERS = {
    "folder": Adapter(plain, "ID.png", None),
    "gantoolkit": Adapter(own, f"{DRAWN}, ID.png"),
    "tedigan": Adapter(tedigan, "ID/final_result.png, ID.png, ID_inv.png"),
    "ide3d": Adapter(ide3d, "ID/rec_img.png", ("text", "mask", "camera", "image"), is_3d=True),
    "uac": Adapter(uac, "non_grid/MODALITIES/TEXT/N.png", model="diffusion"),
    "controlnet": Adapter(plain, "ID.png", model="diffusion"),
    "collaborative": Adapter(collaborative, "ID.png/PROMPT/000000_x_0.png", model="diffusion"),
}
