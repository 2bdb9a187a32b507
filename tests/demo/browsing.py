"""The demo of the command line, and visitors of it in headless Chromium."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

CHROMIUM = os.environ.get("GANTOOLKIT_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
ROOT = Path(__file__).resolve().parents[2]
SERVE = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); import small; "
    "from gantoolkit.cli.main import main; "
    "main(sys.argv[1:])"
)


@contextlib.contextmanager
def serve(folder: Path, runs: list[str]):
    """Serve the page of some runs by the verb, and hand out its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    stand_ins = str(Path(__file__).parent)
    command = [sys.executable, "-c", SERVE, stand_ins, "demo", *runs, "--port", port]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (
        open(folder / "log", "w") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env=environment) as server,
    ):
        until = time.time() + 180
        while "demo is at" not in (folder / "log").read_text():
            assert server.poll() is None and time.time() < until, (folder / "log").read_text()
            time.sleep(0.3)
        yield f"http://127.0.0.1:{port}/"
        server.terminate()


def open_tab(browser, address, width=1280, height=1000):
    """Return the page of a new visitor, once the first face is there."""
    page = browser.new_context(viewport=dict(width=width, height=height)).new_page()
    page.problems, page.hosts = [], set()
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("request", lambda request: page.hosts.add(request.url.split("/")[2]))
    page.goto(address)
    page.wait_for_selector("#gt-face img", timeout=60000)
    return page


def changed(tab, act) -> float:
    """Return the seconds from an act to another large picture."""
    before, started = tab.get_attribute("#gt-face img", "src"), time.time()
    act()
    other = "old => document.querySelector('#gt-face img').src !== old"
    tab.wait_for_function(other, arg=before, timeout=60000)
    return time.time() - started
