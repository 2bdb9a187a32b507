"""The direction of imports, and which rooms may import which third party (docs/architecture.md)."""

import ast
import sys
from pathlib import Path

import pytest

import gantoolkit

PACKAGE = Path(gantoolkit.__file__).parent
STAGES = ("encoders", "bridges", "generators", "losses", "metrics", "data", "networks")
BASE = {"types", "errors", "files", "manifest", "names", "options", "ranges", "signature", "compat", "plugins", "weights",
        "registry", "hookspecs"}
VOCABULARY = {"data.labels", "data.conditions", "generators.camera"}  # classes, ranges, axes: any stage may speak it
MAY = {  # room → what it may import of the package
    "types": set(), "errors": set(), "compat": set(), "hookspecs": {"types", "weights"}, "files": {"errors"},
    "manifest": set(), "names": {"manifest"}, "signature": {"manifest"},
    "plugins": {"hookspecs", "manifest", "names", "errors"},
    "registry": {"manifest", "names", "errors", "compat"},
    "weights": {"manifest", "names", "errors", "plugins", "files"},
    "options": {"names", "errors"}, "ranges": set(),
    "checks": {"manifest", "names", "ranges", "signature", "errors", "config"},
    "config": {"checks", "manifest", "names", "signature", "errors"},
    "networks": BASE, "data": BASE | {"networks"}, "encoders": BASE | {"networks"}, "bridges": BASE | {"networks"},
    "generators": BASE | {"networks"}, "losses": BASE | {"networks"}, "metrics": BASE | {"networks"},
    "pipeline": BASE | {*STAGES}, "report": BASE | {"networks", "data"},
    "engine": BASE | {*STAGES} | {"pipeline", "config", "checks", "report"},
    "convert": BASE | {*STAGES} | {"engine"},
    "bench": BASE | {*STAGES} | {"pipeline", "checks", "config", "engine", "report"},
    "demo": BASE | {*STAGES} | {"pipeline", "engine", "report"},
    "index": {"checks", "config", "manifest", "names", "signature", "errors"},
    "scaffold": {"files", "manifest", "errors"}, "doctor": {"manifest", "plugins", "weights"},
    "cli": {"errors", "manifest", "names", "options", "plugins", "config", "engine", "data", "bench"},
}
THIRD = {  # third party → rooms or files that may import it
    "mmengine": {"registry.py", "config.py"},
    "diffusers": {"encoders", "engine/tasks"},
    "transformers": {"encoders", "networks", "engine/tasks"},
    "timm": {"networks", "encoders"},
    "lpips": {"networks/lpips.py"},
    "insightface": {"networks", "metrics"},
    "torchmetrics": {"metrics"},
    "torchvision": set(),
    "gradio": {"demo"},
    "einops": {"engine/tasks"},
    "pluggy": {"hookspecs.py", "plugins.py"},
}
LIGHT = {"cli", "index", "manifest", "names", "options", "ranges", "signature", "errors", "files", "scaffold", "checks"}
NEEDY = ("timm", "lpips", "torchmetrics", "diffusers", "transformers")  # they import torchvision
STDLIB = sys.stdlib_module_names
FILES = sorted(f for f in PACKAGE.rglob("*.py")
               if f.relative_to(PACKAGE).parts[0] not in ("templates", "configs"))


def room(file: Path) -> str:
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imports(file: Path):
    """(module, line, at the top level) of every import, `from gantoolkit import x` as gantoolkit.x."""
    tree = ast.parse(file.read_text())
    top = set(map(id, tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}:{node.lineno}: write absolute imports"
            names = [node.module]
            if node.module == "gantoolkit":
                names = [f"gantoolkit.{alias.name}" for alias in node.names]
            yield from ((name, node.lineno, id(node) in top) for name in names)


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_a_file_imports_only_what_its_room_may(file):
    here = room(file)
    if here in ("__init__", "__main__"):
        return
    for module, line, _ in imports(file):
        parts = module.split(".")
        if parts[0] == "gantoolkit" and len(parts) > 1 and parts[1] not in (here, "__version__"):
            assert here in MAY, f"{here} is a new room; say in tests/house/test_imports.py what it may import"
            fits = parts[1] in MAY[here] or here in STAGES and ".".join(parts[1:3]) in VOCABULARY
            assert fits, f"{file}:{line}: {here} may not import {module}"


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_third_parties_stay_in_their_rooms(file):
    name = file.relative_to(PACKAGE).as_posix()
    for module, line, top in imports(file):
        third = module.partition(".")[0]
        if third in THIRD:
            fits = any(name == allowed or name.startswith(f"{allowed}/") for allowed in THIRD[third])
            assert fits, f"{name}:{line}: {third} belongs in {', '.join(sorted(THIRD[third])) or 'compat.py'}"
        if room(file) in LIGHT and top:
            assert third == "gantoolkit" or third in STDLIB, f"{name}:{line}: {module} is heavy"


def test_what_needs_torchvision_is_imported_after_the_shim():
    for file in FILES:
        needy = [line for module, line, _ in imports(file) if module.partition(".")[0] in NEEDY]
        text = file.read_text().splitlines()
        shim = [i for i, line in enumerate(text, 1) if "gantoolkit.compat" in line or "import compat" in line]
        assert not needy or (shim and min(shim) < min(needy)), f"{file}: import gantoolkit.compat first"
