"""One module opens image files, and no reader bypasses what says how their modes become RGB."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import gantoolkit

ROOT = Path(gantoolkit.__file__).parent.parent
FILES = [
    path
    for path in (*ROOT.glob("gantoolkit/**/*.py"), *ROOT.glob("plugins/*/gantoolkit_*/**/*.py"))
    if "templates" not in path.parts
]
OPENS = re.compile(r"\bImage\.open\(|\bimread\(|\bread_image\(.*path|\bdecode_(png|jpeg|image)\(")
# These decode what the package itself wrote: data sets, pages, grids of outputs, paintings.
MAY_DECODE = {
    "data/image_files.py",
    "data/face_zip.py",
    "data/resize.py",
    "report/page_pictures.py",
    "bench/reference.py",
    "demo/drawing.py",
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pictures_are_opened_in_one_place(path):
    code = path.read_text(encoding="utf-8")
    name = path.relative_to(ROOT).as_posix().removeprefix("gantoolkit/")
    for call in OPENS.finditer(code):
        allowed = MAY_DECODE if call[0].startswith("decode_") else {"data/image_files.py"}
        assert name in allowed, f"{name} calls {call[0]}; use data.rgb, label_maps, user_scribbles"
    if not name.startswith("data/"):
        converted = re.search(r"open_image\([^\n]*\)\.convert\(", code)
        assert not converted, f"{name} converts an opened image itself; use data.rgb.read_rgb"
