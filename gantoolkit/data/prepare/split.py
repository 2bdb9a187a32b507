"""Who is trained on and who is tested, and the frozen list of evaluation pairs.

MM-CelebA-HQ's split trains on images 0 to 23999 and tests on 24000 to 29999. CelebA's own split goes through
CelebA-HQ-to-CelebA-mapping.txt. Evaluation reads 2,000 fixed (image, caption) pairs of the test split:
`celebamask_pairs.json` beside this file, drawn once; other data sets get theirs from a seed.
"""

from __future__ import annotations

import hashlib
import json
import random
from importlib.resources import files as package_files
from pathlib import Path

from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.core.suggest import check_choice
from gantoolkit.data.prepare.sources import Source, SourceSample

SPLITS = ("mm", "celeba", "share")
FIRST_TEST = 24000  # MM-CelebA-HQ
CELEBA = (162771, 182638)  # first original number of CelebA's validation and test images
MAPPING = "CelebA-HQ-to-CelebA-mapping.txt"
PAIRS = 2000


def split_source(source: Source, how: str, share: float = 0.1) -> dict[str, list[SourceSample]]:
    """'train', 'val', 'test' → entries; empty splits are left out."""
    check_choice("split", how, SPLITS)
    if how != "share" and not all(e.name.isdecimal() for e in source.samples):
        raise UsageError(
            f"The split '{how}' goes by CelebA-HQ's numbers, which these names are not; use "
            f"--split share."
        )
    tested = _tested([e.name for e in source.samples], share) if how == "share" else set()
    place = {
        "mm": lambda e: "train" if int(e.name) < FIRST_TEST else "test",
        "celeba": _celeba(source.root) if how == "celeba" else None,
        "share": lambda e: "test" if e.name in tested else "train",
    }[how]
    found: dict[str, list[SourceSample]] = {"train": [], "val": [], "test": []}
    for entry in source.samples:
        found[place(entry)].append(entry)
    return {name: entries for name, entries in found.items() if entries}


def _celeba(root: Path):
    """SourceSample → split by CelebA's original numbers: rows "index original_index original_file"."""
    path = next((p for p in (root / MAPPING, root.parent / MAPPING) if p.is_file()), None)
    if path is None:
        raise DataError(f"{root} has no {MAPPING}, which --split celeba needs; use --split mm.")
    rows = (line.split() for line in path.read_text().splitlines())
    original = {int(row[0]): int(row[1]) for row in rows if len(row) >= 2 and row[0].isdecimal()}

    def place(entry: SourceSample) -> str:
        number = original.get(int(entry.name))
        if number is None:
            raise DataError(f"{path} has no row of image {int(entry.name)}.")
        return "train" if number < CELEBA[0] else "val" if number < CELEBA[1] else "test"

    return place


def _tested(names: list[str], share: float) -> set[str]:
    """The share of names with the smallest hashes, at least one: added samples hardly change the split."""
    if not 0 <= share < 1:
        raise UsageError(f"A test share of {share} makes no sense; choose 0 to 1.")
    ordered = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
    return (
        set(ordered[: max(round(share * len(names)), min(1, len(names) - 1))]) if share else set()
    )


def frozen_pairs() -> list[tuple[str, int]]:
    """The 2,000 (name, caption) pairs of CelebAMask-HQ's test split."""
    text = (
        package_files("gantoolkit.data.prepare")
        .joinpath("celebamask_pairs.json")
        .read_text(encoding="utf-8")
    )
    return [(f"{number:05d}", caption) for number, caption in json.loads(text)["pairs"]]


def draw_pairs(
    names: list[str], captions: dict[str, int], count: int = PAIRS, seed: int = 0
) -> list[tuple[str, int]]:
    """Up to `count` names in a seeded order, each with one of its captions."""
    stream = random.Random(seed)
    chosen = stream.sample(sorted(names), min(count, len(names)))
    return sorted((name, stream.randrange(max(1, captions.get(name, 1)))) for name in chosen)


def evaluation_pairs(source: Source, tested: list[SourceSample]) -> list[tuple[str, int]]:
    """The evaluation pairs of a source's test split: the frozen list where it applies, else a drawn one."""
    names = [entry.name for entry in tested]
    if source.name == "celebamask-hq":
        known = set(names)
        found = [(name, caption) for name, caption in frozen_pairs() if name in known]
        if found:
            return found
    return draw_pairs(names, {e.name: len(e.captions) for e in tested})


def main() -> None:
    """Print the frozen list anew: `python -m gantoolkit.data.prepare.split > celebamask_pairs.json`."""
    names = [str(number) for number in range(FIRST_TEST, 30000)]
    rows = sorted(
        (int(name), caption) for name, caption in draw_pairs(names, {name: 10 for name in names})
    )
    about = (
        "2,000 pairs (image, caption 0..9) of CelebAMask-HQ's test split 24000..29999, drawn by "
        "random.Random(0)"
    )
    print(json.dumps({"about": about, "pairs": rows}, separators=(",", ":")))


if __name__ == "__main__":
    main()
