"""Evaluation of a bridge: scores (scores.py), references (references.py), pictures (sheets.py)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from gantoolkit.core.types import Scores
from gantoolkit.pipeline import Pipeline
from gantoolkit.tasks.bridge import sheets
from gantoolkit.tasks.bridge.config import EvaluationConfig
from gantoolkit.tasks.bridge.references import References
from gantoolkit.tasks.bridge.scores import Scorer
from gantoolkit.tasks.bridge.trajectories import Trajectories


class Evaluation:
    """Everything that is measured or drawn of a pipeline on a validation split.

    val_no_text  the split with empty prompts, for the metric `id_text`; else None
    generator    weights name, under which the zoo may hold a ceiling
    forbidden    role → weights name of the losses' networks; none of them may judge
    """

    def __init__(
        self,
        config: EvaluationConfig,
        pipeline: Pipeline,
        val: Trajectories,
        val_no_text: Trajectories | None = None,
        generator: str = "",
        forbidden: Mapping[str, str] | None = None,
    ):
        self.pipeline = pipeline
        self.val = val
        self.scorer = Scorer(config, pipeline, val, val_no_text, forbidden)
        self.references = References(self.scorer, generator)

    def scores(self, limit: int | None = None) -> Scores:
        """Score G(w)."""
        return self.scorer.scores(limit)

    def reference_scores(self) -> dict[str, Scores]:
        """Score what G(w) is compared with: system → Scores."""
        return self.references.scores()

    def notes(self) -> list[str]:
        """Say what a reader of the reference rows must know."""
        return self.references.notes

    def sheet(self, count: int = 8) -> Tensor:
        """Draw the first samples beside their conditions [3,H,W]."""
        return sheets.sheet(self.pipeline, self.val, count)

    def save_samples(self, folder: Path) -> list[dict]:
        """Write single samples for the report."""
        return sheets.save_samples(folder, self.pipeline, self.val)
