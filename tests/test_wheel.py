"""The wheel: built, installed in an empty folder, and the main job run there, shortened."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PIP = [sys.executable, "-m", "pip"]
SHORT = [
    "schedule.iterations=4",
    "schedule.batch=2",
    "schedule.log_every=1",
    "schedule.pictures_every=0",
    "data.train_limit=4",
    "data.val_limit=4",
    "encoder.steps=2",
    "score_after_steps=[1]",
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [
            *PIP,
            "wheel",
            "-q",
            "--no-deps",
            "--no-build-isolation",
            "--no-index",
            "-w",
            str(folder),
            str(ROOT),
        ],
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """run(*command) → finished process, in an empty folder with only the installed wheel."""
    site, empty = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("empty")
    subprocess.run(
        [*PIP, "install", "-q", "--no-deps", "--no-index", "--target", str(site), str(wheel)],
        check=True,
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GANTOOLKIT")}
    environment |= {"PYTHONPATH": str(site), "XDG_CACHE_HOME": str(empty / "cache")}

    def run(*command):
        return subprocess.run(command, cwd=empty, env=environment, text=True, capture_output=True)

    run.folder, run.script = empty, str(site / "bin" / "gantoolkit")
    return run


def test_the_wheel_carries_its_data_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    listing = subprocess.run(
        ["git", "ls-files", "gantoolkit"], cwd=ROOT, text=True, capture_output=True
    )
    tracked = listing.stdout.split("\n")
    assert "gantoolkit/registry.yaml" in names
    assert {name for name in tracked if name} <= set(names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"gantoolkit"}
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert wheel.stat().st_size < 64e6


def test_it_runs_outside_the_checkout(installed):
    where = installed(sys.executable, "-c", "import gantoolkit; print(gantoolkit.__file__)").stdout
    assert str(ROOT) not in where
    listed = installed(installed.script, "list").stdout
    assert "ControlNetEncoder" in listed and "configs/absm_eg3d.py" in listed


def test_the_main_job_shortened(installed):
    done = installed(installed.script, "run", "configs/absm_eg3d.py", *SHORT)
    assert done.returncode == 0, done.stderr[-3000:]
    folder = installed.folder / "runs" / "absm_eg3d"
    record = json.loads((folder / "record.json").read_text())
    assert {"fid", "lpips", "miou"} & {name.partition("[")[0] for name in record["scores"]["G(w)"]}
    assert (folder / "report.html").stat().st_size > 10_000
    assert "<html" in (folder / "report.html").read_text()[:200]
    again = installed(installed.script, "run", "configs/absm_eg3d.py", *SHORT)
    assert again.returncode == 2 and "--resume" in again.stderr and again.stderr.count("\n") <= 1
