"""`gantoolkit doctor`: does this installation work, and if not, what to do."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from gantoolkit.core import files as text_files
from gantoolkit.registry import manifest

if TYPE_CHECKING:
    from packaging.requirements import Requirement

OK, NOTE, BROKEN = "ok", "note", "BROKEN"
FREE_GB = 5  # a run's cache and checkpoints stay far below
EXTRA_IMPORTS = ("mmengine.config", "mmengine.registry", "gantoolkit.pipeline")
MODULE_NAMES = {"pillow": "PIL", "pyyaml": "yaml", "scikit-image": "skimage"}
TORCH_PROBE = """
import torch
from gantoolkit.core import compat
from gantoolkit.core.precision import computes_bf16
import torchvision
print(torch.__version__, torchvision.__version__, torch.cuda.device_count())
print(torch.get_num_threads(), computes_bf16("cpu"), *compat.patched)
"""
IMPORT_PROBE = """
import importlib, sys
import gantoolkit.core.compat
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except BaseException as error:
        print(name, type(error).__name__, " ".join(str(error).split())[:200], sep="\\t")
"""


@dataclass
class Finding:
    """One line of the report."""

    state: str
    what: str
    advice: str = ""


def main(args: Namespace) -> int:
    """Print all findings; returns 1 when something needed is broken."""
    broken = 0
    for finding in findings(args.quick):
        print(f"{finding.state:<7} {finding.what}")
        if finding.advice:
            print(f"        → {finding.advice}")
        broken += finding.state == BROKEN
    print(f"\n{broken} broken." if broken else "\nEverything that is needed works.")
    return 1 if broken else 0


def findings(quick: bool = False) -> Iterator[Finding]:
    """Run all checks, cheap ones first."""
    machine = f"Python {platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores"
    yield Finding(OK, f"{machine}, gantoolkit in {manifest.package_root()}")
    yield from versions()
    yield from disk()
    yield from plugins(quick)
    yield from files(quick)
    if not quick:
        yield from torch_pair()
        yield from imports()


def requirements() -> list[Requirement]:
    """Read the dependencies of the installed package, or of the checkout."""
    from packaging.requirements import Requirement

    checkout = manifest.checkout_root()
    if checkout:
        import tomllib

        text = text_files.read_text(checkout / "pyproject.toml")
        lines = tomllib.loads(text)["project"]["dependencies"]
    else:
        lines = metadata.requires("gantoolkit") or []
    stated = [Requirement(line) for line in lines]
    return [one for one in stated if one.marker is None or one.marker.evaluate({"extra": ""})]


def versions() -> Iterator[Finding]:
    """Compare the installed version of every dependency with its range."""
    installed = []
    for requirement in requirements():
        name = requirement.name
        advice = f"pip install '{name}{requirement.specifier}'"
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Finding(BROKEN, f"{name} is not installed", advice)
            continue
        except Exception as error:  # METADATA that cannot be read
            version, advice = None, f"{advice} --force-reinstall ({type(error).__name__})"
        if not version:
            yield Finding(BROKEN, f"{name} is installed without readable metadata", advice)
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            problem = f"{name} {version} is outside {requirement.specifier}"
            yield Finding(BROKEN, problem, advice)
        installed.append(f"{name} {version}")
    yield Finding(OK, ", ".join(installed))


def disk() -> Iterator[Finding]:
    """Look at the free space where runs are written."""
    free = shutil.disk_usage(".").free / 1e9
    advice = "" if free > FREE_GB else "a full run needs a few GB; use --out DIR"
    yield Finding(NOTE if advice else OK, f"{free:.0f} GB free here", advice)


def plugins(quick: bool) -> Iterator[Finding]:
    """Find plugins, with the error of each that does not load."""
    if not quick:
        from gantoolkit.registry.plugins import manager

        manager()
    index = manifest.load()
    for plugin in index.providers.values():
        if plugin.name == manifest.GROUP:
            continue
        where = f"plugin '{plugin.name}' {plugin.version} in {plugin.folder or plugin.root}"
        if plugin.error:
            advice = "repair or uninstall it; gantoolkit works without"
            yield Finding(NOTE, f"{where}: {plugin.error}", advice)
        else:
            yield Finding(OK, where)
    for clash in index.clashes:
        yield Finding(NOTE, clash, "rename one, or uninstall the plugin that you do not want")


def files(quick: bool) -> Iterator[Finding]:
    """Look for the weights and data of registry.yaml; unless `quick`, at their content too."""
    index = manifest.load()
    verified = 0
    for name, entry in {**index.weights, **index.data}.items():
        path = index.file(entry)
        if not path.exists():
            if "file" in entry:  # others are published weights that nobody has asked for
                yield _missing_file(name, path, entry.get("recipe"))
        elif not quick and entry.get("sha256"):
            from gantoolkit import weights

            if weights.matches(path, entry):
                verified += 1
            else:
                problem = f"'{name}' at {path} is damaged (sha256)"
                yield Finding(BROKEN, problem, "reinstall gantoolkit")
    listed = f"{len(index.weights)} weights and {len(index.data)} data sets listed"
    yield Finding(OK, f"{listed}, {verified} verified")


def _missing_file(name: str, path: Path, recipe: str | None) -> Finding:
    advice = "reinstall gantoolkit"
    if recipe:
        advice += f", or train it: gantoolkit run {recipe}"
    return Finding(BROKEN, f"'{name}' is missing at {path}", advice)


def torch_pair() -> Iterator[Finding]:
    """Import torch and torchvision together.

    Beside a CPU torch the shim of compat.py may be at work.
    """
    process = run_python(TORCH_PROBE)
    if process.returncode:
        yield Finding(
            BROKEN,
            f"torch and torchvision do not work together: {last_line(process.stderr)}",
            "pip install --force-reinstall torch torchvision (of one release and one index)",
        )
        return
    torch_version, torchvision_version, devices, threads, has_bf16, *patched = (
        process.stdout.split()
    )
    text = (
        f"torch {torch_version}, torchvision {torchvision_version}, {devices} CUDA device(s), "
        f"{threads} CPU threads (fewer beside other work; OMP_NUM_THREADS or --threads decide)"
    )
    if has_bf16 == "False":
        text += "; this processor has no bfloat16, precision bf16 is computed in fp32 on it"
    if patched:
        text += "; torchvision's C++ operators do not load, gantoolkit does without them"
    yield Finding(NOTE if patched else OK, text)


def imports() -> Iterator[Finding]:
    """Import every dependency in a process of its own, as gantoolkit does."""
    modules = list(EXTRA_IMPORTS)
    for requirement in requirements():
        name = requirement.name
        modules.append(MODULE_NAMES.get(name, name.replace("-", "_")))
    process = run_python(IMPORT_PROBE, *modules)
    failures = [line.split("\t") for line in process.stdout.splitlines() if line.count("\t") == 2]
    for name, kind, text in failures:
        problem = f"import {name} fails: {kind}: {text}"
        yield Finding(BROKEN, problem, "reinstall it with pip; versions above")
    if process.returncode:
        problem = f"importing dependencies ends Python: {last_line(process.stderr)}"
        yield Finding(BROKEN, problem, "reinstall torch")
    elif not failures:
        yield Finding(OK, f"{len(modules)} modules can be imported")


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run Python code in a fresh process."""
    path = [str(manifest.package_root().parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *arguments],
        text=True,
        capture_output=True,
        env=environment,
    )


def last_line(text: str) -> str:
    """Return the last line of a traceback."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no message"
