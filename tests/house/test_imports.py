"""The direction of imports, and which rooms may import which third party (docs/architecture.md)."""

import ast
import sys
from pathlib import Path

import pytest

import gantoolkit

PACKAGE = Path(gantoolkit.__file__).parent
STAGES = ("networks", "encoders", "bridges", "generators", "losses", "metrics", "data")
ORDER = (  # a room may import those before it, and stages may import networks only
    "core",
    "registry",
    "config",
    "weights",
    *STAGES,
    "pipeline",
    "report",
    "training",
    "inference",
    "tasks",
    "planning",
    "convert",
    "bench",
    "demo",
    "contracts",
    "cli",
    "__main__",
)
THIRD = {  # third party → rooms or files that may import it
    "mmengine": {"registry/registry.py", "config/loader.py"},
    "diffusers": {"encoders", "tasks"},
    "transformers": {"encoders", "networks", "tasks"},
    "huggingface_hub": {"weights/hub.py", "registry/hub_cache.py", "inference"},
    "timm": {"networks", "encoders"},
    "lpips": {"networks/lpips.py"},
    "insightface": {"networks", "metrics"},
    "torchmetrics": {"metrics"},
    "torchvision": set(),
    "gradio": {"demo"},
    "pluggy": {"registry/hookspecs.py", "registry/plugins.py", "registry/guards.py"},
}
LIGHT = {  # what `--help`, `list` and `show` need: nothing heavy at the top
    "cli",
    "registry/manifest",
    "registry/messages",
    "config/signature",
    "config/value_types",
    "config/validate",
    "config/components",
    "core/errors",
    "core/files",
    "core/labels",
    "core/suggest",
}
NEEDY = ("timm", "lpips", "torchmetrics", "diffusers", "transformers")  # they import torchvision
STDLIB = sys.stdlib_module_names
FILES = sorted(
    f
    for f in PACKAGE.rglob("*.py")
    if f.relative_to(PACKAGE).parts[0] not in ("templates", "configs")
)


def room(file: Path) -> str:
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def module_name(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def known_module(name: str) -> str | None:
    """The module of ours that an import of `name` reads, without the package itself."""
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name if name != "gantoolkit" else None


def imports(file: Path):
    """(module, line, at the top level) of every import, `from gantoolkit import x` as gantoolkit.x.

    What only a type checker imports is left out.
    """
    tree = ast.parse(file.read_text())
    top = set(map(id, tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}:{node.lineno}: write absolute imports"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((name, node.lineno, id(node) in top) for name in names)


def test_every_room_has_its_place():
    """A new room is put into ORDER, which docs/architecture.md shows as a tree."""
    assert {room(file) for file in FILES} - {"__init__"} == set(ORDER)


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_a_file_imports_only_rooms_before_its_own(file):
    here = room(file)
    if here == "__init__":
        return
    before = set(ORDER[: ORDER.index(here)])
    if here in STAGES:
        before -= set(STAGES) - {"networks"}
    for module, line, _ in imports(file):
        parts = module.split(".")
        if parts[0] == "gantoolkit" and len(parts) > 1 and parts[1] not in (here, "__version__"):
            assert parts[1] in before, f"{file}:{line}: {here} may not import {module}"


def test_no_file_imports_itself_through_others():
    """Depth-first search for a circle of files."""
    graph = {
        module_name(file): {
            target for name, *_ in imports(file) for target in [known_module(name)] if target
        }
        for file in FILES
    }
    done = set()

    def visit(module, path):
        assert module not in path, " → ".join([*path[path.index(module) :], module])
        if module not in done:
            for target in sorted(graph[module] - {module}):
                visit(target, [*path, module])
            done.add(module)

    for module in sorted(graph):
        visit(module, [])


MODULES = {module_name(file) for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_third_parties_stay_in_their_rooms(file):
    name = file.relative_to(PACKAGE).as_posix()
    for module, line, top in imports(file):
        third = module.partition(".")[0]
        if third in THIRD:
            fits = any(
                name == allowed or name.startswith(f"{allowed}/") for allowed in THIRD[third]
            )
            rooms = ", ".join(sorted(THIRD[third])) or "compat.py"
            assert fits, f"{name}:{line}: {third} belongs in {rooms}"
        if {room(file), name.removesuffix(".py")} & LIGHT and top:
            assert third == "gantoolkit" or third in STDLIB, f"{name}:{line}: {module} is heavy"


def test_what_needs_torchvision_is_imported_after_the_shim():
    for file in FILES:
        needy = [line for module, line, _ in imports(file) if module.partition(".")[0] in NEEDY]
        text = file.read_text().splitlines()
        shim = [
            i
            for i, line in enumerate(text, 1)
            if "gantoolkit.core.compat" in line or "import compat" in line
        ]
        assert not needy or (shim and min(shim) < min(needy)), (
            f"{file}: import gantoolkit.core.compat first"
        )
