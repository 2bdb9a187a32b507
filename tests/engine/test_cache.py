from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gantoolkit.engine.cache import Cache, digest
from gantoolkit.errors import DataError

KEY = dict(data="abc", steps=10, seed=0, weights=dict(unet="123"))


def content(rows):
    z = rows[:, None, None].float() * 100 + torch.arange(4)[None, :, None] * 10 + torch.arange(3.0)
    return dict(z=z.half(), x0=rows[:, None].to(torch.uint8))


def make(folder, key=KEY, rows=23):
    return Cache(folder, "trajectory", key, rows, size=5)


def test_reads_what_was_written(tmp_path, monkeypatch):
    monkeypatch.delenv("GANTOOLKIT_CACHE", raising=False)
    cache = make(tmp_path)
    assert cache.fill(content) == 23
    rows, steps = torch.tensor([22, 0, 7, 7]), torch.tensor([3, 0, 1, 2])
    assert torch.equal(cache.read("z", rows, steps), content(rows)["z"][torch.arange(4), steps])
    assert torch.equal(cache.read("x0", rows), content(rows)["x0"])
    with torch.autocast("cpu", torch.bfloat16):
        assert cache.read("z", [4, 5]).dtype == torch.float16
    assert make(tmp_path).fill(lambda rows: pytest.fail("computed again")) == 0


@pytest.mark.parametrize("change", [dict(data="abd"), dict(steps=11), dict(seed=1), dict(weights=dict(unet="124"))])
def test_everything_named_in_the_key_matters(change):
    assert digest(KEY) == digest(dict(reversed(KEY.items())))
    assert digest(KEY) != digest(KEY | change)


def test_damage_is_noticed_and_mended(tmp_path):
    cache = make(tmp_path)
    cache.fill(content)
    shard = cache.folder / "000002.safetensors"
    raw = bytearray(shard.read_bytes())
    raw[-1] ^= 1
    shard.write_bytes(raw)
    (cache.folder / "000003.safetensors").unlink()
    assert make(tmp_path).missing() == [2, 3]
    seen = []
    make(tmp_path).fill(lambda rows: seen.append(rows[0].item()) or content(rows))
    assert seen == [10, 15] and torch.equal(make(tmp_path).read("z", [12])[0], content(torch.tensor([12]))["z"][0])


def test_continues_after_a_kill(tmp_path):
    script = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r}); sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_cache import make, content
def compute(rows):
    if rows[0] == 10: os.kill(os.getpid(), signal.SIGKILL)
    return content(rows)
make({str(tmp_path)!r}).fill(compute)
"""
    environment = {k: v for k, v in os.environ.items() if k != "GANTOOLKIT_CACHE"}
    done = subprocess.run([sys.executable, "-c", script], env=environment)
    assert done.returncode == -signal.SIGKILL
    assert make(tmp_path).missing() == [2, 3, 4]
    first = []
    make(tmp_path).fill(lambda rows: first.append(rows[0].item()) or content(rows))
    assert first == [10, 15, 20]


def test_full_disk_is_a_sentence(tmp_path, monkeypatch):
    from gantoolkit import files

    def full(path, data):
        raise DataError("No space is left on the disk.")

    monkeypatch.setattr(files, "write_bytes", full)
    with pytest.raises(DataError, match=r"cache cannot be written.*GANTOOLKIT_CACHE"):
        make(tmp_path)._write(0, content(torch.arange(5)))


def test_environment_variable_wins(tmp_path, monkeypatch):
    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path / "env"))
    assert make(tmp_path / "config").folder.is_relative_to(tmp_path / "env")
