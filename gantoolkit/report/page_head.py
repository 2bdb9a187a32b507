"""The top of a report: what was trained, its scores at a glance, and what they say in words."""

from __future__ import annotations

from html import escape

from gantoolkit.core.types import Record, Score
from gantoolkit.metrics.titles import metric_title
from gantoolkit.report import record as records
from gantoolkit.report import tables
from gantoolkit.report.markup import tag

SCORE_CARDS = 12
ABOUT_GAP = (
    "“Of the gap”: 0&thinsp;% is the generator’s mean face for every sample, 100&thinsp;% a direct "
    "W+ inversion of I<sup>gt</sup>, about the nearest that this generator comes to the photo. "
    "Below 0&thinsp;% is worse than the mean face."
)


def head(record: Record) -> str:
    """Return the title, the command, the scores at a glance and the verdict on T."""
    task = escape(str(record.config.get("task", "run")))
    lead = " · ".join(escape(fact) for fact in _facts(record))
    command = escape(" ".join(record.command))
    return (
        tag("p", f"gantoolkit · {task}", class_="eyebrow")
        + tag("h1", escape(record.run))
        + tag("p", lead, class_="lead")
        + (tag("pre", command, class_="command") if command else "")
        + _score_cards(record)
        + verdict(record)
    )


def _facts(record: Record) -> list[str]:
    """Return in a few words: components, condition, length, seed, seconds and threads."""
    config = record.config
    facts = [_component_name(config.get(key)) for key in ("encoder", "bridge", "generator")]
    facts = [fact for fact in facts if fact]

    condition = config.get("condition")
    if isinstance(condition, str):
        facts.append(f"text + {condition}")
    schedule = config.get("schedule") or {}
    if "iterations" in schedule:
        batch = f" of {schedule['batch']}" if "batch" in schedule else ""
        facts.append(f"{schedule['iterations']} iterations{batch}")
    facts.append(f"seed {record.seed}")
    if took := time_taken(record):
        facts.append(took)
    return facts


def _component_name(value) -> str:
    """Return the component's name in a config's value: a dict with "type", or a plain name."""
    if isinstance(value, dict):
        return str(value.get("type") or value.get("weights") or "")
    return value if isinstance(value, str) else ""


def time_taken(record: Record) -> str:
    """Return how long the run took and on what, such as "90 s on 2 threads of 4 CPU cores"."""
    total = sum(record.timings.values())
    if not total:
        return ""
    environment = record.environment
    text = tables.seconds(total)
    processes = int(environment.get("processes", 1))
    if of_each := environment.get("threads"):
        threads = processes * int(of_each)
        text += f" on {threads} {'thread' if threads == 1 else 'threads'}"
        if cpus := environment.get("cpus"):
            text += f" of {cpus} CPU {'core' if cpus == '1' else 'cores'}"
    if processes > 1:
        text += f" in {processes} processes"
    device = environment.get("device", "cpu")
    return text if device == "cpu" else f"{text}, {device}"


def _own_scores(record: Record) -> dict[str, Score]:
    last_system = next(reversed(record.scores.values()), {})
    return record.scores.get(records.RUN) or last_system


def _score_cards(record: Record) -> str:
    """Return the run's own scores, with the share of the gap that it closed and what that means."""
    cards = ""
    has_gap = False
    for metric, score in list(_own_scores(record).items())[:SCORE_CARDS]:
        name, _, network = metric.rstrip("]").partition("[")
        card = tag("span", f"{escape(metric_title(name))} {score.arrow}")
        card += tag("small", f"by {escape(network)}") if network else ""
        card += tag("b", tables.number(score.value))
        share = tables.gap(record, metric)
        if share is not None:
            card += tag("small", f"{tables.percent(share)} of the gap")
            has_gap = True
        cards += tag("div", card, class_="card")
    if not cards:
        return ""
    return tag("div", cards, class_="cards") + (
        tag("p", ABOUT_GAP, class_="about") if has_gap else ""
    )


def verdict(record: Record) -> str:
    """Return in words in which scores G(w) is worse than G(w^m); "" where both are the same.

    Values that look the same in the table count as equal.
    """
    worse = []
    better = []
    mapped_scores = record.scores.get(records.MAPPED, {})
    own_scores = record.scores.get(records.RUN, {})
    compared = [metric for metric in own_scores if metric in mapped_scores]
    for metric in compared:
        own = own_scores[metric]
        mapped = mapped_scores[metric]
        places = tables.decimals([own.value, mapped.value])
        own_text = tables.number(own.value, places)
        mapped_text = tables.number(mapped.value, places)
        if own_text == mapped_text:
            continue
        is_worse = own.penalty(own.value) > own.penalty(mapped.value)
        name = escape(metric_title(metric.partition("[")[0]))
        (worse if is_worse else better).append(f"{name} ({own_text} against {mapped_text})")

    if not worse and not better:
        return ""
    mapped_title = tables.SYSTEM_TITLES[records.MAPPED]
    if not worse:
        text = f"G(w) is worse than {mapped_title} in none of {len(compared)} scores."
        return tag("p", text, class_="verdict")
    text = (
        f"{tag('b', f'G(w) is worse than {mapped_title}')} in {len(worse)} of {len(compared)} "
        f"scores: {', '.join(worse)}."
    )
    text += f" It is better in {len(better)}: {', '.join(better)}." if better else ""
    return tag("p", text, class_="verdict worse")
