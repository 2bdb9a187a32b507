from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from argparse import Namespace
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
import toy
from safetensors.torch import load_file

from gantoolkit.cli import main
from gantoolkit.core.errors import GantoolkitError, UsageError, WeightsError
from gantoolkit.registry import plugins
from gantoolkit.training import checkpoint
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.runner import run
from gantoolkit.training.schedule import Schedule

TOY = [sys.executable, str(Path(__file__).with_name("toy.py"))]


def losses(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "losses.jsonl").read_text().splitlines()]


def assert_same_losses(a: Path, b: Path, tolerance: float) -> None:
    first, second = losses(a), losses(b)
    assert [row["iteration"] for row in first] == [row["iteration"] for row in second]
    for one, two in zip(first, second):
        for key in set(one) - {"seconds"}:
            assert abs(one[key] - two[key]) <= tolerance, (key, one, two)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """An uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    run(toy.config(), folder)
    return folder


def test_run_folder_holds_what_it_should(whole):
    names = {p.name for p in whole.iterdir()}
    assert {
        "config.json",
        "command",
        "environment.json",
        "losses.jsonl",
        "scores.jsonl",
        "record.json",
        "checkpoint",
        "pictures",
        "export",
    } <= names
    record = json.loads((whole / "record.json").read_text())
    assert record["seed"] == 3 and record["scores"]["run"]["norm"]["n"] == 1
    assert record["timings"]["train"] > 0 and record["config"]["task"] == "toy"
    assert [row["iteration"] for row in losses(whole)] == list(range(5, 41, 5))
    assert losses(whole)[-1]["A"] < losses(whole)[0]["A"]
    assert [p.name for p in sorted((whole / "checkpoint").iterdir())] == ["00000030", "00000040"]


def test_checkpoint_holds_trainables_only(whole):
    keys = set(load_file(whole / "checkpoint/00000040/trainable.safetensors"))
    assert keys == {
        "a.1.weight",
        "a.1.bias",
        "a.steps",
        "b.weight",
        "b.bias",
        "ema.b.weight",
        "ema.b.bias",
    }
    assert not list(whole.rglob("*.pt")) + list(whole.rglob("*.pth")) + list(whole.rglob("*.pkl"))


@pytest.mark.parametrize("kill_at", [3, 17])
def test_kill_and_resume_equals_uninterrupted(whole, tmp_path, kill_at):
    folder = tmp_path / "run"
    done = subprocess.run([*TOY, str(folder), f"kill_at={kill_at}"], capture_output=True)
    assert done.returncode == -signal.SIGKILL
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | dict(kill_at=-1)))
    run(toy.config(kill_at=-1), folder, resume=True)
    assert_same_losses(whole, folder, 1e-5)
    one, two = (load_file(f / "checkpoint/00000040/trainable.safetensors") for f in (whole, folder))
    for key in one:
        torch.testing.assert_close(one[key], two[key], rtol=0, atol=1e-6)


def test_time_limit_saves_and_resume_continues(whole, tmp_path):
    folder = tmp_path / "run"
    run(toy.config(schedule=dict(time_limit=1e-9)), folder)
    assert not (folder / "record.json").exists()
    run(toy.config(), folder, resume=True)
    assert_same_losses(whole, folder, 1e-5)


def test_a_run_whose_frozen_network_changed_is_not_resumed(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    monkeypatch.setattr(toy.Toy, "weights", lambda self: {"gan": "1" * 64, "parser": "2" * 64})
    run(toy.config(schedule=dict(time_limit=1e-9)), folder)
    monkeypatch.setattr(toy.Toy, "weights", lambda self: {"gan": "3" * 64, "parser": "2" * 64})
    with pytest.raises(WeightsError, match="'gan' is not the file that .* was trained with"):
        run(toy.config(), folder, resume=True)
    assert not (folder / "record.json").exists()


def test_ctrl_c_exits_130_after_the_checkpoint(tmp_path, capsys):
    """Through the command line's own handling of what a run raises."""
    folder = tmp_path / "run"

    def press_ctrl_c():
        while not (folder / "losses.jsonl").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    def command(args):
        run(toy.config(schedule=dict(iterations=10**6, save_every=10**6)), folder)

    with patch("gantoolkit.cli.main.parse", return_value=Namespace(command=command)):
        threading.Thread(target=press_ctrl_c).start()
        assert main.main([]) == 130
    assert len(list((folder / "checkpoint").iterdir())) == 1
    assert "repeat the command with --resume" in capsys.readouterr().err


