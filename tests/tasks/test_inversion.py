from __future__ import annotations

import json

import mini
import torch

from gantoolkit import weights
from gantoolkit.training.runner import run


def test_codes_move_towards_the_photographs(tmp_path, tiny_zip):
    mini.write_networks(tmp_path)
    losses = dict(l2=dict(type="L2"), code=dict(type="LatentNorm", weight=1e-4))
    config = dict(
        task="inversion",
        data=str(tiny_zip),
        generator=str(tmp_path / "generator.safetensors"),
        losses=losses,
        limit=6,
        metrics=dict(ms_ssim={}),
        device="cpu",
        report=False,
        schedule=dict(iterations=30, batch=3, log_every=2),
    )
    record = run(config, tmp_path / "run")
    rows = [json.loads(line) for line in (tmp_path / "run/losses.jsonl").read_text().splitlines()]
    assert rows[-1]["w/l2"] < 0.9 * rows[0]["w/l2"]
    assert record.scores["W+ inversion"]["ms_ssim"].n == 6
    ws = weights.load(tmp_path / "run/export/codes.safetensors")[0]["ws"]
    assert ws.shape == (6, 8, 16) and torch.isfinite(ws).all()
