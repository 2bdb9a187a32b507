"""Where the recipes of this plugin leave what its systems load."""

from __future__ import annotations

from pathlib import Path

from gantoolkit import weights


def exported(source: str, file: str) -> Path:
    """FILE of a run folder's export, of a folder, or the weights that `source` names."""
    for path in (Path(source) / "export" / file, Path(source) / file):
        if path.is_file():
            return path
    return weights.resolve(source)


def folder(source: str, name: str) -> str:
    """The folder NAME of a run folder's export, or `source` itself (a folder or a weights name)."""
    path = Path(source) / "export" / name
    return str(path) if path.is_dir() else source
