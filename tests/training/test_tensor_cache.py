from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gantoolkit.core import files
from gantoolkit.core.errors import DataError
from gantoolkit.registry import manifest
from gantoolkit.training.tensor_cache import Cache, digest, root

PATHS = [
    str(Path(__file__).parent),
    str(Path(__file__).parents[2]),
]  # for scripts of other processes
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


def test_filling_counts_every_shard_a_few_times(tmp_path, monkeypatch):
    """Not all of them again at every shard, which would take the square of their number."""
    monkeypatch.delenv("GANTOOLKIT_CACHE", raising=False)
    counted = []
    plain = Cache._samples

    def counting(self, shards):
        counted.append(len(shards))
        return plain(self, shards)

    monkeypatch.setattr(Cache, "_samples", counting)
    cache = make(tmp_path, rows=200)
    seen = []
    cache.fill(content, lambda name, done, total: seen.append((done, total)))
    assert seen == [(done, 200) for done in range(0, 201, 5)]
    assert sum(counted) <= 6 * cache.count


@pytest.mark.parametrize(
    "change", [dict(data="abd"), dict(steps=11), dict(seed=1), dict(weights=dict(unet="124"))]
)
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
    assert seen == [10, 15] and torch.equal(
        make(tmp_path).read("z", [12])[0], content(torch.tensor([12]))["z"][0]
    )


def test_continues_after_a_kill(tmp_path):
    script = f"""
import os, signal, sys
sys.path[:0] = {PATHS!r}
from test_tensor_cache import make, content
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
    def full(path, data):
        raise DataError("No space is left on the disk.")

    monkeypatch.setattr(files, "write_bytes", full)
    with pytest.raises(DataError, match=r"cache cannot be written.*GANTOOLKIT_CACHE"):
        make(tmp_path)._write(0, content(torch.arange(5)))


def test_environment_variable_wins(tmp_path, monkeypatch):
    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path / "env"))
    assert make(tmp_path / "config").folder.is_relative_to(tmp_path / "env")


def test_caches_and_downloads_have_one_root(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert root() == manifest.cache_root() == tmp_path / ".cache/gantoolkit"
    assert (
        root("~/other") == tmp_path / "other"
        and manifest.cache_folder("downloads") == root() / "downloads"
    )
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert (
        root() == manifest.cache_root() == tmp_path / "xdg/gantoolkit"
        and root("~/other") == tmp_path / "other"
    )
    monkeypatch.setenv("GANTOOLKIT_CACHE", "~/typed")
    assert root() == root("~/other") == manifest.cache_root() == tmp_path / "typed"


def test_a_touched_shard_is_hashed_again_and_verify_hashes_all(tmp_path, monkeypatch):
    hashed, real = [], files.sha256
    monkeypatch.setattr(files, "sha256", lambda path: hashed.append(path.name) or real(path))
    make(tmp_path).fill(content)
    assert make(tmp_path).missing() == [] and hashed == []  # written here, untouched since
    os.utime(make(tmp_path).folder / "000001.safetensors")
    assert make(tmp_path).missing() == [] and hashed == ["000001.safetensors"]
    assert make(tmp_path).missing() == [] and len(hashed) == 1  # noted
    assert (
        Cache(tmp_path, "trajectory", KEY, 23, size=5, verify=True).missing() == []
        and len(hashed) == 6
    )
    shard = make(tmp_path).folder / "000002.safetensors"
    stamp, raw = shard.stat().st_mtime_ns, bytearray(shard.read_bytes())
    raw[-1] ^= 1
    shard.write_bytes(raw)
    os.utime(shard, ns=(stamp, stamp))  # damage that leaves no trace but the content
    assert make(tmp_path).missing() == []
    assert Cache(tmp_path, "trajectory", KEY, 23, size=5, verify=True).missing() == [2]


def test_index_lists_shards_and_tensors(tmp_path):
    import hashlib
    import json

    cache = make(tmp_path)
    cache.fill(content)
    index = json.loads((cache.folder / "index.json").read_text())
    assert index["rows"] == 23 and index["tensors"] == {
        "z": {"dtype": "F16", "shape": [4, 3]},
        "x0": {"dtype": "U8", "shape": [1]},
    }
    assert [s["rows"] for s in index["shards"]] == [5, 5, 5, 5, 3]
    for shard in index["shards"]:
        raw = (cache.folder / shard["file"]).read_bytes()
        assert shard["bytes"] == len(raw) and shard["sha256"] == hashlib.sha256(raw).hexdigest()
    assert index["bytes"] == sum(s["bytes"] for s in index["shards"])


def test_independent_processes_share_the_work(tmp_path):
    """Two processes that know nothing of each other make every shard once."""
    script = f"""
