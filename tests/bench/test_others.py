"""What others measured stands apart: after our table and the paper's, in no file of values."""

from __future__ import annotations

from pathlib import Path

import pytest

from gantoolkit.bench import others, suite
from gantoolkit.registry.content import read_yaml

PAGES = Path(__file__).parents[2] / "docs" / "tables"


def test_table_1_has_three_blocks_and_one_set_of_values():
    page = (PAGES / "table1.md").read_text(encoding="utf-8")
    heads = ["## Measured", "## The paper's own table", "## What others measured"]
    places = [page.index(head) for head in heads]
    assert places == sorted(places)
    assert page.endswith("\n".join(others.section("mmface_dit")))
    assert "| DDGI" not in page[: places[2]]
    for values in ("table1.csv", "table1.tex"):
        assert "DDGI" not in (PAGES / values).read_text(encoding="utf-8")
    assert [name for name in suite.shipped_suites() if suite.load_suite(name).others] == ["table1"]


def test_the_rows_of_this_method_are_as_printed():
    lines = "\n".join(others.section("mmface_dit")).splitlines()
    rows = [line for line in lines if line.startswith("| DDGI")]
    assert [[cell.strip() for cell in row.strip("|").split("|")][1:] for row in rows] == [
        ["50.88", ".45", ".49", "86.00", "36.02", "24.29", ".76", ".3851"],
        ["56.57", ".43", ".51", "23.95", ".76", ".43"],
    ]
    assert any("Compare these rows with each other only" in line for line in lines[:4])


@pytest.mark.parametrize("file", sorted(others.FOLDER.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_row_is_as_wide_as_its_head(file):
    for table in read_yaml(file)["tables"]:
        assert {len(row) for row in table["rows"]} == {len(table["columns"])}
        assert all(isinstance(cell, str) for row in table["rows"] for cell in row)
