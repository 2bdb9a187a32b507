"""Lines of samples.jsonl: what they must hold, and the name that a sample's files share."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from gantoolkit.core import text


def stem_of(name: str) -> str:
    """Return what the names of one sample's files share."""
    return text.normal_name(Path(name).stem)


def record_problem(record, stems: Collection[str]) -> str:
    """Say what is wrong with a line of samples.jsonl, or "".

    stems  of the files with cameras
    """
    if not isinstance(record, dict) or not isinstance(record.get("file"), str):
        return "should be an object with the name of its picture as 'file'"
    if stem_of(record["file"]) not in stems:
        return f"names {record['file']}, for which dataset.json has no camera"
    captions = record.get("captions")
    if not isinstance(captions, list) or not all(isinstance(item, str) for item in captions):
        return "should have a list of texts as 'captions', which may be empty"
    for caption in captions:
        if problem := text.find_text_problem(caption):
            return f"has a caption with {problem}"
    if not isinstance(record.get("identity"), int):
        return "should have a whole number as 'identity'"
    if not isinstance(record.get("attributes", {}), dict):
        return "should have an object as 'attributes'"
    return ""
