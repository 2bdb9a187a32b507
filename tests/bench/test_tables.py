"""Tables by hand: ranks among equal inputs, and readings that quote records."""

from __future__ import annotations

from gantoolkit.bench import suite as suites
from gantoolkit.bench import table_formats, tables
from gantoolkit.core.types import Record, Score


def line(name, needs, **values):
    row = suites.SuiteRow(name, name, {})
    scores = {k: Score(v, 10, k != "fid") for k, v in values.items()}
    config = dict(needs=needs, model="GAN", domain="2D", pairs=10)
    record = Record(
        name,
        config,
        [],
        {},
        0,
        timings=dict(seconds_per_image=1.0, peak_memory_mb=2.0),
        scores={name: scores},
    )
    return tables.MeasuredRow(row, record)


def test_signs_of_markdown_and_latex_in_labels_are_no_markup():
    found = line("a", ["text"], acc=0.9)
    row = suites.SuiteRow("a", "50 % a|b_c {d} #1 $x~y \\z & more", {})
    suite = suites.Suite("x", "X", (row,), columns=("acc",))
    cells = (
        table_formats.markdown_table(suite, [tables.MeasuredRow(row, found.record)])
        .splitlines()[2]
        .replace(r"\|", "")
        .split("|")
    )
    assert len(cells) == table_formats.markdown_table(suite, [found]).splitlines()[2].count("|") + 1
    written = table_formats.latex_table(suite, [tables.MeasuredRow(row, found.record)])
    assert (
        r"50 \% a|b\_c \{d\} \#1 \$x\textasciitilde{}y \textbackslash{}z \& more & text & 90.0"
        in written
    )
    assert r"system & inputs & ACC \% $\uparrow$ & s / image" in written


def test_ranks_by_hand():
    rows = [
        line("a", ["text", "mask"], fid=10.0, acc=0.9),
        line("b", ["text", "mask", "camera"], fid=11.0, acc=0.9001),
        line("c", ["text", "mask"], fid=12.0, acc=0.5),
        line("p", ["text", "mask", "image"], fid=1.0, acc=1.0),
        line("s", ["text", "scribble"], fid=2.0, acc=0.2),
    ]
    assert tables.ranks(rows, "fid") == {"a": 1, "b": 2}
    assert tables.ranks(rows, "acc") == {"a": 1, "b": 1, "c": 2}  # equal as printed
    assert tables.ranking_group(rows[3].record) is None and tables.arrow(rows, "fid") == "↓"


def test_a_reading_quotes_the_table():
    rows = [line("a", ["text"], fid=10.04, acc=0.9), line("b", ["text"], fid=123.4, acc=0.85)]
    said = tables.fill_reading(
        "a {a:fid} and {b:fid}, {a:acc} %, {b:seconds} s, {c:fid} {a:lpips}", rows
    )
    assert said == "a 10.0 and 123.4, 90.0 %, 1 s, – –"
