"""scaling.py measures how cost grows: of stand-ins of known growth, of chunked rendering, of the
cache; tables and plots say what its record holds."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

SPEED = Path(__file__).resolve().parents[2] / "benchmarks" / "speed"
on_linux = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="resident memory is read on Linux"
)


@pytest.fixture(autouse=True, scope="module")
def beside():
    """The benchmark's own modules, found as its script finds them."""
    sys.path.insert(0, str(SPEED))
    yield
    sys.path.remove(str(SPEED))


def sleeper(power):
    """Jobs that take n^power times 40 ms."""
    return lambda n: lambda: time.sleep(0.04 * n**power)


def test_exponents_of_stand_ins_are_those_of_their_growth():
    import growth

    linear, square = (
        growth.measure(growth.Sweep("batch", "job", (1, 2, 4), sleeper(power), float), rounds=3)
        for power in (1, 2)
    )
    assert growth.exponents(linear)["seconds"] == pytest.approx(1, abs=0.1)
    assert growth.exponents(square)["seconds"] == pytest.approx(2, abs=0.1)
    assert growth.exponents(square)["work"] == pytest.approx(1)
    assert growth.grows_faster(square) and not growth.grows_faster(linear)


@on_linux
def test_work_and_memory_of_a_sweep_are_those_of_its_job():
    """A product of [256,256] with [256,n]: 2 · 256² · n flop, and 1 KiB per n."""
    import growth

    left = torch.ones(256, 256)
    sweep = growth.Sweep(
        "batch", "product", (2**15, 2**16), lambda n: lambda: left @ torch.ones(256, n)
    )
    record = growth.measure(sweep, rounds=2)
    work = [row["work"] for row in record["rows"]]
    peaks = [row["peak"] for row in record["rows"]]
    assert work == pytest.approx([2 * 256**2 * n / 1e9 for n in sweep.values], rel=1e-3)
    assert peaks == pytest.approx([64, 128], rel=0.15)  # what is multiplied, and the product
    assert record["unit"] == "Gflop"


@on_linux
def test_memory_of_chunked_rendering_is_flat():
    """Four times the rays: chunks add little more than what goes in and comes out of each ray."""
    import growth
    import scaling_jobs

    def added(make):
        few, many = make(32**2), make(64**2)
        few()
        return growth.median_peak(many) - growth.median_peak(few)

    at_once = added(scaling_jobs.render_at_once)
    assert at_once > 50
    assert added(scaling_jobs.render_chunks) < 0.35 * at_once


def test_the_synthetic_cache_is_filled_opened_and_read(tmp_path, monkeypatch):
    import scaling_jobs

    monkeypatch.delenv("GANTOOLKIT_CACHE", raising=False)
    with pytest.raises(RuntimeError, match="not been filled"):
        scaling_jobs.open_cache(tmp_path, 40)
    record = scaling_jobs.fill_cache(tmp_path, (40, 80))
    assert [row["value"] for row in record["rows"]] == [40, 80]
    opened = scaling_jobs.open_cache(tmp_path, 40)
    assert opened.read("h", [39, 0, 17])[:, 1, 5].tolist() == [39, 0, 17]
    scaling_jobs.read_batches(tmp_path, 80)()


def sweep_record(question, title, seconds, work, peaks, unit="Gflop"):
    """What scaling.py writes of one job at n = 1, 2, 4, by hand."""
    rows = [
        dict(value=n, seconds=dict(least=s, median=2 * s, rounds=3), peak=peak, work=w)
        for n, s, w, peak in zip((1, 2, 4), seconds, work, peaks)
    ]
    about = dict(question=question, title=title, unit=unit, others=0.02)
    return dict(about, rows=rows, date="2030-01-02 03:04 UTC")


def scaling_record():
    """What scaling.py writes, by hand: one job as its work, one faster, one without memory."""
    machine = dict(cpu="X", cores=2, threads=1, torch="2")
    sweeps = [
        sweep_record("batch", "encoder", (1.0, 2.0, 4.0), (3.0, 6.0, 12.0), (10.0, 10.0, 10.0)),
        sweep_record("batch", "bridge", (0.1, 0.4, 1.6), (1.0, 2.0, 4.0), (5.0, 10.0, 20.0)),
        sweep_record("samples", "fill", (1.0, 2.0, 4.0), (1, 2, 4), (None,) * 3, "shards"),
    ]
    return dict(machine=machine, quick=False, sweeps=sweeps)


def test_tables_and_plots_hold_what_the_record_says(tmp_path):
    import scaling_plots
    import table

    name, text = table.made(scaling_record())
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert name == "scaling" and "at most 2 % of the machine" in text
    assert ["encoder, 1", "1", "2", "", "3 Gflop", "", "10"] in rows
    assert ["bridge, 4", "1.6", "3.2", "2.00", "4 Gflop", "1.00", "20"] in rows
    assert ["fill, 2", "2", "4", "1.00", "2 shards", "1.00", ""] in rows
    assert "- encoder: seconds grow as n^1.00, the work as n^1.00: not faster than" in text
    assert "- bridge: seconds grow as n^2.00, the work as n^1.00: faster than the work;" in text
    assert "peak memory as n^0.00." in text and "### Cached samples" in text

    paths = scaling_plots.draw_all(scaling_record(), tmp_path)
    shown = [part.split(")")[0] for part in text.split("](")[1:]]
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == shown
    assert all(Image.open(path).size == (900, 340) for path in paths)


def test_a_question_measured_again_keeps_the_others(tmp_path, monkeypatch):
    import scaling

    out = tmp_path / "record.json"
    out.write_text(json.dumps(scaling_record()))
    again = sweep_record("samples", "fill", (9.0, 9.0, 9.0), (1, 2, 4), (None,) * 3, "shards")
    monkeypatch.setattr(scaling, "measure", lambda question, quick, folder: [again])
    threads = torch.get_num_threads()
    assert scaling.main(["--only", "samples", "--threads", str(threads), "--out", str(out)]) == 0
    found = json.loads(out.read_text())["sweeps"]
    assert [sweep["title"] for sweep in found] == ["encoder", "bridge", "fill"]
    assert found[2]["rows"][0]["seconds"]["least"] == 9.0 and found[0]["date"].startswith("2030")
    assert found[2]["date"] != found[0]["date"]


@pytest.mark.slow
def test_everything_is_measured_in_miniature(tmp_path, monkeypatch):
    import scaling

    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path))
    out = tmp_path / "record.json"
    assert scaling.main(["--quick", "--out", str(out)]) == 0
    sweeps = json.loads(out.read_text())["sweeps"]
    assert list(dict.fromkeys(sweep["question"] for sweep in sweeps)) == list(scaling.QUESTIONS)
    assert all(row["seconds"]["least"] > 0 for sweep in sweeps for row in sweep["rows"])
    training = sweeps[-1]["rows"]
    assert [row["value"] for row in training] == [1, 2] and training[0]["peak"] > 100
