"""record.json: what a run leaves behind, as plain JSON, and the vocabulary of its keys.

`Record.scores` maps system → metric → Score. Five systems have a meaning for the report:
FLOOR (the generator's mean face), DIFFUSED (the diffusion model's own image), MAPPED (G(w^m), the bridge
without T), RUN (G(w)) and CEILING (W+ inversion of I^gt). Other systems are printed beside them.

`Record.samples` is a list of dicts, every path relative to the run folder:

    {"file": "val/00000012",            # where the sample came from
     "prompt": "...", "seed": 0,
     "t": 0,                            # denoising step of the pictures in "images"
     "images": {"condition": "pictures/…png", "image_gt": …, "x0": …, "G(w_m)": …, "G(w)": …},
     "views": ["pictures/…png", …],     # 3D: G(w) from the left, the front and the right
     "steps": [{"t": 901, "images": {"G(w_m)": …, "G(w)": …, "attention": …}}, …]}   # in the order they ran

Every key but "images" may be missing, and unknown columns are shown under their own names.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, fields
from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.errors import DataError
from gantoolkit.core.types import Record, Score

FLOOR, DIFFUSED, MAPPED, RUN, CEILING = "mean face", "I^d_0", "G(w_m)", "G(w)", "W+ inversion"
NAME = "record.json"


def to_json(record: Record) -> dict:
    """The record as JSON-able data; NaN and infinity become null."""
    return _plain(asdict(record))


def from_json(data: dict) -> Record:
    """The record behind `to_json`; keys that this version does not know are ignored."""
    known = {f.name for f in fields(Record)}
    data = {k: v for k, v in data.items() if k in known}
    scores = {
        system: {metric: _score(score) for metric, score in metrics.items()}
        for system, metrics in data.pop("scores", {}).items()
    }
    return Record(**data, scores=scores)


def published(value):
    """JSON-able data for others to read: numbers to nine digits, and the name alone of a file that a path names."""
    if isinstance(value, dict):
        return {published(key): published(v) for key, v in value.items()}
    if isinstance(value, list):
        return [published(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.9g}")
    return Path(value).name if isinstance(value, str) and value.startswith("/") else value


def save(record: Record, folder: str | Path) -> Path:
    """Write `folder`/record.json atomically."""
    return files.write_json(Path(folder) / NAME, to_json(record))


def load(folder: str | Path) -> Record:
    """Read a run folder's record, or a record file itself."""
    path = Path(folder)
    path = path / NAME if path.is_dir() else path
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise DataError(
            f"There is no {NAME} in {path.parent}; give the folder of a finished run."
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is not the record of a run ({error}).") from None


def closed(floor: Score | None, run: Score | None, ceiling: Score | None) -> float | None:
    """Share of the gap between floor and ceiling that the run closed: 0 = floor, 1 = ceiling, or None."""
    values = [s.value if s is not None else None for s in (floor, run, ceiling)]
    if any(v is None or not math.isfinite(v) for v in values) or values[0] == values[2]:
        return None
    return (values[1] - values[0]) / (values[2] - values[0])


def _score(data: dict) -> Score:
    known = {k: v for k, v in data.items() if k in {f.name for f in fields(Score)}}
    if known.get("interval"):
        known["interval"] = tuple(known["interval"])
    return Score(**known | {"value": math.nan if data.get("value") is None else data["value"]})


def _plain(value):
    """Numbers, strings, lists and dicts only."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, (bool, str)) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    if hasattr(value, "item"):  # a NumPy or torch scalar
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)
