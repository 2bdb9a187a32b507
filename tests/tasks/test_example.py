"""The method in one file (docs/examples/train_bridge.py) trains both phases and draws faces."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from PIL import Image

SCRIPT = Path(__file__).parents[2] / "docs/examples/train_bridge.py"


def test_it_trains_and_draws(tmp_path, capsys):
    picture = tmp_path / "faces.png"
    main = runpy.run_path(str(SCRIPT))["main"]
    main(["--iterations", "4", "--samples", "4", "--batch", "2", "--out", str(picture)])
    with Image.open(picture) as image:
        assert image.width > 6 * 64 and image.height > 3 * 64
    printed = capsys.readouterr().out
    assert "phase M" in printed and "phase T" in printed


@pytest.mark.parametrize("symbol", ["Eq. 3", "Eq. 4", "Eq. 5", "Eq. 6", "Eq. 7", "w^γ", "I^d_0"])
def test_it_shows_the_method_in_the_paper_s_symbols(symbol):
    text = SCRIPT.read_text(encoding="utf-8")
    assert symbol in text.split('"""')[1]
    assert len(text.splitlines()) <= 150
