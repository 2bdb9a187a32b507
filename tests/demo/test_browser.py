"""The demo of the command line in headless Chromium: paint, prompt, turn, an error, a download."""

import os
import time
import zipfile

import pytest
from browsing import CHROMIUM, changed, open_tab, serve

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium (set GANTOOLKIT_CHROMIUM)"),
]
pytest.importorskip("gradio", reason="the optional extra 'demo' is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from small import write_runs  # noqa: E402


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The page of two small runs, or of $GANTOOLKIT_DEMO_RUNS."""
    folder = tmp_path_factory.mktemp("browser")
    runs = os.environ.get("GANTOOLKIT_DEMO_RUNS", "").split()
    runs = runs or [str(write_runs(folder) / name) for name in ("solid", "flat")]
    with serve(folder, runs) as page:
        yield page


@pytest.fixture
def browser():
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def tab(browser, address):
    return open_tab(browser, address)


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


def test_a_random_seed_draws_another_person_and_the_old_film_goes(tab):
    tab.click("#gt-film-button")
    tab.wait_for_selector("#gt-film img", timeout=60000)
    changed(tab, lambda: tab.click("#gt-random"))
    playwright.expect(tab.locator("#gt-film img")).to_have_count(0)


def fill_history(tab, seeds) -> None:
    """Draw one face for each seed, and wait until the history shows all of them."""
    kept = tab.locator("#gt-history button")
    for seed in seeds:
        expected = kept.count() + 1
        tab.fill("#gt-seed input", str(seed))
        tab.click("#gt-generate")
        playwright.expect(kept).to_have_count(expected, timeout=60000)


def test_two_results_of_the_history_stand_side_by_side(tab):
    tab.fill("#gt-text textarea", "An old man.")
    fill_history(tab, (5, 6))
    compared = tab.locator("#gt-comparison figure")
    for index in (1, 0, 2):  # 5, 6, and what the page began with: two of them stay
        tab.locator("#gt-history button").nth(index).click()
        playwright.expect(tab.locator("#gt-history button").nth(index)).to_have_attribute(
            "aria-pressed", "true"
        )
    playwright.expect(compared.nth(1)).to_contain_text("seed 0")
    assert compared.count() == 2
    run = tab.input_value('input[aria-label="Run"]')
    assert f"{run} · seed 6" in compared.nth(0).inner_text()
    assert "An old man." in compared.nth(0).inner_text()
    pictures = [figure.locator("img").get_attribute("src") for figure in compared.all()]
    assert len(set(pictures)) == 2
    assert pictures[0] == tab.get_attribute("#gt-face img", "src")  # seed 6 is on show
    assert not tab.problems
    if shot := os.environ.get("GANTOOLKIT_SCREENSHOT"):
        tab.wait_for_timeout(1500)
        tab.screenshot(path=shot, full_page=True)


def test_two_browsers_at_once_keep_their_own(browser, address):
    tabs = [open_tab(browser, address) for _ in range(2)]
    for tab, seed in zip(tabs, (21, 22)):
        tab.fill("#gt-seed input", str(seed))
    for tab in tabs:
        tab.click("#gt-generate")
    for tab in tabs:
        playwright.expect(tab.locator("#gt-history button")).to_have_count(2, timeout=60000)
    faces = [tab.get_attribute("#gt-face img", "src") for tab in tabs]
    assert faces[0] != faces[1]
    tabs[0].fill("#gt-seed input", "22")
    changed(tabs[0], lambda: tabs[0].click("#gt-generate"))
    assert tabs[0].get_attribute("#gt-face img", "src") == faces[1]
    assert tabs[1].locator("#gt-history button").count() == 2


@pytest.mark.parametrize("width, height", [(1280, 720), (390, 664)])
def test_the_page_fits_and_generate_is_above_the_fold(browser, address, width, height):
    tab = open_tab(browser, address, width, height)
    tab.wait_for_selector("#gt-parts figure")
    button = tab.locator("#gt-generate")
    box = button.bounding_box()
    assert box["y"] + box["height"] < height
    fill_history(tab, (31,))
    for index in range(2):
        tab.locator("#gt-history button").nth(index).click()
    playwright.expect(tab.locator("#gt-comparison figure")).to_have_count(2)
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    for name, least in (
        ("#gt-face img", 320),
        ("#gt-mask canvas", 320),
        ("#gt-comparison img", 160),
    ):
        assert tab.locator(name).first.bounding_box()["width"] >= least, name
    if width == 390:  # it stays in reach while one paints, and brings the face into view
        tab.locator("#gt-mask .gt-palette").scroll_into_view_if_needed()
        playwright.expect(button).to_be_in_viewport()
        button.click()
        playwright.expect(tab.locator("#gt-face img")).to_be_in_viewport(ratio=0.9)


def test_a_wrong_seed_is_a_sentence(tab):
    tab.fill("#gt-seed input", "-3")
    tab.click("#gt-generate")
    tab.wait_for_selector("#gt-notice [role=alert]", timeout=30000)
    assert "seed must be from 0 to 4294967295, not -3" in tab.inner_text("#gt-notice")


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
