"""Constructor arguments read from source text, so that checks and help need no import of the component."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gantoolkit.registry import manifest


@dataclass(frozen=True)
class Argument:
    """One constructor argument, as text."""

    name: str
    annotation: str = ""
    default: str | None = None  # None: required


@dataclass(frozen=True)
class Signature:
    """The arguments of a class or function; `open` when it takes **kwargs."""

    arguments: tuple[Argument, ...]
    open: bool = False
    doc: str = ""

    @property
    def names(self) -> list[str]:
        return [argument.name for argument in self.arguments]


def of(entry: dict) -> Signature | None:
    """The signature behind a component's entry of registry.yaml; None where no source can be read."""
    module, _, attribute = entry["module"].partition(":")
    owner = manifest.load().owners.get(entry.get("owner", manifest.GROUP))
    return read(module, attribute, str(owner.folder) if owner and owner.folder else None)


@lru_cache
def read(module: str, attribute: str, folder: str | None = None) -> Signature | None:
    """The signature of `module:attribute`, following imports and base classes in source text alone."""
    found = _find(module, attribute, folder)
    if found is None:
        return None
    node, home, _ = found
    doc = ast.get_docstring(node) or ""
    if isinstance(node, ast.FunctionDef):
        return _of_function(node, doc, skip=0)
    for cls, _ in _lineage(node, home, folder):
        init = next(
            (n for n in cls.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None
        )
        if init:
            return _of_function(init, doc, skip=1)
        if any("dataclass" in ast.unparse(d) for d in cls.decorator_list):
            return _of_dataclass(node, home, folder, doc)
    return Signature((), doc=doc)


def source(module: str, folder: str | None = None) -> Path | None:
    """The file of a module, found without importing its package."""
    top, *rest = module.split(".")
    if folder:
        base = Path(folder) / top
    else:
        try:
            spec = importlib.util.find_spec(top)
        except (ImportError, ValueError):
            return None
        if spec is None or not spec.origin:
            return None
        origin = Path(spec.origin)
        base = origin.parent if spec.submodule_search_locations else origin.with_suffix("")
    path = base.joinpath(*rest)
    return next((f for f in (path.with_suffix(".py"), path / "__init__.py") if f.is_file()), None)


@lru_cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _find(module: str, attribute: str, folder: str | None, depth: int = 0):
    """(node, module, tree) of a class or function, through `from x import y`; None when not found."""
    file = source(module, folder)
    if file is None or depth > 8:
        return None
    tree = _tree(file)
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == attribute:
            return node, module, tree
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == attribute:
                    return _find(_absolute(node, module, file), alias.name, folder, depth + 1)
    return None


def _absolute(node: ast.ImportFrom, module: str, file: Path) -> str:
    if not node.level:
        return node.module or ""
    drop = node.level - (file.name == "__init__.py")
    parent = module.split(".")[: len(module.split(".")) - drop]
    return ".".join([*parent, node.module or ""]).rstrip(".")


def _lineage(
    node: ast.ClassDef, module: str, folder: str | None, depth: int = 0
) -> Iterator[tuple]:
    """The class and its bases, depth first, as far as their source is ours to read."""
    yield node, module
    for base in node.bases:
        name = ast.unparse(base)
        if "." in name or depth > 8:
            continue
        found = _find(module, name, folder)
        if found and isinstance(found[0], ast.ClassDef) and found[1].partition(".")[0] != "torch":
            yield from _lineage(found[0], found[1], folder, depth + 1)


def _of_function(node: ast.FunctionDef, doc: str, skip: int) -> Signature:
    positional = [*node.args.posonlyargs, *node.args.args]
    defaults = [None] * (len(positional) - len(node.args.defaults)) + list(node.args.defaults)
    pairs = list(zip(positional, defaults))[skip:] + list(
        zip(node.args.kwonlyargs, node.args.kw_defaults)
    )
    arguments = tuple(
        Argument(
            a.arg, ast.unparse(a.annotation) if a.annotation else "", ast.unparse(d) if d else None
        )
        for a, d in pairs
    )
    return Signature(arguments, node.args.kwarg is not None, doc)


def _of_dataclass(node: ast.ClassDef, home: str, folder: str | None, doc: str) -> Signature:
    arguments: dict[str, Argument] = {}
    for cls, _ in reversed(list(_lineage(node, home, folder))):
        for line in cls.body:
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                default = ast.unparse(line.value) if line.value else None
                arguments[line.target.id] = Argument(
                    line.target.id, ast.unparse(line.annotation), default
                )
    return Signature(tuple(arguments.values()), doc=doc)
