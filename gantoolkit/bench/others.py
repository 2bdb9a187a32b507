"""What other papers measured: tables as they were printed, never mixed with ours."""

from __future__ import annotations

from pathlib import Path

from gantoolkit.bench import table_formats
from gantoolkit.registry.content import read_yaml

FOLDER = Path(__file__).parent / "published"


def section(name: str) -> list[str]:
    """Return the lines of a page about one file in `published/`: source, caution and tables."""
    published = read_yaml(FOLDER / f"{name}.yaml")
    lines = ["## What others measured of this method", published["source"].strip(), ""]
    lines += [published["caution"].strip(), ""]
    for table in published["tables"]:
        lines += [f"**{table['title']}**", "", table_formats.paper_table(table), ""]
    return lines
