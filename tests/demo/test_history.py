"""The history of results, without a server."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("gradio", reason="the optional extra 'demo' is not installed")

from gantoolkit.core.errors import UsageError  # noqa: E402
from gantoolkit.core.types import Render  # noqa: E402
from gantoolkit.demo import history  # noqa: E402
from gantoolkit.demo.studio import FaceRequest  # noqa: E402

OLD, MIDDLE, NEW = (
    history.Result("a-run", f"prompt {seed} <b>", seed, 3, f"picture{seed}", f"small{seed}")
    for seed in range(3)
)
ALL = (NEW, MIDDLE, OLD)


def test_the_newest_comes_first_and_none_comes_twice():
    results = ()
    for one in (OLD, MIDDLE, NEW, MIDDLE):
        results = history.add(results, replace(one))
    assert results == (MIDDLE, NEW, OLD)
    for seed in range(100):
        results = history.add(results, replace(OLD, seed=seed))
    assert [one.seed for one in results] == list(range(99, 79, -1))


def test_two_choices_stay_and_a_second_click_lets_go():
    one = history.choose(ALL, (), 2)
    two = history.choose(ALL, one, 0)
    assert (one, two) == ((OLD,), (OLD, NEW))
    assert history.choose(ALL, two, 1) == (NEW, MIDDLE)
    assert history.choose(ALL, two, 2) == (NEW,)
    for index in (3, -1):
        with pytest.raises(UsageError, match="not kept any more; press Generate"):
            history.choose(ALL, two, index)


def test_prompt_seed_run_and_step_stand_under_each():
    html = history.comparison((OLD, NEW))
    figures = re.findall("<figure>.*?</figure>", html)
    for figure, seed in zip(figures, (0, 2), strict=True):
        assert f"a-run · seed {seed} · step 3" in figure and f'src="picture{seed}"' in figure
        assert figure.endswith(f"prompt {seed} &lt;b&gt;</figcaption></figure>")
    assert history.comparison(()) == ""


def test_the_strip_presses_what_is_compared():
    html = history.strip(ALL, (OLD,))
    pressed = re.findall(r'data-index="(\d)" aria-pressed="(\w+)"', html)
    assert pressed == [("0", "false"), ("1", "false"), ("2", "true")]


def test_a_result_keeps_the_picture():
    """A red picture is red in full size and as a thumbnail."""
    image = torch.full((1, 3, 40, 40), -1.0)
    image[:, 0] = 1.0
    labels = np.zeros((8, 8), np.uint8)
    result = history.result(FaceRequest("a-run", "a face", labels, 7, 2), Render(image))
    assert (result.run, result.text, result.seed, result.step) == ("a-run", "a face", 7, 2)
    for uri, side in ((result.picture, 40), (result.thumbnail, history.THUMBNAIL_SIDE)):
        content = base64.b64decode(uri.removeprefix("data:image/webp;base64,"))
        picture = Image.open(io.BytesIO(content)).convert("RGB")
        assert picture.size == (side, side)
        assert np.abs(np.asarray(picture) - np.array([255.0, 0, 0])).max() < 16
