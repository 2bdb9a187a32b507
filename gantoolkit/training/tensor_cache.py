"""A cache on disk of what frozen networks say about a data set: z_t, I^d_0, embeddings, perhaps features.

Its folder's name is a hash of everything that the content depends on, so that a changed seed, sampler,
caption or weights file can never meet an old tensor. Content lies in shards of a few samples each: a shard
is written beside its place and renamed, then a small JSON file with its sha256 follows. A process that is
killed loses one shard at most; a damaged shard is noticed and made again. Any number of processes, of one run
or of several, may fill one folder: whoever makes a shard claims it first, and idle ones help the others.
`index.json`, written when all shards are there, lists them with their tensors.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from gantoolkit.core import distributed, files
from gantoolkit.core.errors import DataError, GantoolkitError
from gantoolkit.registry import manifest

VERSION = 1  # of the layout; part of every key
STALE = 3600.0  # seconds after which a claim of another machine is void
UNSIGNED = 5.0  # seconds after which a claim without a name is void
LOST = (
    6 * STALE
)  # and one of this machine whose process seems alive: its number may be another's by now
PATIENT = 60.0  # seconds of waiting for other processes after which that is said


def root(folder: str | Path | None = None) -> Path:
    """Where caches live: $GANTOOLKIT_CACHE, else the config's folder, else ~/.cache/gantoolkit."""
    return (
        manifest.cache_root()
        if os.environ.get("GANTOOLKIT_CACHE") or not folder
        else Path(folder).expanduser()
    )


