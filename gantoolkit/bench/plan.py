"""What `gantoolkit bench` is asked to measure, and where the results go."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from gantoolkit.bench import draw_row
from gantoolkit.bench import suite as suites
from gantoolkit.bench.suite import Suite, SuiteRow


@dataclass(frozen=True)
class Plan:
    """What the command line decides."""

    suite: Suite
    split: str
    count: int  # of pairs
    out: Path
    runs: Path
    data: str | None = None
    device: str = "cpu"
    workers: int = 1  # rows at a time
    debug: bool = False  # show tracebacks

    @property
    def is_whole(self) -> bool:
        """Whether the suite's own split and number of pairs are measured."""
        return (self.split, self.count) == (self.suite.split, self.suite.pairs)

    @property
    def edition(self) -> str:
        """Name of the results: the suite's own, or with the split and number of pairs."""
        if self.is_whole:
            return self.suite.name
        return f"{self.suite.name}-{Path(self.split).stem}-{self.count}"

    @property
    def folder(self) -> Path:
        """Where the records lie."""
        return self.out / self.edition

    def job(self, row: SuiteRow) -> draw_row.Job:
        """Describe the images of a row."""
        return draw_row.Job(
            suites.resolve_runs(row.system, self.runs),
            self.split,
            self.count,
            self.suite.condition,
            self.suite.seed,
            row.batch,
            min(self.suite.without_text, self.count),
            min(self.suite.views, self.count),
            self.data,
            self.device,
            self.suite.seeds,
            self.suite.prompt,
        )

    def work_folder(self, row: SuiteRow) -> Path:
        """Return where a row's images lie.

        Another system, other weights or other pairs give another folder.
        """
        job = self.job(row)
        key = json.dumps(
            [{**asdict(job), "data": None}, _export_digests(job.system)], sort_keys=True
        )
        digest = hashlib.sha256(key.encode()).hexdigest()[:12]
        return self.out / "work" / self.edition / f"{row.name}-{digest}"


def _export_digests(system: dict) -> list[str]:
    """Return the sha256 of every file that the runs named by a system have exported."""
    digests = []
    for value in system.values():
        folder = Path(value) / "export" if isinstance(value, str) and value else None
        if folder and folder.is_dir():
            for file in sorted(folder.rglob("*.safetensors")):
                digests.append(hashlib.sha256(file.read_bytes()).hexdigest())
    return digests
