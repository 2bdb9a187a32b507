"""Several processes of one run on this machine, started together and ended together.

They find each other by the variables that torchrun sets, so that a run does not know which of the
two started it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gantoolkit.core.errors import GantoolkitError
from gantoolkit.core.threads import idle_cores
from gantoolkit.training.signals import signals_to

STOPPED = (0, 2, 130)  # exit codes with which all end: done, wrong usage, interrupted
PAUSE = 0.05  # seconds between two looks at the processes
GRACE = 30.0  # seconds that the others have to end after process 0 is done


def started_by_others() -> bool:
    """Whether this process is one of several already, of torchrun or of `launch`."""
    return "WORLD_SIZE" in os.environ


def launch(arguments: list[str], count: int, threads: int | None = None) -> int:
    """Run `python ARGUMENTS` in `count` processes and return the exit code of the first.

    Process 0 has the terminal; what the others print is kept, and the last line of one that dies is
    said. A signal to stop goes to all of them, once.

    threads  of each process; None: the idle cores are shared out, or OMP_NUM_THREADS says

    Raises GantoolkitError where a signal ends process 0, or where another one dies.
    """
    variables = os.environ | dict(
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(_free_port()),
        WORLD_SIZE=str(count),
        LOCAL_WORLD_SIZE=str(count),
    )
    if threads is not None or "OMP_NUM_THREADS" not in os.environ:
        variables["OMP_NUM_THREADS"] = str(threads or max(1, idle_cores() // count))

    with tempfile.TemporaryDirectory() as folder:
        logs = [Path(folder, f"{rank}.log") for rank in range(count)]
        processes: list[subprocess.Popen] = []

        def pass_on(number, frame) -> None:
            for process in processes:
                process.send_signal(number)

        with signals_to(pass_on):
            try:
                for rank, log in enumerate(logs):
                    processes.append(_start(arguments, variables, rank, log))
                dead = _wait(processes)
            finally:
                for process in processes:
                    process.kill()
                    process.wait()
        if dead is not None:
            raise GantoolkitError(_obituary(dead, processes[dead].returncode, logs[dead]))
    return processes[0].returncode


def _start(
    arguments: list[str], variables: dict[str, str], rank: int, log: Path
) -> subprocess.Popen:
    """Start one process, out of reach of the terminal's own signals."""
    command = [sys.executable, *arguments]
    env = variables | dict(RANK=str(rank), LOCAL_RANK=str(rank))
    if rank == 0:
        return subprocess.Popen(command, env=env, start_new_session=True)
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            env=env,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _wait(processes: list[subprocess.Popen]) -> int | None:
    """Wait until process 0 ends or another dies; returns the number of one that died.

    Where process 0 is done, the others may finish as well, for at most GRACE seconds.
    """
    while processes[0].poll() is None:
        for rank, process in enumerate(processes[1:], 1):
            if process.poll() not in (None, *STOPPED):
                return rank
        time.sleep(PAUSE)
    if processes[0].returncode < 0:
        return 0
    deadline = time.monotonic() + GRACE
    while processes[0].returncode == 0 and time.monotonic() < deadline:
        if all(process.poll() is not None for process in processes):
            break
        time.sleep(PAUSE)
    return None


def _obituary(rank: int, code: int, log: Path) -> str:
    """Say how a process ended, with its last words."""
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    words = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    last = f": {words[-1]}" if words else ""
    return (
        f"Process {rank} ended with {how}{last}; all were stopped. Repeat the command with "
        "--resume to go on from the last checkpoint."
    )


def _free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