def test_a_second_process_is_told_who_trains_in_a_folder(tmp_path):
    folder = tmp_path / "run"
    endless = toy.config(schedule=dict(iterations=10**6, save_every=10**6))
    process = subprocess.Popen(
        [*TOY, str(folder), f"schedule={endless['schedule']}"], stderr=subprocess.DEVNULL
    )
    while not (folder / "losses.jsonl").exists():
        time.sleep(0.05)
        assert process.poll() is None
    owner = f"run is in use by process {process.pid} on {socket.gethostname()}; wait"
    for resume in (False, True):
        with pytest.raises(UsageError, match=owner):
            run(endless, folder, resume=resume)
    process.kill()
    process.wait()
    assert run(toy.config(schedule=dict(iterations=1)), folder)  # a dead process holds no lock
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_a_config_that_cannot_be_built_leaves_no_folder(tmp_path):
    with pytest.raises(TypeError, match="widht"):
        run(toy.config(widht=3), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_accumulation_changes_nothing(whole, tmp_path):
    plain, split = tmp_path / "plain", tmp_path / "split"
    os.environ["WORLD_SIZE"], old = "0", os.environ.get("WORLD_SIZE")  # the toy's dropout off
    try:
        run(toy.config(), plain)
        run(toy.config(schedule=dict(accumulate=3)), split)
    finally:
        os.environ.pop("WORLD_SIZE") if old is None else os.environ.update(WORLD_SIZE=old)
    for one, two in zip(losses(plain), losses(split)):
        assert abs(one["A"] - two["A"]) < 1e-5


def test_sentences(tmp_path, whole):
    with pytest.raises(UsageError, match="not empty; add --resume"):
        run(toy.config(), whole)
    with pytest.raises(UsageError, match="begun with another 'width'"):
        run(toy.config(width=9), whole, resume=True)
    with pytest.raises(UsageError, match="schedule has no key 'iters'"):
        run(toy.config(schedule=dict(iters=3)), tmp_path / "x")
    with pytest.raises(UsageError, match="smaller than the 9 shards"):
        run(toy.config(schedule=dict(accumulate=9)), tmp_path / "y")


def test_a_batch_that_is_judged_as_a_whole_is_not_split(tmp_path, monkeypatch):
    monkeypatch.setattr(toy.Toy, "separable", False)
    run(toy.config(schedule=dict(iterations=1)), tmp_path / "whole")
    with pytest.raises(
        UsageError, match="loss of the task 'toy' is of a batch as a whole, which cannot be split"
    ):
        run(toy.config(schedule=dict(accumulate=2)), tmp_path / "split")


def test_a_run_that_never_began_may_be_mended_and_started(tmp_path, whole):
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("config.json", "command"):
        (folder / name).write_text((whole / name).read_text())
    for resume in (False, True):
        assert run(toy.config(width=9, schedule=dict(iterations=1)), folder, resume=resume)
        shutil.rmtree(folder / "checkpoint", ignore_errors=True)
        (folder / "record.json").unlink()


@pytest.mark.parametrize("name", ["", "..", "a/b", "../out"])
def test_a_run_s_name_is_that_of_a_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="is not a valid run name; use a plain folder name"):
        run(toy.config(name=name))
    assert not list(tmp_path.iterdir())


def test_what_the_answer_to_an_infinite_loss_says_can_be_done(tmp_path):
    """A resume with a lower rate begins from a sound checkpoint, and the record says so."""
    folder, plan = tmp_path / "run", dict(log_every=4, save_every=10)
    with pytest.raises(
        UsageError,
        match=r"'A' is not finite at iteration 28; repeat with --resume and a lower .*lr",
    ):
        run(toy.config(lr=2.0, schedule=plan), folder)
    lower = toy.config(lr=1e-3, schedule=plan | dict(clip=1.0))
    record = run(lower, folder, resume=True)
    said = "Resumed at iteration 20 with lr 0.001 in place of 2, schedule.clip 1 in place of unset."
    assert record.notes == [said]
    state = json.loads((folder / "checkpoint/00000040/state.json").read_text())
    assert [group["lr"] for group in state["optimizers"]["A"]["groups"]] == [1e-3]
    assert all(value == value for row in losses(folder) for value in row.values())


