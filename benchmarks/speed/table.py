"""Write records, and put them into their pages.

python benchmarks/speed/table.py [RECORD.json …]
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import scaling_plots
from encoder_tables import encoder
from gpu_tables import gpu
from official_tables import official
from scaling_tables import scaling
from speed_tables import tables

from gantoolkit.core import files
from gantoolkit.report import marked_tables

FOLDER = Path(__file__).parents[1]
README = FOLDER / "README.md"
DOCS = FOLDER.parent / "docs"
PAGES = {  # name of a record → the page that shows it
    "speed": README,
    "official": README,
    "encoder": DOCS / "speed.md",
    "gpu": DOCS / "speed.md",
    "scaling": DOCS / "scaling.md",
}
RECORDS = {name: FOLDER / "results" / f"{name}.json" for name in PAGES}


def made(record: dict) -> tuple[str, str]:
    """Return the name of a record's place in the page, and its tables."""
    if "models" in record:
        return "encoder", encoder(record)
    if "sweeps" in record:
        return "scaling", scaling(record)
    if "cases" in record:
        return "gpu", gpu(record)
    if "equality" in record:
        return "official", official(record)
    return "speed", tables(record)


def write(record: dict, path: Path) -> None:
    """Write a record, print its tables, and say how it comes into its page."""
    files.write_json(path, record)
    name, text = made(record)
    print(text)
    page = PAGES[name].relative_to(FOLDER.parent)
    print(
        f"\nwritten to {os.path.relpath(path)}; "
        f"`python benchmarks/speed/table.py` puts it into {page}"
    )


def bounds(name: str) -> tuple[str, str]:
    """Return the marks around that place."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def main(argv: list[str]) -> int:
    """Put the tables and plots of these records, or of all that exist, into their pages."""
    paths = argv or [path for path in RECORDS.values() if path.exists()]
    for path in map(Path, paths):
        record = json.loads(path.read_text(encoding="utf-8"))
        name, text = made(record)
        marked_tables.renew(PAGES[name], *bounds(name), text)
        if name == "scaling":
            scaling_plots.draw_all(record, DOCS)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
