"""record.json: what a run leaves behind, as plain JSON, and the vocabulary of its keys.

`Record.scores` maps system → metric → Score. Five systems have a meaning for the report:
FLOOR (the generator's mean face), DIFFUSED (the diffusion model's own image), MAPPED (G(w^m), the
bridge without T), RUN (G(w)) and CEILING (W+ inversion of I^gt). Other systems are printed beside
them.

`Record.samples` is a list of dicts, every path relative to the run folder:

    {"file": "val/00000012",            # where the sample came from
     "prompt": "...", "seed": 0,
     "t": 0,                            # denoising step of the pictures in "images"
     "images": {"condition": "pictures/…png", "image_gt": …, "x0": …, "G(w_m)": …, "G(w)": …},
     "views": ["pictures/…png", …],     # 3D: G(w) from the left, the front and the right
     # in the order in which the steps ran
     "steps": [{"t": 901, "images": {"G(w_m)": …, "G(w)": …, "attention": …}}, …]}

Every key but "images" may be missing, and unknown columns are shown under their own names.
"""

from __future__ import annotations

import math
from dataclasses import asdict, fields
from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.errors import DataError
from gantoolkit.core.types import Record, Score

FLOOR = "mean face"
DIFFUSED = "I^d_0"
MAPPED = "G(w_m)"
RUN = "G(w)"
CEILING = "W+ inversion"
NAME = "record.json"
PUBLISHED_DIGITS = 9


def to_json(record: Record) -> dict:
    """Return the record as JSON-able data; NaN and infinity become null."""
    return _plain(asdict(record))


def from_json(data: dict) -> Record:
    """Return the record that `to_json` wrote; keys that this version does not know are ignored."""
    known_keys = {field.name for field in fields(Record)}
    values = {key: value for key, value in data.items() if key in known_keys}
    scores = {}
    for system, metrics in values.pop("scores", {}).items():
        scores[system] = {metric: _score(score) for metric, score in metrics.items()}
    return Record(**values, scores=scores)


def published(value):
    """Return JSON-able data for others to read.

    Numbers have nine digits, and of an absolute path only the file's name is kept.
    """
    if isinstance(value, dict):
        return {published(key): published(item) for key, item in value.items()}
    if isinstance(value, list):
        return [published(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{PUBLISHED_DIGITS}g}")
    if isinstance(value, str) and value.startswith("/"):
        return Path(value).name
    return value


def save(record: Record, folder: str | Path) -> Path:
    """Write `folder`/record.json atomically."""
    return files.write_json(Path(folder) / NAME, to_json(record))


def load(folder: str | Path) -> Record:
    """Read a run folder's record, or a record file itself.

    Raises DataError if there is none or it is not a record.
    """
    path = Path(folder)
    if path.is_dir():
        path = path / NAME
    if not path.is_file():
        raise DataError(f"There is no {NAME} in {path.parent}; give the folder of a finished run.")
    try:
        return from_json(files.read_json_object(path))
    except (TypeError, AttributeError) as error:
        raise DataError(f"{path} is not the record of a run ({error}).") from None


def gap_closed(floor: Score | None, run: Score | None, ceiling: Score | None) -> float | None:
    """Return the share of the gap between floor and ceiling that the run closed.

    0 is the floor, 1 the ceiling; None where a score is missing or there is no gap.
    """
    if floor is None or run is None or ceiling is None:
        return None
    values = (floor.value, run.value, ceiling.value)
    if not all(map(math.isfinite, values)) or floor.value == ceiling.value:
        return None
    return (run.value - floor.value) / (ceiling.value - floor.value)


def _score(data: dict) -> Score:
    known_keys = {field.name for field in fields(Score)}
    values = {key: value for key, value in data.items() if key in known_keys}
    if values.get("interval"):
        values["interval"] = tuple(values["interval"])
    if values.get("value") is None:
        values["value"] = math.nan
    return Score(**values)


def _plain(value):
    """Return numbers, strings, lists and dicts only."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (bool, str)) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    if hasattr(value, "item"):  # a NumPy or torch scalar
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)
