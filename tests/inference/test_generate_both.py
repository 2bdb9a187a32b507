"""`generate` of a run on both conditions, with a small fake pipeline."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from fake_pipeline import Flat, Pipeline
from PIL import Image

from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.core.types import Latent
from gantoolkit.data.user_inputs import read_condition
from gantoolkit.inference.generate import generate
from gantoolkit.inference.options import GenerateOptions


class Both(Pipeline):
    """The grey of a face: the share of skin in its mask and the mean of its scribble."""

    condition = "both"

    def latent(self, condition, t_out=0, aggregate="last"):
        grey = condition.mask[:, 1].mean((1, 2)) + condition.scribble.mean((1, 2, 3)) - 1
        return Latent(grey[:, None, None].expand(-1, 4, 8))


@pytest.fixture
def pairs(tmp_path):
    """masks/{a,b}.png with 1/4 and 1/2 of skin, drawings/{b,a}.webp with 1/4 and 1/8 of white."""
    for folder, suffix, value, rows in (
        ("masks", "png", 1, {"a": 8, "b": 16}),
        ("drawings", "webp", 255, {"a": 4, "b": 8}),
    ):
        (tmp_path / folder).mkdir()
        for name, count in rows.items():
            drawn = np.zeros((32, 32), np.uint8)
            drawn[:count] = value
            Image.fromarray(drawn).save(tmp_path / folder / f"{name}.{suffix}", lossless=True)
    return tmp_path


def grey(path) -> float:
    return float(np.asarray(Image.open(path)).mean()) / 127.5 - 1


def test_a_run_on_both_is_given_pairs_by_name(pairs):
    wanted = GenerateOptions(
        mask=str(pairs / "masks"), scribble=str(pairs / "drawings"), out=str(pairs / "out")
    )
    rows = list(generate(Both(Flat()), wanted))
    assert [row["file"] for row in rows] == ["a-seed0.png", "b-seed0.png"]
    for row, share in zip(rows, (1 / 4 + 1 / 8 - 1, 1 / 2 + 1 / 4 - 1)):
        assert grey(pairs / "out" / row["file"]) == pytest.approx(share, abs=0.01)
        assert row["scribble"] == str(pairs / "drawings" / f"{row['file'][0]}.webp")
    one = GenerateOptions(
        mask=str(pairs / "masks/b.png"),
        scribble=str(pairs / "drawings/a.webp"),
        out=str(pairs / "one"),
    )
    assert [row["file"] for row in generate(Both(Flat()), one)] == ["b-seed0.png"]
    assert grey(pairs / "one/b-seed0.png") == pytest.approx(1 / 2 + 1 / 8 - 1, abs=0.01)


def test_a_run_on_both_says_what_is_missing(pairs):
    masks, drawings = str(pairs / "masks"), str(pairs / "drawings")
    with pytest.raises(UsageError, match="trained on masks and scribbles; give --scribble as well"):
        list(generate(Both(Flat()), GenerateOptions(mask=masks)))
    with pytest.raises(UsageError, match="trained on masks; give --mask alone"):
        list(generate(Pipeline(Flat()), GenerateOptions(mask=masks, scribble=drawings)))
    with pytest.raises(UsageError, match="--mask, --scribble cannot stand beside --data"):
        GenerateOptions.from_args(SimpleNamespace(data="x.zip", mask=masks, scribble=drawings))
    (pairs / "masks/a.png").rename(pairs / "masks/c.png")
    with pytest.raises(
        DataError, match="drawings has nothing named c; .*masks has nothing named a"
    ):
        list(generate(Both(Flat()), GenerateOptions(mask=masks, scribble=drawings)))


def test_a_condition_of_both_in_python(pairs):
    found = read_condition(
        "old", mask=pairs / "masks/a.png", scribble=pairs / "drawings/b.webp", resolution=32
    )
    assert (
        found.mask[0, 1].sum() == 8 * 32
        and found.scribble.sum() == 8 * 32
        and found.text == ("old",)
    )
