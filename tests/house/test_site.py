"""The documentation as a site: it builds strictly, and every link in it leads somewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from gantoolkit.cli import main
from gantoolkit.registry import manifest

ROOT = Path(main.__file__).parents[2]
pytestmark = pytest.mark.skipif(
    not (ROOT / "mkdocs.yml").is_file(), reason="mkdocs.yml is not part of an installed package"
)
GUIDE = (
    "install",
    "first-face",
    "your-masks",
    "your-weights",
    "your-photographs",
    "train",
    "evaluate",
    "extend",
)


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, file: Path):
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.anchors.update(filter(None, (values.get("id"), values.get("name"))))
        target = values.get("href" if tag in ("a", "link") else "src")
        if target:
            self.links.append(target)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    pytest.importorskip("mkdocs")
    pytest.importorskip("mkdocstrings")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder)],
        cwd=ROOT,
        text=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Page]:
    found = {file: Page(file) for file in site.rglob("*.html") if file.name != "404.html"}
    assert len(found) > 40
    return found


def test_every_link_leads_to_a_file_and_an_anchor(site, pages):
    broken = []
    for file, page in pages.items():
        for link in page.links:
            target = urlsplit(link)
            if target.scheme or target.netloc:
                continue
            path = (file.parent / unquote(target.path)).resolve() if target.path else file
            path = path / "index.html" if path.is_dir() else path
            anchors = pages[path].anchors if path in pages else None
            lost_anchor = target.fragment and anchors is not None
            lost_anchor = lost_anchor and unquote(target.fragment) not in anchors
            if not path.is_file() or lost_anchor:
                broken.append(f"{file.relative_to(site)}: {link}")
    assert not broken, "\n".join(broken[:20])


def test_nothing_is_asked_of_other_machines(site, pages):
    """Fonts and scripts come with the site; only links that a reader follows lead away."""
    for file in pages:
        for line in file.read_text(encoding="utf-8").splitlines():
            if "<script src=" in line or "<link " in line:
                assert "https://" not in line, f"{file.relative_to(site)}: {line[:200]}"


def test_the_reference_has_every_component_with_its_arguments(site):
    for plural, kind in manifest.PLURALS.items():
        text = (site / "reference" / plural / "index.html").read_text(encoding="utf-8")
        for name, entry in manifest.load().components[kind].items():
            assert f'id="{entry["module"].replace(":", ".")}"' in text, f"{kind} {name}"
    bridges = (site / "reference" / "bridges" / "index.html").read_text(encoding="utf-8")
    assert "<td>the generator's mean code w̄ [w_dim]</td>" in bridges


def test_the_guide_has_its_pages(site):
    for name in GUIDE:
        assert (site / "guide" / name / "index.html").is_file()
