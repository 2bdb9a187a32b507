"""Several processes of one run: one start, one stop, and what is said of those that die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gantoolkit.core import threads
from gantoolkit.core.errors import GantoolkitError
from gantoolkit.training import processes

TOY = str(Path(__file__).with_name("toy.py"))
LAUNCH = "import sys; from gantoolkit.training.processes import launch; sys.exit(launch(%r, 2, 1))"
AS_COMMAND = """
import runpy
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except KeyboardInterrupt:
    sys.exit(130)
"""  # as the command line ends


def script(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "script.py"
    file.write_text("import os, sys, time\nrank = int(os.environ['RANK'])\n" + text)
    return [str(file)]


def test_processes_find_each_other_and_share_the_work(tmp_path):
    """That they learn what one process learns is tested beside the loop."""
    assert processes.launch([TOY, str(tmp_path / "run")], 2, threads=1) == 0
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert record["environment"]["processes"] == "2"
    assert record["environment"]["threads"] == "1"


def test_a_signal_stops_all_of_them_with_one_checkpoint(tmp_path):
    schedule = dict(iterations=10**7, batch=8, log_every=5, save_every=10**6)
    toy = script(tmp_path, f"sys.argv[0] = {TOY!r}\n{AS_COMMAND}")
    command = LAUNCH % [*toy, str(tmp_path / "run"), f"schedule={schedule}"]
    launcher = subprocess.Popen([sys.executable, "-c", command], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "run" / "losses.jsonl").exists():
        assert launcher.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    launcher.send_signal(signal.SIGINT)
    _, said = launcher.communicate(timeout=60)
    assert launcher.returncode == 130
    assert "stopped at iteration" in said
    assert list((tmp_path / "run" / "checkpoint").iterdir())


def test_the_command_line_starts_them(monkeypatch):
    from gantoolkit.cli.main import main

    started = []
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setattr(processes, "launch", lambda *a: started.append(a) or 7)
    words = ["run", "configs/absm_eg3d.py", "seed=3", "--processes", "2", "--out", "x", "--resume"]
    assert main([*words, "--threads", "4"]) == 7
    assert started == [(["-m", "gantoolkit", *words], 2, 4)]


def test_the_last_words_of_a_process_that_dies_are_said(tmp_path):
    words = script(tmp_path, "time.sleep(60 * (rank == 0))\nsys.exit('no such shard')")
    start = time.monotonic()
    with pytest.raises(GantoolkitError, match="Process 1 ended with exit code 1: no such shard"):
        processes.launch(words, 2)
    assert time.monotonic() - start < 30


def test_a_process_that_was_killed_is_said(tmp_path):
    words = script(tmp_path, "time.sleep(60 * (rank == 0))\nos.kill(os.getpid(), 9)")
    with pytest.raises(GantoolkitError, match="Process 1 ended with signal 9; all were stopped"):
        processes.launch(words, 2)

    words = script(tmp_path, "time.sleep(60 * (rank == 1))\nos.kill(os.getpid(), 9)")
    with pytest.raises(GantoolkitError, match="Process 0 ended with signal 9; all were stopped"):
        processes.launch(words, 2)


def test_the_first_speaks_where_all_refuse(tmp_path):
    assert processes.launch(script(tmp_path, "time.sleep(rank == 0)\nsys.exit(2)"), 2) == 2


def test_cores_are_shared_out(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(processes, "idle_cores", lambda: 7)
    out = tmp_path / "threads"
    write = f"open({str(out)!r} + str(rank), 'w').write(os.environ['OMP_NUM_THREADS'])"
    text = f"time.sleep(rank / 2)\n{write}"  # the first ends first
    assert processes.launch(script(tmp_path, text), 3) == 0
    assert [Path(f"{out}{rank}").read_text() for rank in range(3)] == ["2", "2", "2"]


def test_idle_cores_are_those_that_nothing_else_computes_on(tmp_path, monkeypatch):
    load, quota = tmp_path / "loadavg", tmp_path / "cpu.max"
    monkeypatch.setattr(threads, "LOAD", load)
    monkeypatch.setattr(threads, "QUOTA", quota)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    load.write_text("0.50 0.40 0.30 4/120 999\n")  # this one and three others
    assert threads.idle_cores() == 5
    quota.write_text("200000 100000\n")
    assert threads.idle_cores() == 1
    quota.write_text("max 100000\n")
    load.write_text("9.00 9.00 9.00 1/120 999\n")  # others have just ended
    assert threads.idle_cores() == 8
    load.unlink()
    monkeypatch.setattr(os, "getloadavg", lambda: (6.2, 0.0, 0.0))
    assert threads.idle_cores() == 2


def test_the_environment_decides_where_it_speaks(monkeypatch):
    import torch

    monkeypatch.setattr(threads, "idle_cores", lambda: 1)
    chosen = []
    monkeypatch.setattr(torch, "set_num_threads", chosen.append)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    threads.use_threads(None)
    assert chosen == []
    monkeypatch.delenv("OMP_NUM_THREADS")
    threads.use_threads(None)
    threads.use_threads(2)
    assert chosen == [1, 2]
