"""`gantoolkit doctor`: does this installation work, and if not, what to do."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from gantoolkit.registry import manifest

OK, NOTE, BROKEN = "ok", "note", "BROKEN"
FREE_GB = 5  # a run's cache and checkpoints stay far below
EXTRA_IMPORTS = ("mmengine.config", "mmengine.registry", "gantoolkit.pipeline")


@dataclass
class Finding:
    """One line of the report."""

    state: str
    what: str
    advice: str = ""


def main(args: Namespace) -> int:
    """Print all findings; 1 when something needed is broken."""
    broken = 0
    for finding in findings(args.quick):
        print(f"{finding.state:<7} {finding.what}")
        if finding.advice:
            print(f"        → {finding.advice}")
        broken += finding.state == BROKEN
    print(f"\n{broken} broken." if broken else "\nEverything that is needed works.")
    return 1 if broken else 0


def findings(quick: bool = False) -> Iterator[Finding]:
    """All checks, cheap ones first."""
    yield Finding(
        OK,
        f"Python {platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores, "
        f"gantoolkit in {manifest.package_root()}",
    )
    yield from versions()
    yield from disk()
    yield from plugins(quick)
    yield from files(quick)
    if not quick:
        yield from torch_pair()
        yield from imports()


def requirements() -> dict[str, str]:
    """Distribution → version range, as the installed package (or the checkout's pyproject.toml) states it."""
    checkout = manifest.checkout_root()
    if checkout:
        import tomllib

        text = (checkout / "pyproject.toml").read_text(encoding="utf-8")
        lines = tomllib.loads(text)["project"]["dependencies"]
    else:
        lines = [r for r in metadata.requires("gantoolkit") or () if "extra ==" not in r]
    parts = (re.match(r"([A-Za-z0-9_.-]+)\s*\(?([^;)]*)", line) for line in lines)
    return {part[1]: part[2].strip() for part in parts}


def versions() -> Iterator[Finding]:
    """Every dependency's installed version against its range."""
    found = []
    for name, wanted in requirements().items():
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Finding(BROKEN, f"{name} is not installed", f"pip install '{name}{wanted}'")
            continue
        if not fits(version, wanted):
            yield Finding(
                BROKEN, f"{name} {version} is outside {wanted}", f"pip install '{name}{wanted}'"
            )
        found.append(f"{name} {version}")
    yield Finding(OK, ", ".join(found))


def fits(version: str, wanted: str) -> bool:
    """Whether a release number satisfies `>=a,<b` (the only forms used)."""

    def key(text: str) -> list[int]:
        numbers = [int(n) for n in re.findall(r"\d+", text.partition("+")[0])]
        return numbers + [0] * (4 - len(numbers))

    for part in filter(None, wanted.split(",")):
        sign, bound = re.match(r"(>=|<|==)(.*)", part.strip()).groups()
        here, there = key(version), key(bound)
        if not {">=": here >= there, "<": here < there, "==": here == there}[sign]:
            return False
    return True


def disk() -> Iterator[Finding]:
    """Free space where runs are written."""
    free = shutil.disk_usage(".").free / 1e9
    advice = "" if free > FREE_GB else "a full run needs a few GB; use --out DIR"
    yield Finding(NOTE if advice else OK, f"{free:.0f} GB free here", advice)


def plugins(quick: bool) -> Iterator[Finding]:
    """Plugins found, with the error of each that does not load."""
    if not quick:
        from gantoolkit.registry.plugins import manager

        manager()
    index = manifest.load()
    for owner in index.providers.values():
        if owner.name == manifest.GROUP:
            continue
        where = f"plugin '{owner.name}' {owner.version} in {owner.folder or owner.root}"
        if owner.error:
            yield Finding(
                NOTE, f"{where}: {owner.error}", "repair or uninstall it; gantoolkit works without"
            )
        else:
            yield Finding(OK, where)
    for clash in index.clashes:
        yield Finding(NOTE, clash, "rename one, or uninstall the plugin that you do not want")


def files(quick: bool) -> Iterator[Finding]:
    """Weights and data that registry.yaml promises: present, and of the right content."""
    if not quick:
        from gantoolkit import weights

    index, good = manifest.load(), 0
    for name, entry in {**index.weights, **index.data}.items():
        path = index.file(entry)
        if "file" not in entry and not path.exists():
            continue  # published weights that nobody has asked for
        if not path.exists():
            recipe = (
                f", or train it: gantoolkit run {entry['recipe']}" if entry.get("recipe") else ""
            )
            yield Finding(BROKEN, f"'{name}' is missing at {path}", f"reinstall gantoolkit{recipe}")
        elif not quick and entry.get("sha256"):
            same = weights.matches(path, entry)
            good += same
            if not same:
                yield Finding(
                    BROKEN, f"'{name}' at {path} is damaged (sha256)", "reinstall gantoolkit"
                )
    yield Finding(
        OK, f"{len(index.weights)} weights and {len(index.data)} data sets listed, {good} verified"
    )


def torch_pair() -> Iterator[Finding]:
    """torch and torchvision belong together; beside a CPU torch the shim of compat.py may be at work."""
    code = (
        "import torch; from gantoolkit.core import compat; import torchvision; "
        "print(torch.__version__, torchvision.__version__, torch.cuda.device_count(), *compat.patched)"
    )
    done = alone(code)
    if done.returncode:
        yield Finding(
            BROKEN,
            f"torch and torchvision do not work together: {last(done.stderr)}",
            "pip install --force-reinstall torch torchvision (of one release and one index)",
        )
        return
    torch_version, vision, devices, *patched = done.stdout.split()
    shim = (
        "; torchvision's C++ operators do not load, gantoolkit does without them" if patched else ""
    )
    yield Finding(
        NOTE if patched else OK,
        f"torch {torch_version}, torchvision {vision}, {devices} CUDA device(s){shim}",
    )


def imports() -> Iterator[Finding]:
    """Import every dependency in a process of its own, as gantoolkit does."""
    modules = {"pillow": "PIL", "pyyaml": "yaml", "scikit-image": "skimage"}
    names = [modules.get(name, name.replace("-", "_")) for name in requirements()] + list(
        EXTRA_IMPORTS
    )
    code = (
        "import sys, importlib, traceback\nimport gantoolkit.core.compat\nfor name in sys.argv[1:]:\n"
        "    try: importlib.import_module(name)\n"
        "    except BaseException as e:\n"
        "        print(name, type(e).__name__, ' '.join(str(e).split())[:200], sep='\\t')"
    )
    done = alone(code, *names)
    failed = [line.split("\t") for line in done.stdout.splitlines() if line.count("\t") == 2]
    for name, kind, text in failed:
        yield Finding(
            BROKEN, f"import {name} fails: {kind}: {text}", "reinstall it with pip; versions above"
        )
    if done.returncode:
        yield Finding(
            BROKEN, f"importing dependencies ends Python: {last(done.stderr)}", "reinstall torch"
        )
    elif not failed:
        yield Finding(OK, f"{len(names)} modules can be imported")


def alone(code: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run Python code in a fresh process."""
    path = [str(manifest.package_root().parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *arguments],
        text=True,
        capture_output=True,
        env=environment,
    )


def last(text: str) -> str:
    """The last line of a traceback."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no message"