def digest(key: dict) -> str:
    """Hash of a JSON-able description of everything that a cache's content depends on."""
    text = json.dumps(dict(key, version=VERSION), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Cache:
    """`rows` samples in shards of `size`; each shard is a dict of tensors with the samples along dim 0.

    `key` is the JSON-able description of what the content depends on.
    """

    def __init__(
        self,
        folder: str | Path | None,
        kind: str,
        key: dict,
        rows: int,
        size: int = 48,
        verify: bool = False,
    ):
        self.key, self.rows, self.size = dict(key, rows=rows, shard=size), rows, size
        self.folder, self.verify = root(folder) / kind / digest(self.key)[:24], verify
        self.count = -(-rows // size)
        self._open = lru_cache(maxsize=None)(self._open)

    # -- writing -------------------------------------------------------------------------------------

    def missing(self) -> list[int]:
        """Numbers of the shards that are absent or whose content is not what was written."""
        return [number for number in range(self.count) if not self._whole(number, self.verify)]

    def _whole(self, number: int, verify: bool = False) -> bool:
        """Whether a shard is what its note says; its content is hashed where the file was touched since."""
        path = self._path(number)
        try:
            noted, now = json.loads(path.with_suffix(".json").read_text()), path.stat()
            if noted["bytes"] != now.st_size:
                return False
            if noted.get("mtime_ns") == now.st_mtime_ns and not verify:
                return True
            if noted["sha256"] != files.sha256(path):
                return False
            files.write_json(path.with_suffix(".json"), dict(noted, mtime_ns=now.st_mtime_ns))
            return True
        except (OSError, ValueError, KeyError):
            return False
        except DataError:  # a note that cannot be written, as on a read-only disk
            return True

    def fill(
        self,
        compute: Callable[[Tensor], dict[str, Tensor]],
        progress: Callable = lambda *_: None,
        name: str = "cache",
        row_bytes: int | None = None,
    ) -> int:
        """Make the missing shards; `compute(rows)` gives their tensors. Processes share the work.

        row_bytes  of one sample where known: what is needed is compared with the free space before it starts
        Returns the number of samples that were computed here.
        """
        todo = self.missing()
        if not todo:
            return 0
        self._expect(row_bytes, self._samples(todo), progress, name)
        files.write_json(self.folder / "key.json", self.key)
        mine = todo[distributed.rank() :: distributed.world()]
        others = [number for number in reversed(todo) if number not in set(mine)]
        made, total = 0, self._samples(mine)
        for done, number in enumerate([*mine, *others]):
            progress(name, self._samples(mine[:done]), total)
            made += self._make(number, compute)
        progress(name, total, total)
        made += self._wait(todo, compute, progress, name)
        self._write_index()
        return made

    def _wait(self, todo: list[int], compute: Callable, progress: Callable, name: str) -> int:
        """Wait for the shards that other processes are at, and make those that they leave; samples computed."""
        made, since, said = 0, time.monotonic(), False
        while waiting := [number for number in todo if not self._whole(number)]:
            made += sum(self._make(number, compute) for number in waiting) or time.sleep(0.2) or 0
            if not said and time.monotonic() - since > PATIENT and hasattr(progress, "say"):
                said = True
                progress.say(
                    f"{name}: waiting for {self._samples(waiting)} samples that other processes are at; where "
                    f"none runs, delete {self.folder}/*.claim"
                )
        return made

    def _samples(self, shards: list[int]) -> int:
        """How many samples these shards hold; the last one of all may be short."""
        return sum(min(self.size, self.rows - number * self.size) for number in shards)

    def _make(self, number: int, compute: Callable) -> int:
        """Compute and write a shard, unless it is there or another process is at it; samples computed."""
        if self._whole(number) or not self._claim(number):
            return 0
        try:
            if self._whole(number):
                return 0
            rows = torch.arange(number * self.size, min((number + 1) * self.size, self.rows))
            self._write(number, compute(rows))
            return len(rows)
        finally:
            self._path(number).with_suffix(".claim").unlink(missing_ok=True)

    def _claim(self, number: int) -> bool:
        """Whether this process may make a shard; claims of dead processes are void."""
        path = self._path(number).with_suffix(".claim")
        for _ in range(2):
            try:
                with open(path, "x", encoding="utf-8") as file:
                    file.write(f"{socket.gethostname()} {os.getpid()}")
                return True
            except FileExistsError:
                if not _void(path):
                    return False
                path.unlink(missing_ok=True)
            except OSError as error:
                raise DataError(
                    f"The cache cannot be written: {path} ({error.strerror or error}). Point "
                    "cache.folder or $GANTOOLKIT_CACHE to a disk that can."
                ) from None
        return False

    def _expect(self, row_bytes: int | None, samples: int, progress: Callable, name: str) -> None:
        """Say how large the cache will be, and refuse a disk that is too small."""
        if not row_bytes:
            return
        needed = samples * row_bytes
        place = next(p for p in (self.folder, *self.folder.parents) if p.exists())
        free = shutil.disk_usage(place).free
        if distributed.is_main() and hasattr(progress, "say"):
            progress.say(
                f"{name}: {samples} of {self.rows} samples, {_gb(needed)} to write in {self.folder}, "
                f"{_gb(free)} free"
            )
        if needed > free:
            raise DataError(
                f"The cache '{name}' needs {_gb(needed)}, but {place} has {_gb(free)} free; point "
                "cache.folder or $GANTOOLKIT_CACHE to a larger disk, lower sampling.captions, or "
                "set cache.stream=True to do without."
            )

    def _write(self, number: int, tensors: dict[str, Tensor]) -> None:
        from safetensors import SafetensorError
        from safetensors.torch import save

        path = self._path(number)
        content = save({k: v.detach().cpu().contiguous() for k, v in tensors.items()})
        path.with_suffix(".json").unlink(missing_ok=True)
        try:
            files.write_bytes(path, content)
            files.write_json(
                path.with_suffix(".json"),
                dict(
                    bytes=len(content),
                    sha256=hashlib.sha256(content).hexdigest(),
                    mtime_ns=path.stat().st_mtime_ns,
                ),
            )
        except (GantoolkitError, SafetensorError) as error:
            raise DataError(
                f"The cache cannot be written: {error} Point cache.folder or $GANTOOLKIT_CACHE to a "
                f"disk with about {self.count * len(content) / 1e9:.1f} GB free, then repeat the "
                "command with --resume."
            ) from error

    def _write_index(self) -> None:
        """index.json: every shard with its rows, size and sha256, and the tensors of a sample."""
        if not distributed.is_main():
            return
        notes = [
            json.loads(self._path(n).with_suffix(".json").read_text()) for n in range(self.count)
        ]
        first = self._open(0)
        tensors = {
            k: dict(dtype=first.get_slice(k).get_dtype(), shape=first.get_slice(k).get_shape()[1:])
            for k in first.keys()
        }
        shards = [
            dict(
                file=self._path(n).name,
                first=n * self.size,
                rows=self._samples([n]),
                bytes=note["bytes"],
                sha256=note["sha256"],
            )
            for n, note in enumerate(notes)
        ]
        files.write_json(
            self.folder / "index.json",
            dict(
                rows=self.rows,
                bytes=sum(s["bytes"] for s in shards),
                tensors=tensors,
                shards=shards,
            ),
        )

    # -- reading -------------------------------------------------------------------------------------

    def read(self, name: str, rows: Tensor | Iterable[int], steps: Tensor | None = None) -> Tensor:
        """[b,…]: the tensor `name` of some samples, or with `steps` [b] its entry along dim 1.

        Files are memory-mapped; only what is asked for is read.
        """
        out: Tensor | None = None  # filled by copying: autocast on a CPU cannot stack halves
        for position, row in enumerate(torch.as_tensor(rows).tolist()):
            view, inside = self._open(row // self.size).get_slice(name), row % self.size
            if steps is None:
                found = view[inside : inside + 1][0]
            else:
                step = int(steps[position])
                found = view[inside : inside + 1, step : step + 1][0, 0]
            out = found.new_empty(len(rows), *found.shape) if out is None else out
            out[position] = found
        return out

    def _open(self, number: int):
        from safetensors import SafetensorError, safe_open

        try:
            return safe_open(self._path(number), "pt")
        except (OSError, SafetensorError) as error:
            raise DataError(
                f"{self._path(number)} cannot be read ({error}); repeat the command and the "
                "cache will be mended."
            ) from None

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.safetensors"


def _void(claim: Path) -> bool:
    """Whether the process that wrote a claim is dead, as far as that can be known."""
    try:
        age, said = time.time() - claim.stat().st_mtime, claim.read_text(encoding="utf-8").split()
        if len(said) != 2:  # just being written, or its process was killed before it could
            return age > UNSIGNED
        host, pid = said
        if host != socket.gethostname() or age > LOST:
            return age > STALE
        os.kill(int(pid), 0)
        return int(pid) == os.getpid()
    except ProcessLookupError:
        return True
    except (OSError, ValueError):  # gone, just being written, or another user's
        return False


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
