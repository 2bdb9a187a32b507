"""What to type after a run: commands that begin with its folder."""

from __future__ import annotations

import shlex
from html import escape
from pathlib import Path

from gantoolkit.core.types import Record
from gantoolkit.report.markup import tag

PROMPT = "This woman has long wavy red hair. She is smiling."
EXAMPLE = "woman-with-wavy-hair"  # of `gantoolkit examples`


def next_steps(record: Record, folder: Path) -> str:
    """Return commands with what each is for, as HTML."""
    folder = _as_typed(folder)
    steps = []
    if record.config.get("task") == "bridge":
        steps += _of_bridge(record, folder)
    if record.config.get("task") == "gan":
        for file in sorted((folder / "export").glob("*.safetensors")):
            steps.append(("Draw random faces", ["gantoolkit", "figure", "generator", str(file)]))
    if longer := _longer(record, folder):
        steps.append(("Train twice as long, in another folder", longer))

    content = ""
    for purpose, words in steps:
        command = escape(shlex.join(words))
        content += tag("dt", purpose) + tag("dd", tag("pre", command, class_="command"))
    return tag("dl", content) if content else ""


def _as_typed(folder: Path) -> Path:
    """Return the folder as it is typed where the run was started."""
    here = Path.cwd()
    full = folder.absolute()
    return full.relative_to(here) if full.is_relative_to(here) else full


def _of_bridge(record: Record, folder: Path) -> list[tuple[str, list[str]]]:
    run = str(folder)
    generate = ["gantoolkit", "generate", run, "--text", PROMPT]
    condition = record.config.get("condition", "mask")
    for kind in ("mask", "scribble"):
        if condition in (kind, "both"):
            generate += [f"--{kind}", EXAMPLE]
    if any(sample.get("views") for sample in record.samples):
        generate += ["--turntable", "gif"]
    return [
        ("Draw a face", generate),
        ("Paint masks and see faces, in the browser", ["gantoolkit", "demo", run]),
        (
            "Export it for others, with a model card",
            ["gantoolkit", "weights", "export", run, f"exports/{record.run}"],
        ),
    ]


def _longer(record: Record, folder: Path) -> list[str]:
    """Return the run's own command with twice the iterations; [] where they are not known."""
    iterations = (record.config.get("schedule") or {}).get("iterations")
    if not iterations or record.command[:2] != ["gantoolkit", "run"]:
        return []
    overrides = []
    for before, word in zip(record.command[2:], record.command[3:]):
        is_override = "=" in word and before != "--out"
        if is_override and not word.startswith(("--", "schedule.iterations=")):
            overrides.append(word)
    return [
        *record.command[:3],
        *overrides,
        f"schedule.iterations={2 * iterations}",
        "--out",
        f"{folder}-longer",
    ]
