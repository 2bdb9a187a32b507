"""What the command line costs before it does anything: CPU seconds beside bare Python and torch."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import timing

LIGHT = (["--help"], ["list"], ["show", "EG3D"])  # commands that compute nothing
BARE, TORCH = "python -c pass", "python -c 'import torch'"


def measure(rounds: int) -> list[dict]:
    """Return a row per command: least CPU and wall seconds of `rounds` interleaved runs."""
    commands = {BARE: [sys.executable, "-c", "pass"]}
    for words in LIGHT:
        commands[" ".join(["gantoolkit", *words])] = [*command(), *words]
    commands[TORCH] = [sys.executable, "-c", "import torch"]

    cpu: dict[str, list[float]] = {name: [] for name in commands}
    wall: dict[str, list[float]] = {name: [] for name in commands}
    for index in range(rounds + 1):
        for name, words in commands.items():
            cpu_seconds, wall_seconds = run(words)
            if index:  # the first round writes bytecode and warms the file cache
                cpu[name].append(cpu_seconds)
                wall[name].append(wall_seconds)

    least = {name: min(seconds) for name, seconds in cpu.items()}
    rows = []
    for name in commands:
        rows.append(
            dict(
                command=name,
                cpu=timing.significant(least[name]),
                wall=timing.significant(min(wall[name])),
                rounds=rounds,
                of_python=round(least[name] / least[BARE], 2),
                of_torch=round(least[name] / least[TORCH], 3),
            )
        )
    return rows


def command() -> list[str]:
    """Return the installed console script, else the module."""
    script = Path(sys.executable).parent / "gantoolkit"
    return [str(script)] if script.exists() else [sys.executable, "-m", "gantoolkit"]


def run(words: list[str]) -> tuple[float, float]:
    """Run a process; returns its CPU seconds (user and system, with children) and wall seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall
