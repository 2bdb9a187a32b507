"""What a user hands in gets names of its own, safe in file names."""

from pathlib import Path

import pytest

from gantoolkit.data.inputs import names


@pytest.mark.parametrize("files, expected", [
    (["a.png", "b.jpg"], ["a", "b"]),
    (["a.jpg", "a.png"], ["a_jpg", "a_png"]),
    (["a b.png", "a-b.png"], ["a-b_png", "a-b_png-2"]),
    (["a.jpg", "a.png", "a_png.png"], ["a_jpg", "a_png", "a_png-2"]),
    (["A.png", "a.png"], ["A", "a-2"]),
    (["é?.png", "é!.png", "é-_png-2.png"], ["é-_png", "é-_png-2", "é-_png-2-2"]),
])
def test_names_are_unique(files, expected):
    assert names([Path(f) for f in files]) == expected
