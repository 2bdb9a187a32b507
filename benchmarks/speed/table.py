"""Put records into their pages: `python benchmarks/speed/table.py [RECORD.json …]`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from encoder_tables import encoder
from official_tables import official
from speed_tables import tables

from gantoolkit.report import marked_tables

FOLDER = Path(__file__).parents[1]
README = FOLDER / "README.md"
PAGES = {  # name of a record → the page that shows it
    "speed": README,
    "official": README,
    "encoder": FOLDER.parent / "docs" / "speed.md",
}
RECORDS = {name: FOLDER / "results" / f"{name}.json" for name in PAGES}


def made(record: dict) -> tuple[str, str]:
    """Return the name of a record's place in the page, and its tables."""
    if "models" in record:
        return "encoder", encoder(record)
    if "equality" in record:
        return "official", official(record)
    return "speed", tables(record)


def bounds(name: str) -> tuple[str, str]:
    """Return the marks around that place."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def main(argv: list[str]) -> int:
    """Put the tables of these records, or of all that exist, into their pages."""
    paths = argv or [path for path in RECORDS.values() if path.exists()]
    for path in map(Path, paths):
        name, text = made(json.loads(path.read_text(encoding="utf-8")))
        marked_tables.renew(PAGES[name], *bounds(name), text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
