"""Where in a config file a key is set, for messages."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.errors import UsageError


def key_lines(source: str) -> dict[str, int]:
    """Map the dotted keys that Python source sets to the numbers of their lines.

    >>> key_lines("seed = 1\\nschedule = dict(\\n    batch=4,\\n)\\n")
    {'seed': 1, 'schedule': 2, 'schedule.batch': 3}
    """
    lines: dict[str, int] = {}
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            lines[node.id] = max(node.lineno, lines.get(node.id, 0))
    for statement in ast.walk(tree):
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    _add_keys(lines, target.id, statement.value)
    return lines


def _add_keys(lines: dict[str, int], prefix: str, value: ast.expr) -> None:
    """Add the keys of a dict display or of a call such as dict(key=value)."""
    if isinstance(value, ast.Call):
        for keyword in value.keywords:
            if keyword.arg is not None:
                lines[f"{prefix}.{keyword.arg}"] = keyword.lineno
                _add_keys(lines, f"{prefix}.{keyword.arg}", keyword.value)
    elif isinstance(value, ast.Dict):
        for key, inner in zip(value.keys, value.values, strict=True):
            if isinstance(key, ast.Constant):
                lines[f"{prefix}.{key.value}"] = key.lineno
                _add_keys(lines, f"{prefix}.{key.value}", inner)


def line_of(key: str, lines: dict[str, int]) -> int | None:
    """Return the line of a dotted key, else that of the nearest dict that it lies in.

    >>> line_of("schedule.batch[0]", {"schedule": 2, "schedule.batch": 3})
    3
    """
    while key:
        for name in (key, key.partition("[")[0]):
            if name in lines:
                return lines[name]
        key = key.rpartition(".")[0]
    return None


def with_lines(provenance: Mapping[str, str], configs: Mapping[str, Path]) -> dict[str, str]:
    """Add the line to every origin that is a config file.

    provenance  dotted key → origin
    configs     origin → the file that it stands for
    """
    lines_of = {}
    for origin, file in configs.items():
        lines_of[origin] = key_lines(files.read_source(file, UsageError))
    located = {}
    for key, origin in provenance.items():
        line = line_of(key, lines_of.get(origin, {}))
        located[key] = origin if line is None else f"{origin}, line {line}"
    return located


def line_of_error(error: BaseException, file: Path) -> int | str:
    """Return the line of `file` in which an error was raised."""
    line: int | str = "?"
    traceback = error.__traceback__
    while traceback:
        if traceback.tb_frame.f_code.co_filename == str(file):
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
