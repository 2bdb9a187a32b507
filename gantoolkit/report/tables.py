"""Scores, timings, settings and environment as HTML tables."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from html import escape

from gantoolkit.core.types import Record, Score, Scores
from gantoolkit.report.record import CEILING, DIFFUSED, FLOOR, MAPPED, RUN, closed

TITLES = {
    MAPPED: "G(w<sup>m</sup>)",
    DIFFUSED: "I<sup>d</sup><sub>0</sub>",
}  # of systems whose names are not plain text
ROLES = {
    FLOOR: "floor",
    DIFFUSED: "the diffusion model",
    MAPPED: "M only",
    RUN: "this run",
    CEILING: "ceiling",
}
METRICS = {
    "fid": "FID",
    "lpips": "LPIPS",
    "ms_ssim": "MS-SSIM",
    "ssim": "SSIM",
    "id": "ID",
    "id_gt": "ID",
    "id_text": "ID (text)",
    "acc": "ACC",
    "miou": "mIoU",
    "miou_present": "mIoU present",
    "miou_all19": "mIoU all 19",
    "iou": "IoU",
    "miou_confusion": "mIoU pooled",
}


def title(metric: str) -> str:
    """A metric's name as tables print it (HTML); "fid[judge]" was measured by the network "judge"."""
    name, _, network = metric.rstrip("]").partition("[")
    shown = escape(METRICS.get(name.lower(), name))
    return f"{shown} <small>{escape(network)}</small>" if network else shown


def decimals(values: Iterable[float]) -> int:
    """Decimals that give the largest of `values` three significant digits: 1 to 4."""
    most = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    return min(max(2 - math.floor(math.log10(most)), 1), 4) if most > 0 else 1


def number(value: float | None, places: int | None = None) -> str:
    """A number with `places` decimals (default: three significant digits); a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.{decimals([value]) if places is None else places}f}".replace("-", "−")


def seconds(value: float) -> str:
    """A duration that a person reads at once."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 120:
        return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"
    return f"{int(value // 60)} min {int(value % 60):02d} s"


def ordered(systems: dict[str, Scores]) -> list[str]:
    """Floor first, then the others as they come, the run, and the ceiling last."""
    middle = [s for s in systems if s not in (FLOOR, MAPPED, RUN, CEILING)]
    return [s for s in (FLOOR, *middle, MAPPED, RUN, CEILING) if s in systems]


def metrics_of(systems: dict[str, Scores]) -> dict[str, Score]:
    """Every metric with one of its scores (for direction and conditions), the run's own where it has one."""
    found: dict[str, Score] = {}
    for system in [*[s for s in systems if s != RUN], *([RUN] if RUN in systems else [])]:
        found.update(systems[system])
    names = [m for system in systems.values() for m in system]
    return {name: found[name] for name in dict.fromkeys(names)}


def gap(record: Record, metric: str, system: str = RUN) -> float | None:
    """Share of the gap between floor and ceiling that a system closes in one metric."""
    return closed(*(record.scores.get(s, {}).get(metric) for s in (FLOOR, system, CEILING)))


def scores(record: Record) -> str:
    """Metrics as rows, systems as columns, the run's own in bold, the closed share of the gap as a bar."""
    systems = ordered(record.scores)
    bars = FLOOR in systems and CEILING in systems
    heads = "".join(
        f'<th class="num{" run" if s == RUN else ""}" scope="col">{TITLES.get(s, escape(s))}'
        f"<small>{ROLES.get(s, '')}</small></th>"
        for s in systems
    )
    rows = []
    for metric, example in metrics_of(record.scores).items():
        arrow = ("↑", "higher is better") if example.higher_is_better else ("↓", "lower is better")
        found = [record.scores[s].get(metric) for s in systems]
        places = decimals(score.value for score in found if score)
        cells = "".join(_cell(score, s == RUN, places) for s, score in zip(systems, found))
        rows.append(
            f'<tr><th scope="row">{title(metric)} <abbr title="{arrow[1]}">{arrow[0]}</abbr></th>'
            f"{cells}{f'<td>{_bar(gap(record, metric))}</td>' if bars else ''}</tr>"
        )
    heads += '<th scope="col">gap closed<small>floor → ceiling</small></th>' if bars else ""
    return (
        f'<div class="scroll"><table class="{"scores" if len(systems) > 1 else ""}"><thead><tr>'
        f'<th scope="col">metric</th>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def conditions(record: Record) -> str:
    """Under which conditions each metric was measured: one row per metric, one column per condition."""
    metrics = metrics_of(record.scores)
    keys = list(dict.fromkeys(k for score in metrics.values() for k in score.conditions))
    heads = "".join(f'<th scope="col">{escape(k.replace("_", " "))}</th>' for k in keys)
    rows = []
    for metric, score in metrics.items():
        cells = "".join(f"<td>{escape(_condition(k, score.conditions.get(k)))}</td>" for k in keys)
        rows.append(
            f'<tr><th scope="row">{title(metric)}</th><td class="num">{score.n}</td>{cells}</tr>'
        )
    return (
        '<div class="scroll"><table><thead><tr><th scope="col">metric</th>'
        f'<th class="num" scope="col">n</th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def timings(parts: dict[str, float]) -> str:
    """Seconds per part with bars to scale."""
    most = max(parts.values(), default=1.0) or 1.0
    rows = [
        f'<tr><th scope="row">{escape(k)}</th><td class="num">{seconds(v)}</td>'
        f'<td class="wide"><span class="bar"><i style="width:{100 * v / most:.1f}%"></i></span></td></tr>'
        for k, v in parts.items()
    ]
    return (
        f'<div class="scroll"><table class="timings"><tbody>{"".join(rows)}</tbody></table></div>'
    )


def pairs(values: dict) -> str:
    """Names and values, one per row."""
    rows = "".join(
        f'<tr><th scope="row">{escape(str(k))}</th><td><code>{escape(_text(v))}</code></td></tr>'
        for k, v in values.items()
    )
    return f'<div class="scroll"><table class="pairs"><tbody>{rows}</tbody></table></div>'


def settings(config: dict) -> str:
    """A resolved config as indented lines of key = value."""
    return f'<pre class="config">{_lines(config, 0)}</pre>'


def _lines(config: dict, depth: int) -> str:
    lines = []
    for key, value in config.items():
        name = f"{'  ' * depth}<b>{escape(str(key))}</b>"
        nested = isinstance(value, dict) and value
        lines.append(
            f"{name}\n{_lines(value, depth + 1)}" if nested else f"{name} = {escape(_text(value))}"
        )
    return "\n".join(lines)


def _cell(score: Score | None, run: bool, places: int) -> str:
    value = number(score.value if score else None, places)
    return f'<td class="num{" run" if run else ""}">{value}</td>'


def _bar(share: float | None) -> str:
    if share is None:
        return '<span class="none">–</span>'
    width = 100 * min(max(share, 0.0), 1.0)
    bar = f'<span class="bar"><i style="width:{width:.1f}%"></i></span>'
    return f'<span class="share">{bar}{percent(share)}</span>'


def percent(share: float) -> str:
    """A share as whole per cent (HTML)."""
    return f"{100 * share:.0f}&thinsp;%".replace("-", "−")


def _condition(key: str, value) -> str:
    """A condition's value; of a digest the first twelve digits."""
    return _text(value)[:12] if key.endswith("sha256") else _text(value)


def _text(value) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
