"""manifest.jsonl beside generated images: a row per file with everything that made it."""

from __future__ import annotations

from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.errors import UsageError

MANIFEST = "manifest.jsonl"
# What a row says of the system that rendered.
SYSTEM_KEYS = ("run", "weights", "generator", "t_out", "aggregate", "negative_prompt")
# Keys whose values say little to a reader.
SHORT_REASONS = {"weights": "other weights", "generator": "another generator"}


def read_rows(folder: Path) -> dict[str, dict]:
    """Read the manifest of a folder: file → row."""
    rows = files.read_json_lines(folder / MANIFEST)
    return {row["file"]: row for row in rows if "file" in row}


def write_rows(folder: Path, rows: dict[str, dict]) -> None:
    """Write the manifest of a folder."""
    files.write_json_lines(folder / MANIFEST, rows.values())


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
            reasons = [SHORT_REASONS.get(k, f"{k} {row.get(k, 'unknown')}") for k in different]
            raise UsageError(
                f"{options.out} holds pictures drawn with {', '.join(reasons)}; give another --out."
            )


def is_up_to_date(row: dict | None, expected: dict, folder: Path) -> bool:
    """Whether a row says all that `expected` says, and its file is there."""
    if row is None or any(_comparable(row, key) != _comparable(expected, key) for key in expected):
        return False
    return (folder / expected["file"]).is_file()


def _comparable(row: dict, key: str):
    """A row's value; a path is the same however it is written."""
    value = row.get(key)
    return Path(value) if key in ("run", "generator") and isinstance(value, str) else value
