"""Where the recipes of this plugin leave what its systems load."""

from __future__ import annotations

from pathlib import Path

from gantoolkit import weights


def exported_file(source: str, name: str) -> Path:
    """Find the file `name` in a run folder's export or a folder, or the weights called `source`."""
    for path in (Path(source) / "export" / name, Path(source) / name):
        if path.is_file():
            return path
    return weights.resolve(source)


def exported_folder(source: str, name: str) -> str:
    """Find the folder `name` in a run folder's export, or return `source` (folder or name)."""
    path = Path(source) / "export" / name
    return str(path) if path.is_dir() else source