import os, sys, time
sys.path[:0] = {PATHS!r}
from test_tensor_cache import make, content
def compute(rows):
    open({str(tmp_path / "log")!r}, "a").write(f"{{int(rows[0])}}\\n"); time.sleep(0.2)
    return content(rows)
while not os.path.exists({str(tmp_path / "go")!r}): time.sleep(0.01)
make({str(tmp_path)!r}, rows=60).fill(compute)
"""
    environment = {k: v for k, v in os.environ.items() if k != "GANTOOLKIT_CACHE"}
    both = [subprocess.Popen([sys.executable, "-c", script], env=environment) for _ in range(2)]
    (tmp_path / "go").touch()
    assert [p.wait() for p in both] == [0, 0]
    made = sorted(int(line) for line in (tmp_path / "log").read_text().split())
    assert made == list(range(0, 60, 5))
    assert make(tmp_path, rows=60).missing() == [] and not list(
        make(tmp_path, rows=60).folder.glob("*.lock")
    )


def test_a_lock_of_the_living_is_respected_and_that_of_the_killed_is_void(tmp_path):
    cache = make(tmp_path)
    cache.folder.mkdir(parents=True)
    script = f"""
import sys, time
sys.path[:0] = {PATHS!r}
from test_tensor_cache import make, content
def compute(rows):
    print("locked", flush=True)
    time.sleep(600)
make({str(tmp_path)!r})._make(1, compute)
"""
    environment = {k: v for k, v in os.environ.items() if k != "GANTOOLKIT_CACHE"}
    other = subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "locked\n"
    assert cache._make(1, content) is None
    other.kill()
    other.wait()
    assert cache._make(1, content) == 5 and cache._make(1, content) == 0
    assert not list(cache.folder.glob("*.lock"))


def test_a_failed_computation_leaves_the_shard_to_others(tmp_path):
    def fail(rows):
        raise ValueError("no such image")

    with pytest.raises(ValueError, match="no such image"):
        make(tmp_path).fill(fail)
    assert make(tmp_path).fill(content) == 23


def test_long_waiting_is_said_once_and_ends_with_the_lock(tmp_path, monkeypatch):
    from filelock import FileLock

    from gantoolkit.core.progress import Progress
    from gantoolkit.training import tensor_cache as module

    monkeypatch.setattr(module, "PATIENCE", 0.3)
    cache, said, progress = make(tmp_path), [], Progress(quiet=True)
    cache.folder.mkdir(parents=True)
    lock = FileLock(cache.folder / "000001.lock")
    lock.acquire()

    def say(text):
        said.append(text)
        lock.release()

    monkeypatch.setattr(progress, "say", say)
    assert cache.fill(content, progress) == cache.rows and len(said) == 1
    assert f"waiting for {cache.size} samples" in said[0] and str(cache.folder) in said[0]


def test_size_is_said_and_a_small_disk_refused(tmp_path, monkeypatch):
    import shutil
    from types import SimpleNamespace

    said, seen = [], []

    class Progress:
        say = staticmethod(said.append)

        def __call__(self, *given):
            seen.append(given)

    make(tmp_path).fill(content, Progress(), "z", row_bytes=25)
    assert "z: 23 of 23 samples, 0.0 MB to write in" in said[0] and "free" in said[0]
    assert seen == [("z", done, 23) for done in (0, 5, 10, 15, 20, 23)]
    (make(tmp_path).folder / "000004.safetensors").unlink()  # the last shard holds three
    make(tmp_path).fill(content, Progress(), "z", row_bytes=25)
    assert "z: 3 of 23 samples" in said[1] and seen[-1] == ("z", 3, 3)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1e6))
    with pytest.raises(
        DataError, match=r"needs 23.0 GB, but .* has 1.0 MB free.*cache.stream=True"
    ):
        make(tmp_path / "other").fill(content, row_bytes=10**9)
    assert not (tmp_path / "other").exists()
