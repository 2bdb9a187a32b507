"""The frozen pairs: which sample with which caption, and what its picture must look like.

python -m gantoolkit.bench.pairs val.zip LIST.csv [COUNT]      freezes a list
"""

from __future__ import annotations

import csv
import hashlib
import io
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.core import files
from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.core.types import Sample
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.data.pair_rule import caption_numbers, noise_seeds
from gantoolkit.training.tensor_cache import root

LISTS = Path(__file__).parent / "lists"
TOLERANCE = 2  # of 255, for the mean color of a quarter
RENDER = {  # splits that are rendered when they are first needed
    "test": "--count 2000 --start test --resolution 128 --depth --no-factors"
}
EFFORT = {
    "test": "all 2,000 people of it, whichever pairs are asked for, about 15 minutes of one core"
}
RENDERING = threading.Lock()  # rows that are made at the same time wait for one rendering
COLUMNS = ("index", "caption", "image", "quarters", "labels")


def pixel_digest(pixels: Tensor) -> str:
    """Return the first 16 hex digits of the SHA-256 of pixels [...] uint8."""
    return hashlib.sha256(pixels.contiguous().numpy().tobytes()).hexdigest()[:16]


def quarter_colors(image: Tensor) -> str:
    """Return the rounded mean color of each quarter of an image [3,H,W] uint8: 12 bytes as hex."""
    means = F.adaptive_avg_pool2d(image[None].float(), 2)[0].permute(1, 2, 0)
    return bytes(means.round().byte().flatten().tolist()).hex()


def freeze(data: FaceZip, file: Path, count: int | None = None) -> Path:
    """Write the list of the first `count` samples.

    Captions are those of `data.pair_rule`.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(entries_of(data, count))
    return files.write_text(file, out.getvalue())


def entries_of(data: FaceZip, count: int | None = None) -> list[dict[str, str]]:
    """List the first `count` samples as pairs; keys are COLUMNS."""
    entries = []
    for index in range(min(count or len(data), len(data))):
        number = int(caption_numbers(torch.tensor(index)))
        caption = number % max(1, len(data.captions[index]))
        image, labels = data.images[index], data.labels[index]
        values = (index, caption, pixel_digest(image), quarter_colors(image), pixel_digest(labels))
        entries.append(dict(zip(COLUMNS, map(str, values))))
    return entries


@dataclass
class Pairs:
    """The first pairs of a split, on the pictures of `data`.

    >>> pairs = open_pairs("val", 6)
    >>> len(pairs)
    6
    >>> pairs.sample(torch.tensor([1, 4]), "mask").condition.seed.tolist()
    [1, 4]
    """

    split: str
    data: FaceZip
    entries: list[dict[str, str]]  # of the list, in its order; keys are COLUMNS
    seed: int = 0
    seeds: int = 1  # pairs in a row that are of one entry, each with a seed of its own
    prompt: str | None = None  # stands for the captions

    def __len__(self) -> int:
        return self.seeds * len(self.entries)

    def conditions(self, indices: Tensor) -> Tensor:
        """Return the number of the entry [B] that each pair is of."""
        return indices // self.seeds

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the list."""
        lines = (",".join(entry.values()) for entry in self.entries)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def sample(self, indices: Tensor, condition: str) -> Sample:
        """Return pairs as a Sample on the CPU; pair i has the seed 1000003 · seed + i."""
        samples = torch.tensor(self._column("index", indices))
        captions = torch.tensor(self._column("caption", indices))
        seeds = noise_seeds(self.seed, indices)
        sample = self.data.sample(samples, captions, condition, seeds)
        if self.prompt is None:
            return sample
        text = (self.prompt,) * len(sample)
        return replace(sample, condition=replace(sample.condition, text=text))

    def depth(self, indices: Tensor) -> Tensor | None:
        """Return the true depth [B,R,R] of pairs; None where the data has none."""
        if self.data.depths is None:
            return None
        return self.data.depths[self._column("index", indices)]

    def _column(self, column: str, indices: Tensor) -> list[int]:
        return [int(self.entries[entry][column]) for entry in self.conditions(indices).tolist()]

    def verify(self) -> dict[str, int]:
        """Count the pictures and label maps that are exactly the listed ones.

        Raises DataError for a picture whose colors differ by more than TOLERANCE.
        """
        exact = {"pictures": 0, "label maps": 0}
        for index, entry in enumerate(self.entries):
            image = self.data.images[int(entry["index"])]
            labels = self.data.labels[int(entry["index"])]
            exact["label maps"] += pixel_digest(labels) == entry["labels"]
            if pixel_digest(image) == entry["image"]:
                exact["pictures"] += 1
                continue
            colors = bytes.fromhex(quarter_colors(image))
            listed = bytes.fromhex(entry["quarters"])
            if max(abs(a - b) for a, b in zip(colors, listed)) > TOLERANCE:
                raise DataError(
                    f"{self.data.path}: picture {entry['index']} is not the one of pair {index} of "
                    f"the split '{self.split}'; render it again with this version of the renderer."
                )
        return exact


