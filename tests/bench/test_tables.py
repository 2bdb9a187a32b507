"""Tables by hand: ranks among equal inputs, and readings that quote records."""

from __future__ import annotations

from gantoolkit.bench import suite as suites, tables
from gantoolkit.types import Record, Score


def line(name, needs, **values):
    row = suites.Row(name, name, {})
    scores = {k: Score(v, 10, k != "fid") for k, v in values.items()}
    config = dict(needs=needs, model="GAN", domain="2D", pairs=10)
    return row, Record(name, config, [], {}, 0, timings=dict(seconds_per_image=1.0, peak_memory_mb=2.0),
                       scores={name: scores})


def test_ranks_by_hand():
    rows = [line("a", ["text", "mask"], fid=10.0, acc=0.9), line("b", ["text", "mask", "camera"], fid=11.0, acc=0.9001),
            line("c", ["text", "mask"], fid=12.0, acc=0.5), line("p", ["text", "mask", "image"], fid=1.0, acc=1.0),
            line("s", ["text", "scribble"], fid=2.0, acc=0.2)]
    assert tables.ranks(rows, "fid") == {"a": 1, "b": 2}
    assert tables.ranks(rows, "acc") == {"a": 1, "b": 1, "c": 2}  # equal as printed
    assert tables.group(rows[3][1]) is None and tables.arrow(rows, "fid") == "↓"


def test_a_reading_quotes_the_table():
    rows = [line("a", ["text"], fid=10.04, acc=0.9), line("b", ["text"], fid=123.4, acc=0.85)]
    said = tables.quoted("a {a:fid} and {b:fid}, {a:acc} %, {b:seconds} s, {c:fid} {a:lpips}", rows)
    assert said == "a 10.0 and 123.4, 90.0 %, 1 s, – –"
