"""What the command line costs before it does anything: CPU seconds of light verbs beside Python and torch."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import timing

VERBS = (["--help"], ["list"], ["show", "EG3D"])


def measure(rounds: int) -> list[dict]:
    """One row per command: least CPU and wall seconds of `rounds` interleaved runs."""
    commands = {"python -c pass": [sys.executable, "-c", "pass"]}
    commands |= {" ".join(["gantoolkit", *verb]): [*command(), *verb] for verb in VERBS}
    commands["python -c 'import torch'"] = [sys.executable, "-c", "import torch"]
    cpu: dict[str, list[float]] = {name: [] for name in commands}
    wall: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):  # the first one writes bytecode and warms the file cache
        for name, arguments in commands.items():
            seconds = run(arguments)
            if number:
                cpu[name].append(seconds[0])
                wall[name].append(seconds[1])
    bare, torch = min(cpu["python -c pass"]), min(cpu["python -c 'import torch'"])
    return [
        dict(
            command=name,
            cpu=timing.rounded(min(cpu[name])),
            wall=timing.rounded(min(wall[name])),
            rounds=rounds,
            of_python=round(min(cpu[name]) / bare, 2),
            of_torch=round(min(cpu[name]) / torch, 3),
        )
        for name in commands
    ]


def command() -> list[str]:
    """The installed console script, else the module."""
    script = Path(sys.executable).parent / "gantoolkit"
    return [str(script)] if script.exists() else [sys.executable, "-m", "gantoolkit"]


def run(arguments: list[str]) -> tuple[float, float]:
    """(CPU seconds of user and system, wall seconds) of one process and its children."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall
