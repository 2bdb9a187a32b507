"""manifest.jsonl beside generated images: a row per file with everything that made it.

Rows are only added, or take the place of the row of the same file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from filelock import FileLock

from gantoolkit.core import files
from gantoolkit.core.errors import UsageError

MANIFEST = "manifest.jsonl"
# What a row says of the system that rendered.
SYSTEM_KEYS = ("run", "weights", "generator", "t_out", "aggregate", "negative_prompt")
# What else decides a picture of `generate`.
PICTURE_KEYS = (
    *("input", "scribble", "labels", "text", "seed", *SYSTEM_KEYS),
    *("camera", "view", "frames", "kind"),
)
PATH_KEYS = ("run", "generator", "input", "scribble")
# Keys whose values say little to a reader.
SHORT_REASONS = {"weights": "other weights", "generator": "another generator"}


def read_rows(folder: Path) -> dict[str, dict]:
    """Read the manifest of a folder: file → row."""
    rows = files.read_json_lines(folder / MANIFEST)
    return {row["file"]: row for row in rows if "file" in row}


def add_rows(folder: Path, rows: Iterable[dict]) -> None:
    """Add rows to the manifest of a folder; other commands may add theirs at the same time."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{MANIFEST}.lock"):
        known = read_rows(folder) | {row["file"]: row for row in rows}
        files.write_json_lines(folder / MANIFEST, known.values())


def provenance(run: str, specs: dict, options) -> dict:
    """Return what rows say of who renders: version, run, and the sha256 of all that it reads."""
    from gantoolkit import __version__
    from gantoolkit.inference import bridge_files

    origin = {
        "version": __version__,
        "run": str(run),
        "weights": bridge_files.pipeline_checksums(run, specs),
        "device": options.device,
    }
    if options.generator is not None:
        origin["generator"] = options.generator
    if options.negative_prompt is not None:
        origin["negative_prompt"] = options.negative_prompt
    return origin


def refuse_other_systems(options, origin: dict) -> None:
    """Raise UsageError if the output folder holds images of another system or seed.

    An interruption would leave a mixture.
    """
    expected = {
        "t_out": options.t_out,
        "aggregate": options.aggregate,
        "seed": options.seed,
        **origin,
    }
    for row in read_rows(Path(options.out)).values():
        keys = (*SYSTEM_KEYS, "seed")
        different = [key for key in keys if _comparable(row, key) != _comparable(expected, key)]
        if different:
            reasons = [_reason(row, key) for key in different]
            raise UsageError(
                f"{options.out} holds pictures drawn with {', '.join(reasons)}; give another --out."
            )


def refuse_replacing(folder: Path, planned: Sequence[dict]) -> None:
    """Raise UsageError if a planned row's file is there and shows another picture.

    Nothing tells what a file without a row shows. The same picture of another version or device may
    be replaced.
    """
    rows = read_rows(folder)
    for plan in planned:
        file = plan["file"]
        if not (folder / file).exists():
            continue
        row = rows.get(file)
        if row is None:
            reason = f"which no line of {MANIFEST} explains"
        else:
            keys = [key for key in PICTURE_KEYS if _comparable(row, key) != _comparable(plan, key)]
            if not keys:
                continue
            reason = f"drawn with {', '.join(_reason(row, key) for key in keys)}"
        raise UsageError(
            f"{folder / file} is there already, {reason}; give another --out, or --overwrite to "
            "replace it."
        )


def _reason(row: dict, key: str) -> str:
    """Say what of a row differs."""
    if key in SHORT_REASONS:
        return SHORT_REASONS[key]
    value = row.get(key)
    if value is None:
        return f"no {key}"
    return f"{key} “{value}”" if key == "text" else f"{key} {value}"


def is_up_to_date(row: dict | None, expected: dict, folder: Path) -> bool:
    """Whether a row says all that `expected` says, and its file is there."""
    if row is None or any(_comparable(row, key) != _comparable(expected, key) for key in expected):
        return False
    return (folder / expected["file"]).is_file()


def _comparable(row: dict, key: str):
    """A row's value; a path is the same however it is written."""
    value = row.get(key)
    return Path(value) if key in PATH_KEYS and isinstance(value, str) else value
