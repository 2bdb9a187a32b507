"""Runs on offer and what the studio caches, without Gradio; `generate` repeats a download."""

import json
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small import StepEncoder, write_runs

from gantoolkit.cli import main
from gantoolkit.core.camera import Frame, orbit_camera
from gantoolkit.core.errors import UsageError
from gantoolkit.data.pose import angles
from gantoolkit.demo import package
from gantoolkit.demo.models import Models, offered
from gantoolkit.demo.studio import FaceRequest, Studio, turned
from gantoolkit.inference.attention import join_tokens
from gantoolkit.inference.generate import generate
from gantoolkit.inference.options import GenerateOptions
from gantoolkit.report.pictures import image_picture


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return write_runs(tmp_path_factory.mktemp("demo"))


@pytest.fixture
def studio(runs):
    StepEncoder.made = 0
    return Studio(Models(offered([str(runs)])))


def request(run="solid", **more) -> FaceRequest:
    labels = np.zeros((32, 32), np.uint8)
    labels[8:28, 8:24], labels[12:14, 10:13], labels[12:14, 18:21] = 1, 5, 4
    return FaceRequest(run, "a face", labels, **more)


def test_a_folder_offers_its_runs_and_a_run_itself(runs):
    assert list(offered([str(runs)])) == ["flat", "lines", "solid"]
    assert offered([str(runs / "flat")]) == {"flat": str(runs / "flat")}


def test_what_holds_no_run_is_refused_in_a_sentence(tmp_path, monkeypatch, capsys):
    with pytest.raises(UsageError, match="neither a run with a trained bridge"):
        offered([str(tmp_path)])
    pytest.importorskip("gradio", reason="the optional extra 'demo' is not installed")
    assert main.main(["demo", str(tmp_path / "absent")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_run_on_both_is_refused_in_a_sentence(tmp_path):
    models = Models(offered([str(write_runs(tmp_path, pair="both") / "pair")]))
    with pytest.raises(
        UsageError,
        match="'pair' takes a mask and a scribble at once.*generate RUN --mask FILE --scribble",
    ):
        models["pair"]


def test_runs_share_their_parts(studio):
    solid, flat, lines = (studio.models[name] for name in ("solid", "flat", "lines"))
    assert solid.encoder is flat.encoder and flat.generator is lines.generator
    assert studio.models["solid"] is solid and solid.generator is not flat.generator


def test_features_are_made_once(studio):
    first = studio.face(request(step=2))
    assert StepEncoder.made == 2 and first.t == 600
    studio.render(first, 10.0)
    assert studio.face(request(step=2)) is first and StepEncoder.made == 2
    assert studio.face(request(step=1)).t == 900 and StepEncoder.made == 2
    assert studio.face(request("flat")).t == 300 and StepEncoder.made == 3
    studio.face(request(seed=1))
    assert StepEncoder.made == 6


def test_two_visitors_at_once_get_what_one_alone_gets(studio, runs):
    asked = [request(seed=s, step=3) for s in (1, 2, 1, 2)]
    found = [None] * 4

    def ask(i):
        found[i] = studio.face(asked[i])

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    [t.start() for t in threads], [t.join() for t in threads]
    assert found[0] is found[2] and StepEncoder.made == 6
    alone = Studio(Models(offered([str(runs)])))
    for face, one in zip(found, asked):
        assert torch.equal(face.latent.ws, alone.face(one).latent.ws)
    assert not torch.equal(found[0].latent.ws, found[1].latent.ws)


def test_a_step_that_failed_is_made_again(studio, monkeypatch):
    whole, failing = StepEncoder.trace, [True]

    def trace(self, condition, **more):
        for features in whole(self, condition, **more):
            if int(features.t[0]) == 600 and failing and failing.pop():
                raise MemoryError
            yield features

    monkeypatch.setattr(StepEncoder, "trace", trace)
    with pytest.raises(MemoryError):
        studio.face(request())
    assert studio.face(request()).t == 300


def test_the_head_turns_by_the_angle_asked_for():
    base = orbit_camera(0.1, -0.05)
    assert turned(base, 0, 0) is base
    yaw, pitch = angles(turned(base, 20, -10).label)
    assert float(yaw) == pytest.approx(0.1 + np.deg2rad(20), abs=1e-4)
    assert float(pitch) == pytest.approx(-0.05 - np.deg2rad(10), abs=1e-2)
    near = turned(base, 20, 0, Frame(radius=1.7)).cam2world[0, :3, 3]
    assert float(near.norm()) == pytest.approx(1.7)


@pytest.mark.parametrize("more, words", [(dict(seed=-1), "seed"), (dict(seed=2**40), "seed")])
def test_requests_have_limits(more, words):
    with pytest.raises(UsageError, match=words):
        request(**more)
    with pytest.raises(UsageError, match="prompt has 501"):
        replace(request(), text="x" * 501)


def test_pieces_of_words_are_joined():
    found = join_tokens(["pu", "r", "ple</w>", "hair</w>"], [3, 4, 5, 6])
    assert found == [("purple", [3, 4, 5]), ("hair", [6])]
    assert join_tokens(["a", "b"], [1, 2]) == [("a", [1]), ("b", [2])]


@pytest.mark.parametrize("run, yaw", [("solid", 25.0), ("flat", 0.0)])
def test_generate_repeats_a_download(studio, tmp_path, run, yaw):
    face = studio.face(request(run, seed=7, step=2))
    w, w_m = studio.render(face, yaw)
    packed = package.write(tmp_path, studio.models.sources[run], face, w, w_m, w)
    with zipfile.ZipFile(packed) as file:
        file.extractall(tmp_path / "files")
    rows = [
        json.loads(line)
        for line in (tmp_path / "files" / "manifest.jsonl").read_text().splitlines()
    ]
    assert {row["file"] for row in rows} <= {path.name for path in (tmp_path / "files").iterdir()}
    assert rows[0]["seed"] == 7 and rows[0]["t_out"] == 600 and rows[0]["text"] == "a face"
    mask, out = tmp_path / "files" / "mask.png", tmp_path / "again"
    options = GenerateOptions(text="a face", mask=str(mask), out=str(out), seed=7, t_out=600)
    again = next(iter(generate(studio.models[run], options)))
    pictures = [
        np.asarray(Image.open(path))
        for path in (tmp_path / "files" / "face.png", Path(options.out) / again["file"])
    ]
    assert (pictures[0] == pictures[1]).all() and (pictures[0] == image_picture(w.image)).all()


def test_old_downloads_are_removed(studio, tmp_path, monkeypatch):
    monkeypatch.setattr(package, "KEPT_DOWNLOADS", 2)
    face = studio.face(request("flat"))
    w, w_m = studio.render(face)
    for _ in range(5):
        newest = package.write(tmp_path, "flat", face, w, w_m, w)
    assert newest.exists() and len(list(tmp_path.iterdir())) == 3
