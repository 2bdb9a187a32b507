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
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from gantoolkit.core import files
from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.core.types import Sample
from gantoolkit.data.face_zip import SEED_STRIDE, FaceZip
from gantoolkit.training.tensor_cache import root

LISTS = Path(__file__).parent / "lists"
TOLERANCE = 2  # of 255, for the mean colour of a quarter
RENDER = {
    "test": "--count 2000 --start test --resolution 128 --depth --no-factors"
}  # rendered on demand,
REDUCE = 64  # and reduced to this many pixels, as the embedded splits were
EFFORT = {
    "test": "all 2,000 people of it, whichever pairs are asked for, about 15 minutes of one core"
}
RENDERING = threading.Lock()  # rows that are made at a time wait for one rendering
COLUMNS = ("index", "caption", "image", "quarters", "labels")


def pixels(picture: Tensor) -> str:
    """The first 16 hex digits of the SHA-256 of a picture's bytes [...] uint8."""
    return hashlib.sha256(picture.contiguous().numpy().tobytes()).hexdigest()[:16]


def quarters(picture: Tensor) -> str:
    """Mean colour of the four quarters of [3,H,W] uint8, rounded: 12 bytes as hex."""
    means = torch.nn.functional.adaptive_avg_pool2d(picture[None].float(), 2)[0].permute(1, 2, 0)
    return bytes(means.round().byte().flatten().tolist()).hex()


def freeze(data: FaceZip, file: Path, count: int | None = None) -> Path:
    """Write the list of the first `count` samples; the caption of sample i is number 7·i modulo those it has."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for i in range(min(count or len(data), len(data))):
        captions = max(1, len(data.captions[i]))
        writer.writerow(
            [
                i,
                7 * i % captions,
                pixels(data.images[i]),
                quarters(data.images[i]),
                pixels(data.labels[i]),
            ]
        )
    return files.write_text(file, out.getvalue())


@dataclass
class Pairs:
    """The first `count` pairs of a split, on the pictures of `data`."""

    split: str
    data: FaceZip
    rows: list[dict[str, str]]
    seed: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def digest(self) -> str:
        """Of the list."""
        return hashlib.sha256(
            "".join(",".join(row.values()) for row in self.rows).encode()
        ).hexdigest()

    def sample(self, numbers: Tensor, condition: str) -> Sample:
        """Pairs as Samples; pair i has the seed 1000003 · seed + i. The target has depth where the data has."""
        rows = torch.tensor([int(self.rows[i]["index"]) for i in numbers.tolist()])
        captions = torch.tensor([int(self.rows[i]["caption"]) for i in numbers.tolist()])
        return self.data.sample(rows, captions, condition, self.seed * SEED_STRIDE + numbers)

    def depth(self, numbers: Tensor) -> Tensor | None:
        """The true depth [B,R,R], or None."""
        if self.data.depths is None:
            return None
        return self.data.depths[[int(self.rows[i]["index"]) for i in numbers.tolist()]]

    def verify(self) -> dict[str, int]:
        """How many pictures and label maps are exactly the listed ones; DataError for a picture that is another."""
        exact = {"pictures": 0, "label maps": 0}
        for number, row in enumerate(self.rows):
            image, labels = self.data.images[int(row["index"])], self.data.labels[int(row["index"])]
            exact["label maps"] += pixels(labels) == row["labels"]
            if pixels(image) == row["image"]:
                exact["pictures"] += 1
                continue
            ours, listed = bytes.fromhex(quarters(image)), bytes.fromhex(row["quarters"])
            if max(abs(a - b) for a, b in zip(ours, listed)) > TOLERANCE:
                raise DataError(
                    f"{self.data.path}: picture {row['index']} is not the one of pair {number} of the "
                    f"split '{self.split}'; render it again with this version of the renderer."
                )
        return exact


def listed(split: str) -> list[dict[str, str]]:
    """The rows of a split's list, without its pictures."""
    file = LISTS / f"{split}.csv"
    if not file.is_file():
        known = sorted(f.stem for f in LISTS.glob("*.csv"))
        raise UsageError(
            f"There is no list of pairs for the split '{split}'; lists: {', '.join(known)}. Freeze one "
            f"with `python -m gantoolkit.bench.pairs ZIP {file.name}`."
        )
    return list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))


def open_pairs(
    split: str, count: int | None = None, seed: int = 0, data: str | Path | None = None, say=print
) -> Pairs:
    """The frozen pairs of a split; `data` names its zip, else it is embedded, cached or rendered now."""
    rows = listed(split)[: count or None]
    zipped = FaceZip(data or (split if split not in RENDER else _rendered(split, say)))
    if last := [r for r in rows if int(r["index"]) >= len(zipped)]:
        raise DataError(
            f"{zipped.path} has {len(zipped)} samples, but pair {last[0]['index']} is listed; give the "
            f"whole split '{split}' with --data, or fewer --pairs."
        )
    return Pairs(split, zipped, rows, seed)


def _rendered(split: str, say) -> Path:
    """The zip of a split in the cache, rendered there when it is first needed."""
    path = root() / "data" / f"{split}.zip"
    with RENDERING:
        if not path.is_file():
            say(f"rendering the split '{split}' once, {EFFORT[split]}; it is kept as {path}.")
            _render(split, path, say)
    return path


def _render(split: str, path: Path, say) -> None:
    large = path.with_name(f"{split}-large.zip")
    path.parent.mkdir(parents=True, exist_ok=True)
    for command in (
        ["data", "render", "annyfaces", *RENDER[split].split(), "--out", str(large)],
        ["data", "resize", str(large), "--resolution", str(REDUCE), "--out", str(path)],
    ):
        say(f"gantoolkit {' '.join(command)}")
        if subprocess.run([sys.executable, "-m", "gantoolkit", *command]).returncode:
            raise DataError(
                f"The split '{split}' could not be rendered; install the renderer with "
                "`pip install ./plugins/annyfaces`, or name a rendered zip with --data."
            )
    large.unlink()


if __name__ == "__main__":
    print(
        freeze(FaceZip(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if sys.argv[3:] else None)
    )
