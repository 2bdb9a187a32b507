"""docs/scaling.md and docs/full-scale.md say what the code counts and what the record of the
whole chain holds."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from gantoolkit.config import loader
from gantoolkit.tasks.bridge.trajectories import row_bytes

ROOT = Path(__file__).parents[2]
PAGES = {name: ROOT / "docs" / name for name in ("scaling.md", "full-scale.md")}
pytestmark = pytest.mark.skipif(
    not all(p.is_file() for p in PAGES.values()), reason="docs/ is not installed"
)
sys.path.insert(0, str(ROOT / "benchmarks" / "scale"))


def rows(page: str, heading: str) -> list[list[str]]:
    """Cells of the tables below a heading."""
    text = PAGES[page].read_text(encoding="utf-8").split(f"\n{heading}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|") and "---" not in line]
    return [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines]


def test_hours_are_those_of_the_simulation():
    import simulate

    wanted = [
        [str(gpus), str(batch), f"{cache:.2f}", f"{train:.2f}", slowest]
        for gpus, batch, cache, train, slowest in simulate.table(simulate.ASSUMED, 25e9, 2e9)
    ]
    assert rows("scaling.md", "## From 1 to 64 GPUs")[1:] == wanted


def test_bytes_are_those_of_the_cache():
    from gantoolkit.encoders.published import SD15

    said = {row[0]: int(row[2].replace(",", "")) for row in rows("scaling.md", "## Bytes")[1:]}
    size = SD15["unet"]["sample_size"]
    assert said["z_t, all steps"] == 20 * said["z_t, one step"] == row_bytes(20, (4, size, size), 0)
    assert said["a cached trajectory"] == row_bytes(20, (4, size, size), 512)
    one = said["the same with the words' probabilities"]
    assert (
        said["features of all steps"] == 20 * one
        and one > said["h, f, a of one step, without probabilities"]
    )


def test_features_are_those_that_a_dry_run_counts(monkeypatch, tmp_path):
    from gantoolkit.encoders.published import build_meta_encoder
    from gantoolkit.planning.plan_bridge import feature_bytes

    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path))
    values = loader.load_config("configs/full/absm_eg3d.py").to_dict()
    said = {row[0]: int(row[2].replace(",", "")) for row in rows("scaling.md", "## Bytes")[1:]}
    assert (
        feature_bytes(build_meta_encoder(values["encoder"])[0])
        == said["the same with the words' probabilities"]
    )


@pytest.mark.parametrize("page", PAGES)
def test_the_peak_of_the_whole_chain_is_that_of_its_record(page):
    record = json.loads((ROOT / "benchmarks/results/chain.json").read_text(encoding="utf-8"))
    text = " ".join(PAGES[page].read_text(encoding="utf-8").split())
    assert f"{record['peak_process_bytes'] / 1e9:.1f} GB" in text and "results/chain.json" in text
    assert (
        record["batch"] == 1 and record["steps"] == 2 and record["peak_process_bytes"] < 24 * 2**30
    )
    assert record["config"] == "configs/full/absm_eg3d.py" and "one thread" in record["about"]


@pytest.mark.slow
def test_the_chain_is_measured_in_miniature(monkeypatch, tmp_path):
    """The script that measures at full size, on the embedded universe: every part takes its
    time, naive most."""
    import chain

    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path))
    monkeypatch.setattr(
        sys,
        "argv",
        [
            "chain.py",
            "configs/absm_stylegan2.py",
            "encoder.steps=4",
            "--batch",
            "1",
            "--repeats",
            "1",
            "--device",
            "cpu",
            "--out",
            str(tmp_path / "record.json"),
        ],
    )
    chain.main()
    seconds = json.loads((tmp_path / "record.json").read_text())["seconds_per_sample"]
    assert min(seconds.values()) > 0 and set(seconds) >= {
        "trajectory",
        "iteration",
        "iteration of M",
        "naive iteration",
    }
    assert seconds["naive iteration"] > seconds["trajectory"]


@pytest.mark.slow
def test_memory_is_what_a_dry_run_counts(monkeypatch, tmp_path):
    import memory

    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path))
    checked = 0
    for what, *said in rows("scaling.md", "## Memory of one process")[1:]:
        name, overrides = what.split(",")[0], re.findall(r"`([^`]+)`", what)
        counted = memory.count_gigabytes(name, " ".join(overrides))
        for text, size in zip(said, counted, strict=True):
            assert (
                text == ""
                if not size
                else float(text.removesuffix(" GB")) == pytest.approx(size, rel=0.03, abs=0.1)
            )
        checked += 1
    assert checked == len(memory.ROWS)


def test_the_table_of_memory_has_the_rows_of_its_script():
    import memory

    shown = [
        what.replace("`", "") for what, *_ in rows("scaling.md", "## Memory of one process")[1:]
    ]
    assert shown == [
        f"{name}, {beside.format(overrides)}".replace("`", "")
        for name, overrides, beside in memory.ROWS
    ]


def test_work_of_both_phases_is_what_the_simulation_takes():
    import simulate

    text = " ".join(PAGES["scaling.md"].read_text(encoding="utf-8").split())
    work = {phase: simulate.WORK[phase] / 1e12 for phase in ("iteration", "iteration of M")}
    assert all(f"{size:.2f} TFLOP" in text for size in work.values())
    hours = 800_000 * sum(work.values()) / 2 / 100
    assert f"= {hours:,.0f} s" in text
