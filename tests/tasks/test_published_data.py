"""A miniature CelebAMask-HQ goes the whole way: prepare, cache, train, kill, resume, evaluate."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import mini
import pytest
import torch
import trees
from PIL import Image

from gantoolkit.cli import main
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.training.runner import run


@pytest.fixture(autouse=True)
def own_cache(monkeypatch):
    monkeypatch.delenv("GANTOOLKIT_CACHE", raising=False)


def prepared(layout: str, folder: Path, count: int = 12) -> Path:
    """train.zip and pairs.zip at the mini generator's 32 px."""
    root, out = trees.LAYOUTS[layout](folder / "tree", count), folder / "data"
    assert (
        main.main(
            [
                "data",
                "prepare",
                "celebamask-hq",
                "--root",
                str(root),
                "--out",
                str(out),
                "--resolution",
                "32",
                "--scribbles",
                "canny",
                "--detect",
                "64",
                "--workers",
                "1",
            ]
        )
        == 0
    )
    return out


def config(folder: Path, data: Path, **keys) -> dict:
    found = mini.config(folder, data / "train.zip", metrics=dict(ms_ssim={}), **keys)
    return found | dict(data=dict(train=str(data / "train.zip"), val=str(data / "pairs.zip")))


@pytest.mark.parametrize("layout", trees.LAYOUTS)
def test_every_layout_trains_and_is_evaluated(layout, tmp_path):
    data = prepared(layout, tmp_path)
    record = run(
        config(tmp_path, data, schedule=dict(iterations=4), sampling=dict(batch=4, captions=2)),
        tmp_path / "run",
    )
    pairs = FaceZip(data / "pairs.zip")
    assert record.scores["G(w)"]["ms_ssim"].n == len(pairs) > 0
    shown = {sample["prompt"] for sample in record.samples}
    assert shown <= {captions[0] for captions in pairs.captions}  # the pair's own caption
    caches = [
        json.loads(p.read_text())["rows"]
        for p in sorted((tmp_path / "cache/trajectories").rglob("index.json"))
    ]
    assert sorted(caches) == sorted([12, len(pairs)])  # six images with two captions each


def test_own_results_and_those_of_others_end_in_one_table(tmp_path, capsys):
    """A run draws the pairs beside another program's pictures; `compare` writes the table."""
    data = prepared("official", tmp_path)
    run(config(tmp_path, data, schedule=dict(iterations=2)), tmp_path / "run")
    pairs, others = FaceZip(data / "pairs.zip"), tmp_path / "others"
    assert (
        main.main(
            [
                "generate",
                str(tmp_path / "run"),
                "--data",
                str(pairs.path),
                "--out",
                str(tmp_path / "ours"),
            ]
        )
        == 0
    )
    others.mkdir()
    for file, image in zip(pairs.files, pairs.images):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(others / f"{Path(file).stem}.png")
    (tmp_path / "judges.yaml").write_text("ms_ssim: {}\n")
    assert (
        main.main(
            [
                "compare",
                "--data",
                str(pairs.path),
                "--metrics",
                str(tmp_path / "judges.yaml"),
                "--outputs",
                f"ours:gantoolkit={tmp_path / 'ours'}",
                f"copy={others}",
                "--out",
                str(tmp_path / "table"),
                "--bootstrap",
                "4",
            ]
        )
        == 0
    )
    found = {
        name: json.loads((tmp_path / f"table/{name}.json").read_text())["scores"][name]["ms_ssim"]
        for name in ("ours", "copy")
    }
    assert found["copy"]["value"] == pytest.approx(1, abs=1e-5) and found["ours"]["value"] < 0.999
    assert found["ours"]["n"] == found["copy"]["n"] == len(pairs)
    table = (tmp_path / "table/compare.md").read_text()
    assert "ours" in table and "copy" in table and "missing" not in capsys.readouterr().err


SCRIPT = f"""
import json, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import mini
from gantoolkit.training.runner import run
run(json.load(open(sys.argv[1])), sys.argv[2], resume=sys.argv[3] == "True")
"""


def launch(
    config: dict, out: Path, resume: bool, script: str = SCRIPT, *more: str
) -> subprocess.Popen:
    """The run in two processes, in a session of its own; `more` goes to torchrun."""
    (out.parent / "script.py").write_text(script)
    (out.parent / "config.json").write_text(json.dumps(config))
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        *more,
        out.parent / "script.py",
        out.parent / "config.json",
        out,
        str(resume),
    ]
    return subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def rows(folder: Path) -> list[dict]:
    file = folder / "losses.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.mark.slow
def test_two_processes_are_killed_and_resume(tmp_path):
    """Both processes die by SIGKILL; the resumed run ends where one process would have."""
    data, out = prepared("official", tmp_path), tmp_path / "run"
    whole = config(tmp_path, data, schedule=dict(iterations=40))
    first = launch(whole, out, resume=False)
    while len(rows(out)) < 6 and first.poll() is None:
        time.sleep(0.02)
    assert first.poll() is None, first.stderr.read()
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert 6 <= len(rows(out)) < 40 and not (out / "record.json").exists()
    second = launch(whole, out, resume=True)
    assert second.wait() == 0, second.stderr.read()
    run(whole, tmp_path / "one")
    for one, two in zip(rows(tmp_path / "one"), rows(out), strict=True):
        assert all(abs(one[k] - two[k]) <= 1e-4 for k in set(one) - {"seconds"})
    scores = [
        json.loads((folder / "record.json").read_text())["scores"]["G(w)"]["ms_ssim"]
        for folder in (tmp_path / "one", out)
    ]
    assert scores[0]["n"] == scores[1]["n"] and scores[0]["value"] == pytest.approx(
        scores[1]["value"], abs=1e-4
    )


DYING = """
import os, signal, threading, time
from pathlib import Path
def die(log, mark):
    while not log.exists() or len(log.read_text().splitlines()) < 6:
        time.sleep(0.02)
    mark.touch()
    os.kill(os.getpid(), signal.SIGKILL)
out = Path(sys.argv[2])
if os.environ["RANK"] == "1" and not (out.parent / "died").exists():
    files = (out / "losses.jsonl", out.parent / "died")
    threading.Thread(target=die, args=files, daemon=True).start()
"""


@pytest.mark.slow
def test_torchrun_restarts_what_has_died(tmp_path):
    """One process dies by SIGKILL; --max-restarts and --resume bring the run to its end."""
    data, out = prepared("official", tmp_path), tmp_path / "run"
    whole = config(tmp_path, data, schedule=dict(iterations=30))
    head, last = SCRIPT.rsplit("\n", 2)[0], SCRIPT.rsplit("\n", 2)[1]
    running = launch(whole, out, True, f"{head}\n{DYING}\n{last}\n", "--max-restarts", "3")
    assert running.wait() == 0, running.stderr.read()
    assert (tmp_path / "died").exists() and len(
        (out / "command").read_text().splitlines()
    ) == 2  # begun twice
    run(whole, tmp_path / "one")
    for one, two in zip(rows(tmp_path / "one"), rows(out), strict=True):
        assert all(abs(one[k] - two[k]) <= 1e-4 for k in set(one) - {"seconds"})


def test_scribbles_of_prepared_data_reach_the_encoder(tmp_path):
    data = prepared("tedigan", tmp_path)
    record = run(
        config(tmp_path, data, condition="scribble", schedule=dict(iterations=2)), tmp_path / "run"
    )
    assert record.scores["G(w)"]["ms_ssim"].n > 0
    assert torch.isfinite(torch.tensor(record.scores["G(w)"]["ms_ssim"].value))
