"""`pipeline("…", mask=…)` in Python: the CLI's pictures and sentences, batches, views, latents."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from small import StepEncoder, write_runs

import gantoolkit
from gantoolkit.cli import main
from gantoolkit.core.camera import frame_of, orbit_camera
from gantoolkit.core.errors import UsageError
from gantoolkit.data import examples


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return write_runs(tmp_path_factory.mktemp("faces"))


@pytest.fixture
def solid(runs):
    return gantoolkit.load_pipeline(runs / "solid")


@pytest.fixture
def flat(runs):
    return gantoolkit.load_pipeline(runs / "flat")


def pixels(image) -> np.ndarray:
    return np.asarray(image)


def test_python_draws_what_the_command_line_draws(runs, tmp_path):
    """Also depth, at the size of the picture."""
    text = "a face"
    command = ["generate", str(runs / "solid"), "--mask", "old-man", "--text", text, "--seed", "3"]
    command += ["--t-out", "600", "--views", "3", "--depth", "--out", str(tmp_path)]
    assert main.main(command) == 0
    faces = gantoolkit.load_pipeline(runs / "solid")(text, mask="old-man", seed=3, t_out=600)
    for index, view in enumerate(faces.views(3)):
        written = Image.open(tmp_path / f"old-man-seed3-view{index}.png")
        assert np.array_equal(pixels(view), pixels(written))
    assert np.array_equal(pixels(faces.image), pixels(faces.views(1)[0]))
    depth = Image.open(tmp_path / "old-man-seed3-view0-depth.png")
    assert depth.size == faces.image.size == (32, 32) and faces.depth.shape == (1, 1, 32, 32)
    expected = faces.render.depth.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert faces.render.depth.shape[-1] == 16 and torch.equal(faces.depth, expected)
    assert np.abs(pixels(depth) / 65535 * 4 - faces.depth[0, 0].numpy()).max() < 1e-4


def test_lists_make_batches_whose_faces_are_those_of_single_calls(flat):
    masks = ["old-man", np.asarray(Image.open(examples.find("woman-with-hat", "mask")))]
    both = flat(["a", "bb"], mask=masks, seed=[1, 2], batch=1)
    assert len(both) == len(both.images) == 2 and both.depth is None and both.camera is None
    for one, (text, mask, seed) in zip(both, zip(("a", "bb"), masks, (1, 2))):
        alone = flat(text, mask=mask, seed=seed)
        torch.testing.assert_close(one.tensor, alone.tensor, atol=1e-5, rtol=0)
        assert one.condition.text == (text,)
    assert torch.equal(both[1:].latent.ws, both.latent.ws[1:])
    with pytest.raises(UsageError, match=r"image is of a single face, and these are 2; .*faces\[0"):
        both.image.save("x.png")
    with pytest.raises(IndexError):
        both[2]


def test_the_camera(solid):
    base = solid("a", mask="old-man")
    seen = solid("a", mask="old-man", camera=orbit_camera(0.3))
    torch.testing.assert_close(seen.camera.label, orbit_camera(0.3).label)
    assert not torch.equal(seen.tensor, base.tensor)
    frontal = solid("a", mask="old-man", camera="frontal")
    front = frame_of(solid.generator).facing()
    torch.testing.assert_close(frontal.camera.label, front.label)
    assert torch.equal(solid("a", mask="old-man", camera="estimate").tensor, base.tensor)
    assert torch.equal(solid.render(frontal.latent).tensor, frontal.tensor)
    assert torch.equal(solid.render(base.latent, seen.camera).tensor, seen.tensor)


def test_interpolation_ends_at_both_faces(flat, solid):
    for pipeline in (flat, solid):
        a, b = pipeline("a", mask="old-man", seed=[1, 2])
        between = pipeline.interpolate(a, b.latent, 5, camera=b.camera)
        torch.testing.assert_close(between[4].tensor, b.tensor, atol=1e-5, rtol=0)
        middle = (a.latent.ws + b.latent.ws) / 2
        torch.testing.assert_close(between.latent.ws[2:3], middle)
        first = pipeline.interpolate(a, b, 2)[0]
        torch.testing.assert_close(first.tensor, a.tensor, atol=1e-5, rtol=0)
    with pytest.raises(UsageError, match="n must be at least 2, not 1"):
        flat.interpolate(a, b, 1)


def test_a_film_and_a_mesh(solid, flat, tmp_path):
    face = solid("a", mask="old-man")
    assert Image.open(face.turntable(tmp_path / "t.gif", frames=4)).n_frames == 4
    with pytest.raises(UsageError, match="Unknown kind of film 'avi'; known: gif, mp4"):
        face.turntable(tmp_path / "t.avi")
    for asked in ("views", "mesh", "turntable"):
        arguments = {"path": "t.gif"} if asked == "turntable" else {}
        with pytest.raises(UsageError, match=f"{asked}: StyleGAN2 draws flat pictures; use a run"):
            getattr(flat("a", mask="old-man"), asked)(**arguments)


def test_a_callback_is_told_every_step(flat, monkeypatch):
    from dataclasses import replace

    grid = replace(StepEncoder.shapes, steps=StepEncoder.timesteps)
    monkeypatch.setattr(StepEncoder, "shapes", grid)
    told = []
    flat("a", mask="old-man", seed=[1, 2, 3], batch=2, progress=lambda *one: told.append(one))
    assert told == [("denoising", done, 6) for done in range(1, 7)]
    told.clear()
    flat("a", mask="old-man", t_out=600, progress=lambda *one: told.append(one))
    assert told == [("denoising", 1, 2), ("denoising", 2, 2)]


@pytest.mark.parametrize(
    "argument, option, words",
    [
        (dict(t_out=5000), ["--t-out", "5000"], "must be from 0 to 999, not 5000"),
        (dict(t_out="x"), ["--t-out", "x"], "must be a whole number, not 'x'"),
        (dict(aggregate="max"), ["--aggregate", "max"], "there is no 'max'; choose last, mean"),
        (dict(seed=-1), ["--seed", "-1"], "must be from 0 to 4294967295, not -1"),
        (dict(batch=0), ["--batch", "0"], "must be at least 1, not 0"),
        (dict(camera="top"), ["--camera", "top"], "there is no 'top'; choose"),
        (dict(scribble="old-man"), ["--scribble", "old-man"], "trained on masks; give "),
    ],
)
def test_mistakes_are_the_sentences_of_the_command_line(
    solid, runs, capsys, argument, option, words
):
    with pytest.raises(UsageError) as caught:
        solid("a", mask="old-man", **argument)
    assert words in str(caught.value) and "--" not in str(caught.value)
    assert main.main(["generate", str(runs / "solid"), "--mask", "old-man", *option]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda run: run("a"), "This pipeline was trained on masks; give mask="),
        (lambda run: run("a", mask="old-man", camera="frontal"), "camera: StyleGAN2 draws flat"),
        (lambda run: run("a", mask="old-man", labels="coco"), "labels='coco' is unknown"),
        (
            lambda run: run(["a", "b"], mask="old-man", seed=[1, 2, 3]),
            "Lists must be of one length",
        ),
    ],
)
def test_other_mistakes_are_sentences(flat, call, words):
    with pytest.raises(UsageError, match=words):
        call(flat)


def test_a_camera_per_face_or_one_for_all(solid):
    two = solid(["a", "b"], mask="old-man", camera=orbit_camera(torch.tensor([0.1, 0.2])))
    assert len(two.camera) == 2
    with pytest.raises(UsageError, match="camera holds 3 views for 2 faces; give 1 or 2"):
        solid(["a", "b"], mask="old-man", camera=orbit_camera(torch.tensor([0.1, 0.2, 0.3])))


def test_options_of_load_pipeline_are_checked(runs):
    with pytest.raises(UsageError, match="steps must be from 1 to 1000, not 0"):
        gantoolkit.load_pipeline(runs / "flat", steps=0)
    with pytest.raises(UsageError, match="there is no device 'gpu'"):
        gantoolkit.load_pipeline(runs / "flat", device="gpu")
    with pytest.raises(UsageError, match="There is no run or preset 'eg3d-mark' .did you mean"):
        gantoolkit.load_pipeline("eg3d-mark")


def test_unknown_words_are_named_once_in_python_too(capsys):
    pipeline = gantoolkit.load_pipeline("stylegan2-mask", steps=1)
    for _ in range(2):
        pipeline(["a xylophone", "a xylophone"], mask="old-man")
    said = capsys.readouterr().err
    assert "“xylophone”" in said and said.count("\n") == 1


def test_a_negative_prompt_needs_guidance():
    with pytest.raises(UsageError, match="negative prompt has no effect: eg3d-mask draws without"):
        gantoolkit.load_pipeline("eg3d-mask", guidance=1, negative_prompt="blurry")


def test_public_names_come_from_the_top_level_and_work_as_the_docs_say(flat, tmp_path):
    for name in gantoolkit.__all__:
        assert getattr(gantoolkit, name) is not None and name in dir(gantoolkit)
    face = flat("a", mask="old-man")
    face.image.save(tmp_path / "face.png")
    assert Image.open(tmp_path / "face.png").size == (32, 32)