def test_the_loop_runs_inside_the_plugins_wrappers(tmp_path):
    events = []

    class Profiler:
        @plugins.hookimpl(wrapper=True)
        def around_run(self, run):
            events.append(("before", run.iteration))
            try:
                return (yield)
            except UsageError:
                events.append("failed")
                raise
            finally:
                events.append(("after", run.iteration))

    profiler = Profiler()
    plugins.manager().register(profiler)
    try:
        run(toy.config(schedule=dict(iterations=3)), tmp_path / "run")
        with pytest.raises(UsageError, match="not finite"):
            run(toy.config(lr=2.0, schedule=dict(log_every=4)), tmp_path / "broken")
    finally:
        plugins.manager().unregister(profiler)
    assert events == [("before", 0), ("after", 3), ("before", 0), "failed", ("after", 28)]


def test_no_checkpoint_keeps_an_infinite_loss(tmp_path):
    with pytest.raises(UsageError, match="not finite at iteration 30"):
        run(toy.config(lr=2.0, schedule=dict(log_every=40)), tmp_path / "run")
    assert [p.name for p in sorted((tmp_path / "run/checkpoint").iterdir())] == [
        "00000010",
        "00000020",
    ]


def test_damaged_newest_checkpoint_falls_back(whole, tmp_path):
    folder = tmp_path / "checkpoint"
    shutil.copytree(whole / "checkpoint", folder)
    (folder / "00000040/trainable.safetensors").write_bytes(b"torn")
    assert checkpoint.load_latest(folder, toy.Toy())["iteration"] == 30


def test_load_from_takes_what_fits(whole, tmp_path):
    learned = load_file(whole / "checkpoint/00000040/trainable.safetensors")
    wider = toy.Toy(width=9)
    before = wider.b.weight.clone()
    assert "3 of 7 tensors" in checkpoint.initialize_from(whole, wider)
    torch.testing.assert_close(wider.b.bias, learned["b.bias"])
    torch.testing.assert_close(wider.ema_modules["b"].bias, learned["ema.b.bias"])
    torch.testing.assert_close(wider.b.weight, before)  # another shape
    record = run(toy.config(load_from=str(whole)), tmp_path / "more")
    assert "tensors of the run 'run', not from random" in record.notes[0]
    assert losses(tmp_path / "more")[0]["A"] < losses(whole)[0]["A"]
    with pytest.raises(WeightsError, match="There is no run folder nosuch"):
        run(toy.config(load_from="nosuch"), tmp_path / "x")
    with pytest.raises(WeightsError, match="no checkpoint"):
        run(toy.config(load_from=str(tmp_path)), tmp_path / "x")


def test_full_disk_is_a_sentence(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(GantoolkitError, match="No space is left.*--resume .there is no earlier"):
        checkpoint.save(tmp_path / "checkpoint", toy.Toy(), 1, {})
    assert not list((tmp_path / "checkpoint").iterdir())
    monkeypatch.undo()
    checkpoint.save(tmp_path / "checkpoint", toy.Toy(), 1, {})
    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(GantoolkitError, match="--resume .the previous checkpoint is whole"):
        checkpoint.save(tmp_path / "checkpoint", toy.Toy(), 2, {})


def test_what_a_kill_left_half_written_is_removed(tmp_path):
    (tmp_path / "checkpoint/.00000007.part").mkdir(parents=True)
    checkpoint.save(tmp_path / "checkpoint", toy.Toy(), 9, {})
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["00000009"]


def test_learning_rate_schedule():
    schedule = Schedule(iterations=100, warmup=10, decay="cosine")
    assert schedule.lr_factor(0) == pytest.approx(0.1, rel=1e-3)
    assert schedule.lr_factor(50) == pytest.approx(0.5)
    assert schedule.lr_factor(99) < 1e-3
    assert schedule.lr_factor(75, (50, 100)) == pytest.approx(0.5)


def test_a_batch_is_the_same_however_it_is_split():
    whole = SeededBatch.of_iteration(0, 5, 1, 7, 10)
    shards = [whole.shard(i, 3) for i in range(3)]
    assert torch.equal(whole.normal(2), torch.cat([shard.normal(2) for shard in shards]))
    assert torch.equal(whole.integers(9), torch.cat([shard.integers(9) for shard in shards]))
    epoch = torch.cat([SeededBatch.of_iteration(0, i, 0, 5, 10).indices for i in (2, 3)])
    assert sorted(epoch.tolist()) == list(range(10))
