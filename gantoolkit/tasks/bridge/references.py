"""Reference rows beside a bridge's scores.

Floor: G(w̄), the generator's mean face from the sample's camera. Ceiling: W+ inversion of I^gt,
measured once per generator and stored in the zoo. Beside them G(w^m), I^d_0, and G(w) after fewer
steps.
"""

from __future__ import annotations

from gantoolkit.core.types import Score, Scores
from gantoolkit.registry import manifest
from gantoolkit.report import record as records
from gantoolkit.report.record import CEILING, FLOOR, MAPPED, RUN
from gantoolkit.tasks.bridge.scores import Scorer
from gantoolkit.tasks.bridge.systems import diffused


class References:
    """Score the systems that a bridge is compared with.

    scorer     scores systems on the validation split
    generator  weights name; the zoo may hold a ceiling for it
    notes      sentences that `scores` adds for the record
    """

    def __init__(self, scorer: Scorer, generator: str):
        self.scorer = scorer
        self.generator = generator
        self.notes: list[str] = []

    def scores(self) -> dict[str, Scores]:
        """Score floor, G(w^m), I^d_0, early steps and the ceiling: system → Scores."""
        if not self.scorer.enabled:
            return {}
        # with score_target=x0, I^d_0 would be compared with itself, and no ceiling is known
        towards_x0 = self.scorer.config.score_target == "x0"
        systems = (FLOOR, MAPPED)
        if not towards_x0:
            systems += diffused(self.scorer.pipeline)

        scores = self.scorer.score_systems(systems)
        scores |= self._early_steps()
        if not towards_x0 and (ceiling := self._ceiling(scores[FLOOR])):
            scores[CEILING] = ceiling
        return scores

    def _early_steps(self) -> dict[str, Scores]:
        """Score G(w) after each of `score_after_steps`; the whole trajectory is scored anyway."""
        total = len(self.scorer.val.timesteps)
        scores = {}
        for steps in self.scorer.config.score_after_steps:
            if steps < total:
                early = self.scorer.score_systems((RUN,), step=steps - 1)[RUN]
                name = f"{RUN} after {steps} of {total} steps"
                scores[name] = self.scorer.add_seconds(early, steps)
        return scores

    def _ceiling(self, floor: Scores) -> Scores:
        """Read the zoo's scores of W+ inversion for this generator, where the judge is the same."""
        index = manifest.load()
        entry = index.weights.get(self.generator, {})
        file = None
        if entry.get("ceiling"):
            file = index.providers[entry["owner"]].root / entry["ceiling"]
        if file is None or not file.exists():
            self.notes.append(
                "The zoo has no W+ inversion record of this generator, so no share of the gap "
                "is given."
            )
            return {}

        scores = records.load(file).scores.get(CEILING, {})
        comparable, others = {}, []
        for name, score in scores.items():
            if name not in floor:
                continue
            if _judge_of(score) == _judge_of(floor[name]):
                comparable[name] = score
            else:
                others.append(name)
        if others:
            self.notes.append(
                f"The ceiling of {', '.join(others)} was measured by another judge, or on another "
                "number of samples, and is left out."
            )
        return comparable


def _judge_of(score: Score) -> tuple:
    conditions = score.conditions
    return conditions.get("network_sha256"), conditions.get("resize"), score.n
