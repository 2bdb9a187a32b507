"""`bench RUN`: one run as a suite, on all samples of its validation data."""

from __future__ import annotations

import pytest

from gantoolkit.bench import own_run, pairs
from gantoolkit.bench import run as bench
from gantoolkit.cli.main import parse
from gantoolkit.config import loader
from gantoolkit.core import files
from gantoolkit.core.errors import UsageError
from gantoolkit.data.face_zip import FaceZip


def test_pairs_of_a_zip_are_those_that_freezing_it_lists():
    data = FaceZip("val")
    assert pairs.read_list(str(data.path)) == pairs.read_list("val")


def test_the_suite_is_the_runs_own(tmp_path, tiny_zip):
    folder = tmp_path / "mine"
    overrides = [f"data.val={tiny_zip}", "judge=judge-of-photos"]
    config = loader.load_config("configs/absm_stylegan2_scribble.py", overrides)
    files.write_json(folder / "config.json", config.to_dict())
    plan = bench._plan(parse(["bench", str(folder), "--pairs", "3"]))
    assert (plan.split, plan.count, plan.suite.pairs) == (str(tiny_zip), 3, 24)
    assert plan.suite.metrics == config.metrics.to_dict()
    assert (plan.suite.condition, plan.suite.judge) == ("scribble", "judge-of-photos")
    assert plan.folder == folder / "bench" / "mine-tiny-3"
    plan = bench._plan(parse(["bench", str(folder)]))
    assert plan.count == 24 and plan.folder == folder / "bench" / "mine"


def test_only_bridges_are_measured(monkeypatch):
    other = type(loader.load_config("configs/absm_eg3d.py"))(task="vae")
    monkeypatch.setattr(own_run.loader, "load_config", lambda _: other)
    with pytest.raises(UsageError, match="is a run of the task 'vae'; only bridges"):
        own_run.suite_of("runs/vae")