def read_list(split: str) -> list[dict[str, str]]:
    """Read the entries of a split's list, without its pictures; of a zip, all its samples."""
    if split.endswith(".zip"):
        return entries_of(FaceZip(split))
    file = LISTS / f"{split}.csv"
    if not file.is_file():
        known = sorted(f.stem for f in LISTS.glob("*.csv"))
        raise UsageError(
            f"There is no list of pairs for the split '{split}'; lists: {', '.join(known)}. Freeze "
            f"one with `python -m gantoolkit.bench.pairs ZIP {file.name}`."
        )
    return list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))


def open_pairs(
    split: str,
    count: int | None = None,
    seed: int = 0,
    data: str | Path | None = None,
    say: Callable[[str], None] = print,
    seeds: int = 1,
    prompt: str | None = None,
) -> Pairs:
    """Open the first `count` frozen pairs of a split (default: all).

    data    zip with the split's pictures; None: they are embedded, cached or rendered now
    say     called with what takes long
    seeds   pairs of each entry of the list, with seeds of their own
    prompt  stands for the captions
    """
    entries = read_list(split)[: count // seeds if count else None]
    if not data:
        data = _rendered(split, say) if split in RENDER else split
    faces = FaceZip(data)
    for entry in entries:
        if int(entry["index"]) >= len(faces):
            raise DataError(
                f"{faces.path} has {len(faces)} samples, but pair {entry['index']} is listed; give "
                f"the whole split '{split}' with --data, or fewer --pairs."
            )
    return Pairs(split, faces, entries, seed, seeds, prompt)


def _rendered(split: str, say: Callable[[str], None]) -> Path:
    """Return the zip of a split in the cache; it is rendered when it is first needed."""
    path = root() / "data" / f"{split}.zip"
    with RENDERING:
        if not path.is_file():
            say(f"rendering the split '{split}' once, {EFFORT[split]}; it is kept as {path}.")
            _render(split, path, say)
    return path


def _render(split: str, path: Path, say: Callable[[str], None]) -> None:
    """Render a split and reduce it to the resolution of the embedded splits."""
    resolution = FaceZip("val").resolution
    large = path.with_name(f"{split}-large.zip")
    path.parent.mkdir(parents=True, exist_ok=True)
    render = ["data", "render", "annyfaces", *RENDER[split].split(), "--out", str(large)]
    resize = ["data", "resize", str(large), "--resolution", str(resolution), "--out", str(path)]
    for command in (render, resize):
        say(f"gantoolkit {' '.join(command)}")
        if subprocess.run([sys.executable, "-m", "gantoolkit", *command]).returncode:
            raise DataError(
                f"The split '{split}' could not be rendered; install the renderer with "
                "`pip install ./plugins/annyfaces`, or name a rendered zip with --data."
            )
    large.unlink()


def main(arguments: list[str]) -> None:
    """Freeze the list of a data set: ZIP LIST.csv [COUNT]."""
    data, file, *count = arguments
    print(freeze(FaceZip(data), Path(file), int(count[0]) if count else None))


if __name__ == "__main__":
    main(sys.argv[1:])
