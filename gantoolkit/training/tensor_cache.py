"""A cache on disk of what frozen networks give for a data set: z_t, I^d_0, embeddings, features.

Its folder's name is a hash of everything that the content depends on, so that a changed seed,
sampler, caption or weights file can never meet an old tensor. Content lies in shards of a few
samples each: a shard is written beside its place and renamed, then a small JSON file with its
sha256 follows. A process that is killed loses one shard at most; a damaged shard is noticed and
made again. Any number of processes, of one run or of several, may fill one folder: whoever makes a
shard locks it, and idle ones help the others. `index.json`, written when all shards are there,
lists them with their tensors.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from gantoolkit.core import distributed, files
from gantoolkit.core.errors import DataError, GantoolkitError
from gantoolkit.registry import manifest

VERSION = 1  # of the layout; part of every key
PATIENCE = 60.0  # seconds of waiting for other processes after which that is said


def root(folder: str | Path | None = None) -> Path:
    """Find where caches live: $GANTOOLKIT_CACHE, else `folder`, else ~/.cache/gantoolkit."""
    if os.environ.get("GANTOOLKIT_CACHE") or not folder:
        return manifest.cache_root()
    return Path(folder).expanduser()


def digest(key: dict) -> str:
    """Hash a JSON-able description of everything that a cache's content depends on."""
    text = json.dumps(dict(key, version=VERSION), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Cache:
    """Store `rows` samples in shards of `size`: dicts of tensors with samples along dim 0.

    folder  as `root` takes it
    kind    name of the folder within
    key     JSON-able description of what the content depends on
    verify  hash every shard, not only those whose file was touched
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
        self.key = dict(key, rows=rows, shard=size)
        self.rows = rows
        self.size = size
        self.verify = verify
        self.folder = root(folder) / kind / digest(self.key)[:24]
        self.count = -(-rows // size)
        self._open = lru_cache(maxsize=None)(self._open)

    # -- filling -----------------------------------------------------------------------------------

    def missing(self) -> list[int]:
        """List the shards that are absent or whose content is not what was written."""
        return [shard for shard in range(self.count) if not self._is_whole(shard, self.verify)]

    def fill(
        self,
        compute: Callable[[Tensor], dict[str, Tensor]],
        progress: Callable = lambda *_: None,
        name: str = "cache",
        row_bytes: int | None = None,
    ) -> int:
        """Make the missing shards, sharing the work with other processes.

        compute    rows → their tensors
        progress   called as progress(name, done, total)
        row_bytes  bytes of one sample, if known: compared with the free space first
        Returns the number of samples computed by this process.
        """
        missing = self.missing()
        if not missing:
            return 0
        self._check_space(row_bytes, self._samples(missing), progress, name)
        files.write_json(self.folder / "key.json", self.key)

        own = missing[distributed.rank() :: distributed.world_size()]
        others = sorted(set(missing) - set(own), reverse=True)
        computed, done, total = 0, 0, self._samples(own)
        for shard in [*own, *others]:
            progress(name, min(done, total), total)
            computed += self._make(shard, compute) or 0
            done += self._samples([shard])
        progress(name, total, total)
        computed += self._wait_for(missing, compute, progress, name)
        self._write_index()
        return computed

    def _make(self, shard: int, compute: Callable, timeout: float = 0.0) -> int | None:
        """Compute and write a shard unless it is there; returns the number of samples computed.

        timeout  seconds to wait for another process that is at the shard; then None is returned
        """
        if self._is_whole(shard):
            return 0
        with self._locked(shard, timeout) as locked:
            if not locked:
                return None
            if self._is_whole(shard):  # made while this process waited
                return 0
            rows = torch.arange(shard * self.size, min((shard + 1) * self.size, self.rows))
            self._write(shard, compute(rows))
            return len(rows)

    def _wait_for(self, shards: list[int], compute: Callable, progress: Callable, name: str) -> int:
        """Wait for shards of other processes, and make those that they leave."""
        computed, patience = 0, PATIENCE
        for shard in shards:
            made = self._make(shard, compute, patience)
            if made is None:
                if hasattr(progress, "say"):
                    waiting = [shard for shard in shards if not self._is_whole(shard)]
                    progress.say(
                        f"{name}: waiting for {self._samples(waiting)} samples that other "
                        f"processes are at, in {self.folder}"
                    )
                patience = -1  # said once; now wait without end
                made = self._make(shard, compute, patience)
            computed += made
        return computed

    @contextmanager
    def _locked(self, shard: int, timeout: float) -> Iterator[bool]:
        """Hold a shard's lock; yields False if another process does. A killed one holds none."""
        path = self._path(shard).with_suffix(".lock")
        lock = FileLock(path)
        try:
            lock.acquire(timeout=timeout)
        except Timeout:
            locked = False
        except OSError as error:
            raise DataError(
                f"The cache cannot be written: {path} ({error.strerror or error}). Point "
                "cache.folder or $GANTOOLKIT_CACHE to a disk that can."
            ) from None
        else:
            locked = True
        try:
            yield locked
        finally:
            if locked:
                # who waits for the old file, or makes a new one, finds the shard whole
                if self._is_whole(shard):
                    with suppress(OSError):
                        path.unlink()
                lock.release()

    def _samples(self, shards: list[int]) -> int:
        """Count the samples of shards; the last one of all may be short."""
        return sum(min(self.size, self.rows - shard * self.size) for shard in shards)

    def _check_space(
        self, row_bytes: int | None, samples: int, progress: Callable, name: str
    ) -> None:
        """Say how large the cache will be, and refuse a disk that is too small."""
        if not row_bytes:
            return
        needed = samples * row_bytes
        existing = next(path for path in (self.folder, *self.folder.parents) if path.exists())
        free = shutil.disk_usage(existing).free
        if distributed.is_main() and hasattr(progress, "say"):
            progress.say(
                f"{name}: {samples} of {self.rows} samples, {_gb(needed)} to write in "
                f"{self.folder}, {_gb(free)} free"
            )
        if needed > free:
            raise DataError(
                f"The cache '{name}' needs {_gb(needed)}, but {existing} has {_gb(free)} free; "
                "point cache.folder or $GANTOOLKIT_CACHE to a larger disk, lower "
                "sampling.captions, or set cache.stream=True to do without."
            )

    # -- files -------------------------------------------------------------------------------------

    def _path(self, shard: int) -> Path:
        return self.folder / f"{shard:06d}.safetensors"

    def _is_whole(self, shard: int, verify: bool = False) -> bool:
        """Whether a shard is what its note says; it is hashed where the file was touched since."""
        path = self._path(shard)
        note_path = path.with_suffix(".json")
        try:
            note, stat = json.loads(note_path.read_text()), path.stat()
            if note["bytes"] != stat.st_size:
                return False
            if note.get("mtime_ns") == stat.st_mtime_ns and not verify:
                return True
            if note["sha256"] != files.sha256(path):
                return False
            files.write_json(note_path, dict(note, mtime_ns=stat.st_mtime_ns))
            return True
        except (OSError, ValueError, KeyError):
            return False
        except DataError:  # a note that cannot be written, as on a read-only disk
            return True

    def _write(self, shard: int, tensors: dict[str, Tensor]) -> None:
        """Write a shard, then its note."""
        from safetensors import SafetensorError
        from safetensors.torch import save

        path = self._path(shard)
        content = save({k: v.detach().cpu().contiguous() for k, v in tensors.items()})
        path.with_suffix(".json").unlink(missing_ok=True)
        try:
            files.write_bytes(path, content)
            note = dict(
                bytes=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                mtime_ns=path.stat().st_mtime_ns,
            )
            files.write_json(path.with_suffix(".json"), note)
        except (GantoolkitError, SafetensorError) as error:
            raise DataError(
                f"The cache cannot be written: {error} Point cache.folder or $GANTOOLKIT_CACHE to "
                f"a disk with about {self.count * len(content) / 1e9:.1f} GB free, then repeat the "
                "command with --resume."
            ) from error

    def _write_index(self) -> None:
        """Write index.json: every shard with its size and sha256, and the tensors of a sample."""
        if not distributed.is_main():
            return
        shards = []
        for shard in range(self.count):
            note = json.loads(self._path(shard).with_suffix(".json").read_text())
            shards.append(
                dict(
                    file=self._path(shard).name,
                    first=shard * self.size,
                    rows=self._samples([shard]),
                    bytes=note["bytes"],
                    sha256=note["sha256"],
                )
            )
        tensors = {}
        first = self._open(0)
        for name in first.keys():  # noqa: SIM118 - not a dict
            view = first.get_slice(name)
            tensors[name] = dict(dtype=view.get_dtype(), shape=view.get_shape()[1:])
        index = dict(
            rows=self.rows,
            bytes=sum(shard["bytes"] for shard in shards),
            tensors=tensors,
            shards=shards,
        )
        files.write_json(self.folder / "index.json", index)

    # -- reading -----------------------------------------------------------------------------------

    def read(self, name: str, rows: Tensor | Iterable[int], steps: Tensor | None = None) -> Tensor:
        """Read the tensor `name` of samples [b,…], or with `steps` [b] its entry along dim 1.

        Files are memory-mapped; only what is asked for is read.
        """
        out: Tensor | None = None  # filled by copying: autocast on a CPU cannot stack halves
        for position, row in enumerate(torch.as_tensor(rows).tolist()):
            shard, offset = divmod(row, self.size)
            view = self._open(shard).get_slice(name)
            if steps is None:
                value = view[offset : offset + 1][0]
            else:
                step = int(steps[position])
                value = view[offset : offset + 1, step : step + 1][0, 0]
            if out is None:
                out = value.new_empty(len(rows), *value.shape)
            out[position] = value
        return out

    def _open(self, shard: int):
        from safetensors import SafetensorError, safe_open

        try:
            return safe_open(self._path(shard), "pt")
        except (OSError, SafetensorError) as error:
            raise DataError(
                f"{self._path(shard)} cannot be read ({error}); repeat the command and the "
                "cache will be mended."
            ) from None


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
