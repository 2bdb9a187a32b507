"""Constructor arguments read from source text: checks and help import no component."""

from __future__ import annotations

import ast
import importlib.util
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from gantoolkit.config import docstrings
from gantoolkit.core import files
from gantoolkit.core.errors import DataError
from gantoolkit.registry import manifest

MAX_DEPTH = 8  # of imports and base classes that are followed
CONFIG = "config"  # an argument of this name stands for the fields of its dataclass


@dataclass(frozen=True)
class Argument:
    """One constructor argument, as text."""

    name: str
    annotation: str = ""
    default: str | None = None  # None: required
    comment: str = ""  # what stands beside it in the source or above it, else in the docstring


@dataclass(frozen=True)
class Signature:
    """The arguments of a class or function."""

    arguments: tuple[Argument, ...]
    open: bool = False  # whether it takes **kwargs
    doc: str = ""

    @property
    def names(self) -> list[str]:
        return [argument.name for argument in self.arguments]


class Definition(NamedTuple):
    """A class or function in a source file."""

    node: ast.ClassDef | ast.FunctionDef
    module: str
    file: Path


def of(entry: dict) -> Signature | None:
    """Read the signature behind a component's entry of registry.yaml.

    None where there is no source.
    """
    module, _, attribute = entry["module"].partition(":")
    provider = manifest.load().providers.get(entry.get("owner", manifest.GROUP))
    folder = str(provider.folder) if provider and provider.folder else None
    return read(module, attribute, folder)


@lru_cache
def read(module: str, attribute: str, folder: str | None = None) -> Signature | None:
    """Read the signature of `module:attribute` from source text, through imports and bases.

    folder  where the top-level package lies, if not on sys.path
    """
    definition = _find(module, attribute, folder)
    if definition is None:
        return None
    if isinstance(definition.node, ast.FunctionDef):
        return _explained(_of_function(definition.node, definition.file, skip=0), definition.node)

    nodes = []
    for cls in _lineage(definition, folder):
        nodes.append(cls.node)
        init = _init_of(cls.node)
        if init:
            signature = _of_function(init, cls.file, skip=1)
            signature = _with_config_fields(signature, cls, folder)
            return _explained(signature, *nodes, init)
        if _is_dataclass(cls.node):
            return _explained(_of_dataclass(definition, folder), *nodes)
    return _explained(Signature(()), definition.node)


def _explained(signature: Signature, *nodes: ast.ClassDef | ast.FunctionDef) -> Signature:
    """Add the docstring of the first node, and what those of all say of single arguments."""
    docs = [ast.get_docstring(node) or "" for node in nodes]
    texts: dict[str, str] = {}
    for doc in reversed(docs):
        texts |= {name: row.text for row in docstrings.rows(doc) for name in row.names}
    arguments = []
    for argument in signature.arguments:
        comment = argument.comment or texts.get(argument.name, "")
        arguments.append(replace(argument, comment=comment))
    return replace(signature, arguments=tuple(arguments), doc=docs[0])


