"""A cache on disk of what frozen networks say about a data set: z_t, I^d_0, embeddings, perhaps features.

Its folder's name is a hash of everything that the content depends on, so that a changed seed, sampler,
caption or weights file can never meet an old tensor. Content lies in shards of a few samples each: a shard
is written beside its place and renamed, then a small JSON file with its sha256 follows. A process that is
killed loses one shard at most; a damaged shard is noticed and made again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from gantoolkit import files
from gantoolkit.engine import distributed
from gantoolkit.errors import DataError, GantoolkitError

VERSION = 1  # of the layout; part of every key


def root(folder: str | Path | None = None) -> Path:
    """Where caches live: $GANTOOLKIT_CACHE, else the config's folder, else ~/.cache/gantoolkit."""
    return Path(os.environ.get("GANTOOLKIT_CACHE") or folder or "~/.cache/gantoolkit").expanduser()


def digest(key: dict) -> str:
    """Hash of a JSON-able description of everything that a cache's content depends on."""
    text = json.dumps(dict(key, version=VERSION), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Cache:
    """`rows` samples in shards of `size`; each shard is a dict of tensors with the samples along dim 0.

    `key` is the JSON-able description of what the content depends on.
    """

    def __init__(self, folder: str | Path | None, kind: str, key: dict, rows: int, size: int = 48):
        self.key, self.rows, self.size = dict(key, rows=rows, shard=size), rows, size
        self.folder = root(folder) / kind / digest(self.key)[:24]
        self.count = -(-rows // size)
        self._open = lru_cache(maxsize=None)(self._open)

    # -- writing -------------------------------------------------------------------------------------

    def missing(self) -> list[int]:
        """Numbers of the shards that are absent or whose content is not what was written."""
        return [number for number in range(self.count) if not self._whole(number)]

    def _whole(self, number: int) -> bool:
        path = self._path(number)
        try:
            noted = json.loads(path.with_suffix(".json").read_text())
            return noted["bytes"] == path.stat().st_size and noted["sha256"] == _sha256(path)
        except (OSError, ValueError, KeyError):
            return False

    def fill(self, compute: Callable[[Tensor], dict[str, Tensor]], progress: Callable = lambda *_: None,
             name: str = "cache") -> int:
        """Make the missing shards; `compute(rows)` gives their tensors. Processes share the work.

        Returns the number of samples that were computed here.
        """
        todo = self.missing()[distributed.rank()::distributed.world()]
        if not todo:
            return 0
        files.write_json(self.folder / "key.json", self.key)
        made = 0
        for done, number in enumerate(todo):
            progress(name, done * self.size, len(todo) * self.size)
            rows = torch.arange(number * self.size, min((number + 1) * self.size, self.rows))
            self._write(number, compute(rows))
            made += len(rows)
        progress(name, len(todo) * self.size, len(todo) * self.size)
        return made

    def _write(self, number: int, tensors: dict[str, Tensor]) -> None:
        from safetensors import SafetensorError
        from safetensors.torch import save

        path = self._path(number)
        content = save({k: v.detach().cpu().contiguous() for k, v in tensors.items()})
        path.with_suffix(".json").unlink(missing_ok=True)
        try:
            files.write_bytes(path, content)
            files.write_json(path.with_suffix(".json"),
                             dict(bytes=len(content), sha256=hashlib.sha256(content).hexdigest()))
        except (GantoolkitError, SafetensorError) as error:
            raise DataError(f"The cache cannot be written: {error} Point cache.folder or $GANTOOLKIT_CACHE to a "
                            f"disk with about {self.count * len(content) / 1e9:.1f} GB free, then repeat the "
                            "command with --resume.") from error

    # -- reading -------------------------------------------------------------------------------------

    def read(self, name: str, rows: Tensor | Iterable[int], steps: Tensor | None = None) -> Tensor:
        """[b,…]: the tensor `name` of some samples, or with `steps` [b] its entry along dim 1.

        Files are memory-mapped; only what is asked for is read.
        """
        out: Tensor | None = None  # filled by copying: autocast on a CPU cannot stack halves
        for position, row in enumerate(torch.as_tensor(rows).tolist()):
            view, inside = self._open(row // self.size).get_slice(name), row % self.size
            if steps is None:
                found = view[inside:inside + 1][0]
            else:
                step = int(steps[position])
                found = view[inside:inside + 1, step:step + 1][0, 0]
            out = found.new_empty(len(rows), *found.shape) if out is None else out
            out[position] = found
        return out

    def _open(self, number: int):
        from safetensors import SafetensorError, safe_open

        try:
            return safe_open(self._path(number), "pt")
        except (OSError, SafetensorError) as error:
            raise DataError(f"{self._path(number)} cannot be read ({error}); repeat the command and the cache "
                            "will be mended.") from None

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.safetensors"


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
