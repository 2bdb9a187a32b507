"""Pictures of tensors, and films."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from gantoolkit.core.errors import UsageError
from gantoolkit.core.labels import PALETTE
from gantoolkit.core.types import Condition
from gantoolkit.report import animation, pictures
from gantoolkit.report.samples import save_sample


def test_image_picture_spans_the_bytes():
    image = torch.tensor([-1.0, 0.0, 1.0, 3.0]).reshape(1, 1, 1, 4).expand(1, 3, 1, 4)
    assert pictures.image_picture(image)[0, :, 0].tolist() == [0, 128, 255, 255]


def test_mask_picture_uses_the_palette():
    labels = torch.arange(19).reshape(1, 19)
    one_hot = torch.nn.functional.one_hot(labels, 19).permute(2, 0, 1)
    for given in (labels, one_hot, one_hot[None]):
        assert [tuple(c) for c in pictures.mask_picture(given)[0].tolist()] == [
            tuple(c) for c in PALETTE
        ]


def test_depth_picture_marks_near_far_and_background():
    depth = torch.tensor([[0.0, 2.0], [2.5, 3.0]])
    picture = pictures.depth_picture(depth)
    assert picture[0, 0].tolist() == [0, 0, 0]
    assert picture[0, 1].sum() > picture[1, 0].sum() > picture[1, 1].sum() > 0


def test_attention_darkens_what_is_not_attended():
    image, attention = torch.zeros(1, 3, 16, 16), torch.zeros(1, 1, 4, 4)
    attention[..., :2] = 1
    picture = pictures.attention_picture(image, attention)
    assert picture[:, :6].mean() > 2 * picture[:, 10:].mean()


def test_grid_places_pictures_and_fills_short_rows():
    black, white = np.zeros((4, 4, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)
    sheet = pictures.grid([[black, white], [black]], gap=1, background=7)
    assert sheet.shape == (17, 17, 3)
    assert sheet[:8, :8].max() == 0 and sheet[:8, 9:].min() == 255 and (sheet[9:, 9:] == 7).all()


def test_a_uri_holds_the_picture():
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    for form, options in (("PNG", {}), ("WEBP", dict(lossless=True))):
        head, _, content = pictures.data_uri(picture, form, **options).partition(",")
        assert head == f"data:image/{form.lower()};base64"
        assert (np.asarray(Image.open(io.BytesIO(base64.b64decode(content)))) == picture).all()


def test_save_sample_writes_every_picture(tmp_path):
    condition = Condition(("x",), scribble=torch.rand(1, 1, 8, 8), seed=torch.tensor([7]))
    image = torch.zeros(1, 3, 8, 8)
    columns = {"G(w)": image, "G(w_m)": image}
    entry = save_sample(tmp_path, "a b/1", condition, columns, [image], [(901, {"G(w)": image})])
    paths = [*entry["images"].values(), *entry["views"], *entry["steps"][0]["images"].values()]
    assert len(set(paths)) == 5 and entry["seed"] == 7
    assert list(entry["images"]) == ["condition", "G(w)", "G(w_m)"]
    assert all(Image.open(tmp_path / p).size == (8, 8) for p in paths)
    assert not list(tmp_path.rglob("*.part"))


def test_gif_plays_all_frames(tmp_path):
    frames = [np.full((16, 16, 3), (i * 40, 100, 255 - i * 40), np.uint8) for i in range(5)]
    with Image.open(animation.save(frames, tmp_path / "a.gif", fps=20)) as gif:
        assert gif.n_frames == 5 and gif.info["loop"] == 0 and gif.info["duration"] == 50
        gif.seek(4)
        assert np.abs(np.asarray(gif.convert("RGB"), int) - frames[4]).max() < 24


def test_films_that_cannot_be_written_are_refused_early():
    with pytest.raises(UsageError, match="gif, mp4"):
        animation.check_kind("avi")
    try:
        import imageio_ffmpeg  # noqa: F401
    except ImportError:
        with pytest.raises(UsageError, match=r"gantoolkit\[films\]"):
            animation.check_kind("mp4")
