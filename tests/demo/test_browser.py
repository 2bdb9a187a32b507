"""The demo of the command line in headless Chromium: paint, prompt, turn, an error, a download."""

import os
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

CHROMIUM = os.environ.get("GANTOOLKIT_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium (set GANTOOLKIT_CHROMIUM)"),
]
pytest.importorskip("gradio", reason="the optional extra 'demo' is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from small import write_runs  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
SERVE = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); import small; "
    "from gantoolkit.cli.main import main; "
    "main(sys.argv[1:])"
)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The page of three small runs, or of $GANTOOLKIT_DEMO_RUNS, served by the verb."""
    folder = tmp_path_factory.mktemp("browser")
    runs = os.environ.get("GANTOOLKIT_DEMO_RUNS", "").split()
    runs = runs or [str(write_runs(folder) / name) for name in ("solid", "flat")]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-c",
        SERVE,
        str(Path(__file__).parent),
        "demo",
        *runs,
        "--port",
        str(port),
    ]
    with (
        open(folder / "log", "w") as log,
        subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT)}
        ) as server,
    ):
        until = time.time() + 180
        while "demo is at" not in (folder / "log").read_text():
            assert server.poll() is None and time.time() < until, (folder / "log").read_text()
            time.sleep(0.3)
        yield f"http://127.0.0.1:{port}/"
        server.terminate()


@pytest.fixture
def tab(address):
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport=dict(width=1280, height=1000))
        page.problems, page.hosts = [], set()
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("request", lambda request: page.hosts.add(request.url.split("/")[2]))
        page.goto(address)
        page.wait_for_selector("#gt-face img", timeout=60000)
        yield page
        browser.close()


def changed(tab, act) -> float:
    """Seconds from an act to another large picture."""
    before, started = tab.get_attribute("#gt-face img", "src"), time.time()
    act()
    other = "old => document.querySelector('#gt-face img').src !== old"
    tab.wait_for_function(other, arg=before, timeout=60000)
    return time.time() - started


def rests(tab, seconds: float = 1.0) -> None:
    """Wait until the large picture has not changed for a while."""
    shown, since = None, time.time()
    while time.time() - since < seconds:
        now = tab.get_attribute("#gt-face img", "src")
        if now != shown:
            shown, since = now, time.time()
        tab.wait_for_timeout(100)


def paint(tab) -> None:
    """A broad stroke of skin through the middle of the mask, then Generate."""
    tab.locator("#gt-mask .gt-palette button", has_text="skin").click()
    tab.locator("#gt-mask [data-size]").fill("40")
    box = tab.locator("#gt-mask canvas").bounding_box()
    tab.mouse.move(box["x"] + 20, box["y"] + 40)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] - 20, box["y"] + 60, steps=8)
    tab.mouse.up()
    tab.click("#gt-generate")


def test_from_drawing_to_download(tab, tmp_path, record_property):
    tab.fill("#gt-text textarea", "This young woman has red hair.")
    record_property("seconds_generate", changed(tab, lambda: paint(tab)))
    assert "step" in tab.inner_text("#gt-notice") and tab.locator("#gt-parts figure").count() >= 4

    slider = tab.locator("#gt-yaw input[type=range]")
    record_property(
        "seconds_turn",
        changed(
            tab, lambda: [slider.focus(), *(tab.keyboard.press("ArrowRight") for _ in range(12))]
        ),
    )
    rests(tab)
    changed(tab, lambda: tab.locator("#gt-examples button").nth(3).click())
    with tab.expect_download() as download:
        tab.click("#gt-download")
    download.value.save_as(tmp_path / "face.zip")
    with zipfile.ZipFile(tmp_path / "face.zip") as file:
        assert {"face.png", "mask.png", "manifest.jsonl"} <= set(file.namelist())
    if shot := os.environ.get("GANTOOLKIT_SCREENSHOT"):
        tab.wait_for_timeout(1500)
        tab.screenshot(path=shot, full_page=True)
    assert not tab.problems and tab.hosts == {tab.url.split("/")[2]}


def test_a_symmetric_brush_swaps_sides_and_a_mask_is_saved(tab, tmp_path):
    """A left eye at a quarter of the width is a right eye at three quarters."""
    import numpy as np
    from PIL import Image

    from gantoolkit.core.labels import CLASSES, PALETTE

    tab.click("#gt-mask [data-do=clear]")
    tab.locator("#gt-mask .gt-palette button", has_text="left eye").click()
    tab.check("#gt-mask [data-symmetric]")
    box = tab.locator("#gt-mask canvas").bounding_box()
    tab.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    with tab.expect_download() as download:
        tab.click("#gt-mask [data-do=save]")
    download.value.save_as(tmp_path / "mask.png")
    pixels = np.asarray(Image.open(tmp_path / "mask.png").convert("RGB"))
    middle, quarter = len(pixels) // 2, len(pixels) // 4
    for x, name in ((quarter, "l_eye"), (3 * quarter - 1, "r_eye"), (middle, "background")):
        assert tuple(pixels[middle, x]) == PALETTE[CLASSES.index(name)], name
    is_left = (pixels == PALETTE[CLASSES.index("l_eye")]).all(-1)
    is_right = (pixels == PALETTE[CLASSES.index("r_eye")]).all(-1)
    assert is_left.sum() > 50 and np.array_equal(is_left[:, ::-1], is_right)


def test_a_random_seed_draws_another_person(tab):
    changed(tab, lambda: tab.click("#gt-random"))


def test_an_empty_mask_is_a_sentence_and_undo_brings_it_back(tab):
    face = tab.get_attribute("#gt-face img", "src")
    tab.click("#gt-mask [data-do=clear]")
    tab.click("#gt-generate")
    tab.wait_for_selector("#gt-notice [role=alert]", timeout=30000)
    assert "The mask is empty" in tab.inner_text("#gt-notice")
    assert tab.get_attribute("#gt-face img", "src") == face
    tab.click("#gt-mask [data-do=undo]")
    tab.click("#gt-generate")
    tab.wait_for_selector("#gt-notice [role=status]", timeout=30000)


def test_a_flat_run_has_no_camera(tab):
    assert tab.locator("#gt-yaw").is_visible()
    tab.locator('input[aria-label="Run"]').click()
    changed(tab, lambda: tab.get_by_role("option").nth(1).click())
    assert not tab.locator("#gt-yaw").is_visible()
