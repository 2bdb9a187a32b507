"""The quick form of a shipped suite, from trained runs to its page: `bench table1 --pairs 4`
with tiny networks."""

from __future__ import annotations

import json

import pytest
import small
import tiny
import torch

from gantoolkit.bench import draw_row, run, tables
from gantoolkit.bench import suite as suites
from gantoolkit.bridges.absm import AbSM
from gantoolkit.cli import main
from gantoolkit.encoders.controlnet import ControlNetEncoder
from gantoolkit.generators import load_generator
from gantoolkit.inference import bridge_files
from gantoolkit.report import record as records

SPAWN = run.spawn


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs named as the suites name them, of an untrained diffusion model, bridge, StyleGAN2 and
    EG3D."""
    folder = tmp_path_factory.mktemp("quick")
    parts = tiny.parts()
    tiny.write(folder, parts)
    small.write_runs(folder)
    encoder = ControlNetEncoder(parts, steps=3)
    spec = dict(
        type="ControlNetEncoder",
        weights=str(folder / "diffusion"),
        controlnet=str(folder / "controlnet"),
        steps=3,
    )
    for name, file in (("long_stylegan2", "flat"), ("long_eg3d", "solid")):
        generator = load_generator(str(folder / f"{file}.safetensors"))
        sizes = dict(
            feature_shapes=encoder.shapes,
            num_ws=generator.num_ws,
            w_dim=generator.w_dim,
            mean_w=generator.mean_w,
        )
        bridge = tiny.spread(AbSM(**sizes, width=8, mapping=dict(width=8)), scale=0.05)
        specs = dict(
            encoder=spec,
            bridge=dict(type="AbSM", width=8, mapping=dict(width=8)),
            condition="mask",
            generator=str(folder / f"{file}.safetensors"),
            networks={},
        )
        bridge_files.export_bridge(folder / "trained" / name / bridge_files.EXPORTED, bridge, specs)
    return folder / "trained"


def test_the_quick_form_of_table1_from_runs_to_page(runs, tmp_path, monkeypatch, capfd):
    """One row in a process of its own, as a user's; the other in this one, to save its start."""
    made = []

    def spawn(job, debug=False):
        made.append(job.parent.name.rpartition("-")[0])
        SPAWN(job) if len(made) == 1 else draw_row.main(job)

    monkeypatch.setattr(run, "spawn", spawn)
    command = ["bench", "table1", "--pairs", "4", "--runs", str(runs), "--out", str(tmp_path)]
    rows = ["ours-2d", "ours-3d"]
    assert main.main([*command, "--only", *rows, "tedigan-style"]) == 0
    assert made == rows
    shown = capfd.readouterr()
    assert "Make it with: gantoolkit run configs/baselines/tedigan_mask.py" in shown.err
    folder, suite = tmp_path / "table1-val-4", suites.load_suite("table1")
    assert shown.out.splitlines()[-1] == str(folder / "table1.md")
    found = {name: records.load(folder / f"{name}.json") for name in rows}
    for name, record in found.items():
        scores = record.scores[name]
        for column in suite.columns:
            if column != "depth_shape" and (
                name == "ours-3d" or column not in ("id_views", "reprojection")
            ):
                score = tables.find_score(record, column)
                assert score.n > 0 and score.conditions["split"] == "val", (name, column)
        assert record.config["pairs"] == 4 and record.config["exact"] == {
            "pictures": 4,
            "label maps": 4,
        }
        assert {score.n for score in scores.values()} <= set(range(5)) and record.timings[
            "seconds_per_image"
        ] > 0
    page = (folder / "table1.md").read_text()
    measured = page[page.index("## Measured") : page.index("## Conditions")]
    absent = {
        line.removeprefix("- not measured: ").partition("; make it")[0]
        for line in measured.splitlines()
        if line.startswith("- not measured: ")
    }
    assert absent == {row.label for row in suite.rows if row.name not in rows}
    assert all(f"| {suite.row(name).label} |" in measured for name in rows)
    assert "split: val" in page and "pairs: 4" in page and "## The paper's own table" in page
    assert {f.name for f in folder.iterdir()} >= {
        "table1.md",
        "table1.csv",
        "table1.tex",
        "table1.webp",
    }
    assert main.main([*command, "--only", *rows]) == 0 and made == rows  # nothing is made twice


def test_a_retrained_run_is_measured_again(runs, tmp_path, monkeypatch):
    made = []

    def spawn(job, debug=False):
        made.append(json.loads(job.read_text())["system"])
        draw_row.main(job)

    monkeypatch.setattr(run, "spawn", spawn)
    monkeypatch.setattr(
        suites, "load_suite", lambda name, load=suites.load_suite: _lighter(load(name))
    )
    command = [
        "bench",
        "table2",
        "--pairs",
        "2",
        "--only",
        "e",
        "--runs",
        str(tmp_path),
        "--out",
        str(tmp_path / "out"),
    ]
    file = tmp_path / "e_full" / bridge_files.EXPORTED
    file.parent.mkdir(parents=True)
    file.write_bytes((runs / "long_stylegan2" / bridge_files.EXPORTED).read_bytes())
    assert main.main(command) == 0 and main.main(command) == 0 and len(made) == 1
    state, specs = bridge_files.read_bridge(tmp_path / "e_full")
    bridge_files.export_bridge(
        file, _bridge({key: value + 0.01 for key, value in state.items()}), specs
    )
    assert main.main(command) == 0 and len(made) == 2 and made[0] == made[1]


def _lighter(suite):
    """The suite with one quick score."""
    from dataclasses import replace

    return replace(suite, metrics={"ssim": {}}, text_metrics={}, without_text=0)


def _bridge(state):
    module = torch.nn.Module()
    module.state_dict = lambda: state
    return module