def source(module: str, folder: str | None = None) -> Path | None:
    """Find the file of a module without importing its package: in `folder`, else on sys.path."""
    top, *rest = module.split(".")
    installed = _installed(top)
    bases = [Path(folder) / top] if folder else []
    if installed:
        bases.append(installed)
    for base in bases:
        path = base.joinpath(*rest)
        for candidate in (path.with_suffix(".py"), path / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


def _installed(top: str) -> Path | None:
    """The folder of a package on sys.path, or the file of a module without its suffix."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.origin:
        return None
    origin = Path(spec.origin)
    return origin.parent if spec.submodule_search_locations else origin.with_suffix("")


@lru_cache
def _tree(file: Path) -> ast.Module:
    """Parse a file; one that cannot be parsed counts as empty, and its import says why."""
    try:
        return ast.parse(files.read_source(file))
    except (DataError, SyntaxError, ValueError, RecursionError):
        return ast.Module(body=[], type_ignores=[])


def _find(module: str, attribute: str, folder: str | None, depth: int = 0) -> Definition | None:
    """Find a class or function, through `from x import y`."""
    file = source(module, folder)
    if file is None or depth > MAX_DEPTH:
        return None
    body = _tree(file).body
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == attribute:
            return Definition(node, module, file)
    for node in body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == attribute:
                    target = _absolute(node, module, file)
                    return _find(target, alias.name, folder, depth + 1)
    return None


def _absolute(node: ast.ImportFrom, module: str, file: Path) -> str:
    """The full name of the module that `from … import` names."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    dropped = node.level - (file.name == "__init__.py")
    parent = parts[: len(parts) - dropped]
    return ".".join([*parent, node.module or ""]).rstrip(".")


def _lineage(cls: Definition, folder: str | None, depth: int = 0) -> Iterator[Definition]:
    """The class and its bases, depth first, as far as their source is ours to read."""
    yield cls
    for base in cls.node.bases:
        name = ast.unparse(base)
        if "." in name or depth > MAX_DEPTH:
            continue
        definition = _find(cls.module, name, folder)
        if definition is None or not isinstance(definition.node, ast.ClassDef):
            continue
        if definition.module.partition(".")[0] != "torch":
            yield from _lineage(definition, folder, depth + 1)


def _init_of(cls: ast.ClassDef) -> ast.FunctionDef | None:
    for node in cls.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            return node
    return None


def _is_dataclass(cls: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(decorator) for decorator in cls.decorator_list)


def _of_function(node: ast.FunctionDef, file: Path, skip: int) -> Signature:
    """The signature of a function without its first `skip` arguments (self)."""
    positional = [*node.args.posonlyargs, *node.args.args]
    required = len(positional) - len(node.args.defaults)
    defaults = [None] * required + list(node.args.defaults)
    pairs = list(zip(positional, defaults))[skip:]
    pairs += zip(node.args.kwonlyargs, node.args.kw_defaults)

    comments = _comments(file)
    arguments = []
    for argument, default in pairs:
        annotation = ast.unparse(argument.annotation) if argument.annotation else ""
        value = ast.unparse(default) if default else None
        comment = comments.get((default or argument).end_lineno, "")
        arguments.append(Argument(argument.arg, annotation, value, comment))
    return Signature(tuple(arguments), node.args.kwarg is not None)


def _of_dataclass(definition: Definition, folder: str | None) -> Signature:
    arguments: dict[str, Argument] = {}
    for cls in reversed(list(_lineage(definition, folder))):
        comments = _comments(cls.file)
        for node in cls.node.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                name = node.target.id
                default = ast.unparse(node.value) if node.value else None
                comment = comments.get(node.end_lineno, "")
                arguments[name] = Argument(name, ast.unparse(node.annotation), default, comment)
    return Signature(tuple(arguments.values()))


def _with_config_fields(signature: Signature, cls: Definition, folder: str | None) -> Signature:
    """Replace an argument `config` by the fields of the dataclass that it holds."""
    arguments: list[Argument] = []
    for argument in signature.arguments:
        definition = None
        if argument.name == CONFIG and argument.annotation.isidentifier():
            definition = _find(cls.module, argument.annotation, folder)
        if definition and isinstance(definition.node, ast.ClassDef):
            arguments += _of_dataclass(definition, folder).arguments
        else:
            arguments.append(argument)
    return Signature(tuple(arguments), signature.open)


@lru_cache
def _comments(file: Path) -> dict[int, str]:
    """Read the comments of a file: number of the line that each describes → text.

    A comment describes the code before it on its line; one on lines of its own, the line below.
    """
    comments: dict[int, str] = {}
    above: list[str] = []
    text = files.read_source(file)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        line = token.start[0]
        if token.type == tokenize.COMMENT and token.line.lstrip().startswith("#"):
            above.append(token.string.lstrip("# "))
        elif token.type == tokenize.COMMENT:
            comments[line] = token.string.lstrip("# ")
        elif token.type == tokenize.NEWLINE and above:
            comments.setdefault(line, " ".join(above))
            above = []
    return comments
