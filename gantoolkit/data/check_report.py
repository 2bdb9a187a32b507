"""What `gantoolkit data check` finds: one summary per sample, and the report of all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from gantoolkit.core.labels import CLASSES
from gantoolkit.data.prepare.problem import Problem

THUMBNAIL = 96  # pixels of the longer side
EXAMPLES = 24  # samples on the page


@dataclass
class SampleSummary:
    """What one sample looks like."""

    name: str
    size: tuple[int, int] | None = None  # width, height of the image
    digest: str = ""  # of the image
    labels: np.ndarray | None = None  # at THUMBNAIL pixels
    image: np.ndarray | None = None  # at THUMBNAIL pixels
    caption: str = ""
    problems: list[Problem] = field(default_factory=list)


@dataclass
class CheckReport:
    """Facts to print, problems to mend, samples to show."""

    root: Path
    samples: int
    facts: dict[str, str]
    problems: list[Problem]
    examples: list[SampleSummary]
    class_shares: dict[str, tuple[float, float]]  # class → (share of pixels, share of samples)

    @property
    def broken(self) -> int:
        """Count the problems that would leave a sample out."""
        return sum(problem.skipped for problem in self.problems)


def make_report(
    root: Path,
    summaries: list[SampleSummary],
    facts: dict[str, str],
    problems: list[Problem],
    duplicates: Sequence[Problem] = (),
) -> CheckReport:
    """Gather samples and problems into the report; adds the facts about sizes."""
    problems = list(problems)
    for summary in summaries:
        problems += summary.problems
    problems += [*duplicates, *find_odd_sizes(summaries)]

    sizes = Counter(summary.size for summary in summaries if summary.size)
    facts["sizes"] = ", ".join(
        f"{width}×{height} ({count})" for (width, height), count in sizes.most_common(3)
    )
    step = max(1, len(summaries) // EXAMPLES)
    examples = summaries[::step][:EXAMPLES]
    return CheckReport(
        root, len(summaries), facts, problems, examples, measure_class_shares(summaries)
    )


def measure_class_shares(summaries: list[SampleSummary]) -> dict[str, tuple[float, float]]:
    """Return class → (share of pixels, share of samples that have it)."""
    count = len(CLASSES)
    shares = []
    for summary in summaries:
        if summary.labels is not None:
            pixels = np.bincount(summary.labels.ravel(), minlength=count)[:count]
            shares.append(pixels / summary.labels.size)
    table = np.array(shares or [np.zeros(count)])
    of_pixels = table.mean(0).tolist()
    of_samples = (table > 0).mean(0).tolist()
    return dict(zip(CLASSES, zip(of_pixels, of_samples, strict=True), strict=True))


def find_duplicates(summaries: list[SampleSummary]) -> list[Problem]:
    """List the images that equal an earlier one."""
    names_by_digest: dict[str, list[str]] = defaultdict(list)
    for summary in summaries:
        if summary.digest:
            names_by_digest[summary.digest].append(summary.name)
    problems = []
    for first, *others in names_by_digest.values():
        problems += [Problem(other, f"the same image as {first}") for other in others]
    return problems


def find_leaks(summaries: list[SampleSummary]) -> list[Problem]:
    """List the images of other splits that are trained on too; pairs.zip repeats test.zip."""
    trained: dict[str, str] = {}  # digest → name
    for summary in summaries:
        if summary.digest and summary.name.startswith("train.zip:"):
            trained[summary.digest] = summary.name
    problems = []
    for summary in summaries:
        is_other = not summary.name.startswith(("train.zip:", "pairs.zip:"))
        if is_other and summary.digest in trained:
            same = trained[summary.digest]
            problems.append(Problem(summary.name, f"the same image as {same}, which is trained on"))
    return problems


def find_odd_sizes(summaries: list[SampleSummary]) -> list[Problem]:
    """List the images whose size is not that of most."""
    sizes = Counter(summary.size for summary in summaries if summary.size)
    if not sizes:
        return []
    (usual, _), *_ = sizes.most_common(1)
    problems = []
    for summary in summaries:
        if summary.size and summary.size != usual:
            width, height = summary.size
            problem = f"{width}×{height} pixels, most images have {usual[0]}×{usual[1]}"
            problems.append(Problem(summary.name, problem))
    return problems


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Shrink to THUMBNAIL pixels: labels [H,W] by nearest neighbor, images [H,W,3] by area."""
    height, width = image.shape[:2]
    scale = min(1.0, THUMBNAIL / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    method = Image.Resampling.NEAREST if image.ndim == 2 else Image.Resampling.BOX
    return np.asarray(Image.fromarray(image).resize(size, method))
