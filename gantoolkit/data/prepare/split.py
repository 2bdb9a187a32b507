"""Who is trained on and who is tested, and the frozen list of evaluation pairs.

MM-CelebA-HQ's split trains on images 0 to 23999 and tests on 24000 to 29999. CelebA's own split
goes through CelebA-HQ-to-CelebA-mapping.txt. Evaluation reads 2,000 fixed (image, caption) pairs of
the test split: `celebamask_pairs.json` beside this file, drawn once; other data sets get theirs
from a seed.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from importlib.resources import files as package_files
from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.core.suggest import check_choice
from gantoolkit.data.prepare.sources import Source, SourceSample

SPLITS = ("mm", "celeba", "share")
FIRST_TEST = 24000  # first test image of MM-CelebA-HQ's split
LAST = 30000  # images of CelebA-HQ
FIRST_VALIDATION_CELEBA = 162771  # first validation image of CelebA's split, by its own numbers
FIRST_TEST_CELEBA = 182638
MAPPING = "CelebA-HQ-to-CelebA-mapping.txt"
PAIRS = 2000  # of the frozen list


def split_source(
    source: Source, how: str, test_share: float = 0.1
) -> dict[str, list[SourceSample]]:
    """Split the samples into 'train', 'val' and 'test'; empty splits are left out.

    how         one of SPLITS
    test_share  share of samples in the test split, for how="share"
    """
    check_choice("split", how, SPLITS)
    names = [sample.name for sample in source.samples]
    if how == "share":
        tested = _test_names(names, test_share)

        def choose(name: str) -> str:
            return "test" if name in tested else "train"

    elif not all(name.isdecimal() for name in names):
        raise UsageError(
            f"The split '{how}' goes by CelebA-HQ's numbers, which these names are not; use "
            "--split share."
        )
    elif how == "celeba":
        choose = _celeba_split(source.root)
    else:  # MM-CelebA-HQ

        def choose(name: str) -> str:
            return "train" if int(name) < FIRST_TEST else "test"

    splits: dict[str, list[SourceSample]] = {"train": [], "val": [], "test": []}
    for sample in source.samples:
        splits[choose(sample.name)].append(sample)
    return {name: samples for name, samples in splits.items() if samples}


def _celeba_split(root: Path) -> Callable[[str], str]:
    """Return a function: name → split by CelebA's numbers.

    They are read from rows "index original_index original_file".
    """
    paths = (root / MAPPING, root.parent / MAPPING)
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise DataError(f"{root} has no {MAPPING}, which --split celeba needs; use --split mm.")
    original_numbers = {}
    for line in files.read_text(path).splitlines():
        columns = line.split()
        if len(columns) >= 2 and columns[0].isdecimal():
            original_numbers[int(columns[0])] = int(columns[1])

    def choose(name: str) -> str:
        number = original_numbers.get(int(name))
        if number is None:
            raise DataError(f"{path} has no row of image {int(name)}.")
        if number < FIRST_VALIDATION_CELEBA:
            return "train"
        return "val" if number < FIRST_TEST_CELEBA else "test"

    return choose


def _test_names(names: list[str], share: float) -> set[str]:
    """Choose the share of names with the smallest hashes, at least one.

    By hashes, added samples hardly change the split.
    """
    if not 0 <= share < 1:
        raise UsageError(f"A test share of {share} makes no sense; choose 0 to 1.")
    if not share:
        return set()
    ordered = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
    at_least = min(1, len(names) - 1)
    return set(ordered[: max(round(share * len(names)), at_least)])


def frozen_pairs() -> list[tuple[str, int]]:
    """Read the 2,000 (name, caption index) pairs of CelebAMask-HQ's test split."""
    file = package_files("gantoolkit.data.prepare").joinpath("celebamask_pairs.json")
    pairs = json.loads(file.read_text(encoding="utf-8"))["pairs"]
    return [(f"{number:05d}", caption) for number, caption in pairs]


def draw_pairs(
    names: list[str], caption_counts: dict[str, int], count: int = PAIRS, seed: int = 0
) -> list[tuple[str, int]]:
    """Draw up to `count` names in a seeded order, each with the index of one of its captions."""
    stream = random.Random(seed)
    chosen = stream.sample(sorted(names), min(count, len(names)))
    pairs = []
    for name in chosen:
        pairs.append((name, stream.randrange(max(1, caption_counts.get(name, 1)))))
    return sorted(pairs)


def evaluation_pairs(source: Source, test_samples: list[SourceSample]) -> list[tuple[str, int]]:
    """Return the evaluation pairs of a test split: the frozen list if it applies, else drawn."""
    names = [sample.name for sample in test_samples]
    if source.name == "celebamask-hq":
        known = set(names)
        pairs = [(name, caption) for name, caption in frozen_pairs() if name in known]
        if pairs:
            return pairs
    caption_counts = {sample.name: len(sample.captions) for sample in test_samples}
    return draw_pairs(names, caption_counts)


def main() -> None:
    """Print the frozen list anew, as celebamask_pairs.json."""
    names = [str(number) for number in range(FIRST_TEST, LAST)]
    pairs = draw_pairs(names, dict.fromkeys(names, 10))
    about = (
        "2,000 pairs (image, caption 0..9) of CelebAMask-HQ's test split 24000..29999, drawn by "
        "random.Random(0)"
    )
    pairs = sorted((int(name), caption) for name, caption in pairs)
    print(json.dumps({"about": about, "pairs": pairs}, separators=(",", ":")))


if __name__ == "__main__":
    main()
