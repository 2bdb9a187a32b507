"""`figure`: which picture stands in which cell, scores, refusals."""

from __future__ import annotations

import json

import mini
import numpy as np
import pytest
import torch
from cells import cell, rows_of
from PIL import Image

from gantoolkit.bench.figures import parts, scene, steps, targets
from gantoolkit.cli import figures, main
from gantoolkit.core.camera import orbit_camera
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.generators import load_generator
from gantoolkit.inference import bridge_files, load
from gantoolkit.report import figure_sheets, pictures


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """runs/one, two (another bridge) and other (another generator) of the stand-ins; a run that
    has not begun."""
    folder = tmp_path_factory.mktemp("figures")
    mini.write_networks(folder)
    (folder / "again.safetensors").write_bytes((folder / "generator.safetensors").read_bytes())
    for seed, (name, generator) in enumerate(
        (("one", "generator"), ("two", "generator"), ("other", "again"))
    ):
        torch.manual_seed(seed)
        specs = dict(
            encoder=dict(type="FakeEncoder"),
            bridge=dict(type="FakeBridge"),
            condition="mask",
            generator=str(folder / f"{generator}.safetensors"),
            networks={},
        )
        bridge = mini.FakeBridge(mini.FakeEncoder().shapes, 8, 16, torch.zeros(16))
        torch.nn.init.normal_(bridge.t.weight, std=0.3)
        bridge_files.export_bridge(folder / "runs" / name / bridge_files.EXPORTED, bridge, specs)
    (folder / "runs" / "two" / "config.json").write_text('{"targets": "x0"}')
    (folder / "runs" / "begun").mkdir()
    (folder / "runs" / "begun" / "config.json").write_text(json.dumps(dict(specs, task="bridge")))
    return folder / "runs"


@pytest.fixture
def figure(runs, tiny_zip, tmp_path):
    """figure(name, runs, …) → (picture, what it says of itself, the columns' left ends, their
    side)."""

    def make(name, *arguments, columns, groups=()):
        out = tmp_path / f"{name}.png"
        assert (
            main.main(["figure", name, *arguments, "--data", str(tiny_zip), "--out", str(out)]) == 0
        )
        with Image.open(out) as file:
            picture, about = np.asarray(file), json.loads(file.text[pictures.DESCRIPTION_KEY])
        blank = figure_sheets.SheetRow([np.zeros((32, 32, 3), np.uint8)] * columns)
        layout = figure_sheets.FigureSheet([""] * columns, [blank], groups)
        assert picture.shape[1] == layout.width
        return picture, about, [layout.x(j) for j in range(columns)], layout.side

    return make


def own(tiny_zip, numbers) -> scene.Sample:
    """The samples by the rule of the frozen pairs, read by the test itself."""
    rows = torch.tensor(numbers)
    return FaceZip(tiny_zip).sample(rows, 7 * rows, "mask", rows)


@torch.no_grad()
def codes(run, condition):
    """[(features, codes)] of every step."""
    pipeline = load.load_pipeline(run)
    return [(f, pipeline.bridge(f)) for f in pipeline.encoder.trace(condition)]


@torch.no_grad()
def drawn(runs, ws):
    generator = load_generator(str(runs.parent / "generator.safetensors"))
    return [
        pictures.image_picture(image) for image in generator.render(ws, deterministic=True).image
    ]


def test_parts_shows_photo_mean_face_and_what_m_and_t_add(figure, runs, tiny_zip):
    picture, about, x, side = figure(
        "parts", str(runs / "one"), str(runs / "two"), "--pick", "5", "2", "--batch", "1", columns=6
    )
    found, tops = own(tiny_zip, [5, 2]), rows_of(picture, x[0], side)
    assert (
        len(tops) == 2
        and about["samples"] == [5, 2]
        and about["prompts"] == list(found.condition.text)
    )
    features, latent = codes(runs / "one", found.condition)[-1]
    mean = load_generator(str(runs.parent / "generator.safetensors")).mean_w.expand_as(latent.ws)
    other = codes(runs / "two", found.condition)[-1][1]
    expected = [
        [pictures.mask_picture(m) for m in found.condition.mask],
        [pictures.image_picture(i) for i in found.target.image_gt],
        drawn(runs, mean),
        drawn(runs, latent.w_m),
        drawn(runs, latent.ws),
        drawn(runs, other.ws),
    ]
    for j, column in enumerate(expected):
        for top, one in zip(tops, column):
            assert np.abs(cell(picture, top, x[j], side).astype(int) - one).max() <= 1, j
    assert about["t"] == int(features.t[0]) and [name for name, _ in about["runs"]] == [
        "one",
        "two",
    ]
    assert str(runs) not in json.dumps(about["runs"])


def test_a_run_without_modulation_has_one_face(runs, tiny_zip, monkeypatch):
    forward = mini.FakeBridge.forward
    monkeypatch.setattr(
        mini.FakeBridge, "forward", lambda self, features: forward(self, features, True)
    )
    loaded = scene.open_scene([str(runs / "one"), str(runs / "two")], str(tiny_zip), 1)
    found, condition, camera = next(loaded.batches())
    shown = parts.faces(loaded, next(loaded.pipeline.encoder.trace(condition)), camera)
    assert [title for title, _ in shown] == [parts.MEAN, parts.MAPPED, "$G(w)$ of\ntwo"]


def test_views_turns_a_head(figure, runs, tiny_zip):
    """A 3D generator is drawn from the sample's camera and from three others; a 2D one has a
    single column."""
    generator = load_generator("eg3d")
    specs = dict(
        encoder=dict(type="FakeEncoder"),
        bridge=dict(type="FakeBridge"),
        condition="mask",
        generator="eg3d",
        networks={},
    )
    bridge = mini.FakeBridge(
        mini.FakeEncoder().shapes, generator.num_ws, generator.w_dim, generator.mean_w
    )
    bridge_files.export_bridge(runs / "solid" / bridge_files.EXPORTED, bridge, specs)
    picture, about, x, side = figure("views", str(runs / "solid"), "--samples", "1", columns=5)
    condition, [top] = own(tiny_zip, [0]).condition, rows_of(picture, x[0], side)
    ws = codes(runs / "solid", condition)[-1][1].ws
    places = [condition.camera, *(orbit_camera(torch.tensor([yaw])) for yaw in about["yaws"])]
    for left, place in zip(x[1:], places, strict=True):
        with torch.no_grad():
            wanted = pictures.image_picture(generator.render(ws, place, deterministic=True).image)
        scale = side // generator.resolution
        shown = picture[top : top + side, left : left + side][
            scale // 2 :: scale, scale // 2 :: scale
        ]
        assert np.abs(shown.astype(int) - wanted).max() <= 1
    assert about["yaws"] == [-0.4, 0.0, 0.4]
    flat, about, x, side = figure("views", str(runs / "one"), "--samples", "1", columns=2)
    assert len(rows_of(flat, x[0], side)) == 1 and about["yaws"] == []


def test_style_shows_what_the_losses_compared_with(figure, runs, tiny_zip):
    picture, about, x, side = figure(
        "style", str(runs / "two"), "--pick", "3", "1", "--t-out", "500", columns=3
    )
    found, tops = own(tiny_zip, [3, 1]), rows_of(picture, x[0], side)
    early = codes(runs / "two", found.condition)[
        2
    ]  # the first step of 900, 675, 450, 225 that reaches 500
    expected = [
        [pictures.mask_picture(m) for m in found.condition.mask],
        [pictures.image_picture(i) for i in mini.FakeEncoder().trajectory(found.condition)[1]],
        drawn(runs, early[1].ws),
    ]
    for left, column in zip(x, expected, strict=True):
        for top, one in zip(tops, column, strict=True):
            assert np.abs(cell(picture, top, left, side).astype(int) - one).max() <= 1
    assert about["t"] == 450 and about["yaws"] == []  # StyleGAN2 has one view


def test_targets_draws_the_same_samples_by_every_run(figure, runs, tiny_zip):
    picture, about, x, side = figure(
        "targets",
        f"first|try={runs / 'one'}",
        str(runs / "two"),
        "--samples",
        "2",
        "--t-out",
        "500",
        columns=5,
    )
    found, tops = own(tiny_zip, [0, 1]), rows_of(picture, x[0], side)
    x0 = mini.FakeEncoder().trajectory(found.condition)[1]
    early = [codes(runs / name, found.condition)[2] for name in ("one", "two")]
    assert (
        about["t"] == 450 == int(early[0][0].t[0])
    )  # the first step of 900, 675, 450, 225 that reaches 500
    expected = [
        [pictures.image_picture(i) for i in found.target.image_gt],
        [pictures.image_picture(i) for i in x0],
        *(drawn(runs, latent.ws) for _, latent in early),
    ]
    for j, column in enumerate(expected, 1):
        for top, one in zip(tops, column):
            assert np.abs(cell(picture, top, x[j], side).astype(int) - one).max() <= 1, j
    loaded = scene.open_scene(
        [f"a|b={runs / 'one'}", str(runs / "two"), str(runs / "one")], str(tiny_zip), 1
    )
    assert targets.run_titles(loaded.runs) == ["a\nb", "towards $I^d_0$\ntwo", "one (3)"]


def test_steps_draws_every_step_and_plots_what_the_judge_says(figure, runs, tiny_zip, capsys):
    from gantoolkit.metrics import Evaluator

    layout = dict(columns=7, groups=[("", 2), ("x", 4), ("", 1)])
    alone, _, x, side = figure(
        "steps", str(runs / "one"), "--samples", "1", "--scored", "0", **layout
    )
    arguments = [str(runs / "one"), "--samples", "1", "--scored", "5", "--batch", "2"]
    picture, about, _, _ = figure("steps", *arguments, **layout)
    assert (picture[: len(alone)] == alone).all() and len(picture) > len(
        alone
    ) + 4 * 100  # four panels below
    top, found = rows_of(alone, x[0], side)[0], own(tiny_zip, range(5))
    judged, every = Evaluator(steps.METRICS), codes(runs / "one", found.condition)
    for j, (_, latent) in enumerate(every):
        image = drawn(runs, latent.ws)[0]
        assert np.abs(cell(alone, top, x[2 + j], side).astype(int) - image).max() <= 1
    generator = load_generator(str(runs.parent / "generator.safetensors"))
    judged.update(
        generator.render(every[1][1].ws, deterministic=True).image, found.target, found.condition
    )
    expected = {name: score.value for name, score in judged.compute().items()}
    assert about["scores"]["675"] == pytest.approx(expected, abs=1e-4, nan_ok=True)
    assert about["scored"] == 5 and list(about["scores"]) == ["900", "675", "450", "225"]
    assert "scored 5 of 5" in capsys.readouterr().err


@pytest.mark.parametrize("steps_, most", [(1, 1), (4, 4), (10, 10), (50, 10)])
def test_long_grids_are_thinned_evenly(steps_, most):
    grid = list(range(steps_ * 20, 0, -20))
    found = steps.choose_steps(grid)
    assert len(found) == most and found[0] == grid[0] and set(found) <= set(grid)
    assert found[-1] == grid[-1] and found == sorted(set(found), reverse=True)


# -- attention -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["parts", "{runs}/begun"], "no checkpoint in"),
        (["steps", "{runs}/nowhere"], "nowhere"),
        (["parts", "{runs}/one", "{runs}/other"], "one figure compares runs of one generator"),
        (["attention", "{runs}/one"], "reads no prompt (its encoder is FakeEncoder)"),
        (
            ["targets", "{runs}/one", "--pick", "3", "99"],
            "no sample 99: tiny.zip has 24, from 0 to 23",
        ),
        (["targets", "{runs}/one", "--samples", "25"], "no sample 24"),
        (["parts", "{runs}/one", "--samples", "0"], "--samples must be at least 1"),
        (["parts", "{runs}/one", "--out", "x.jpg"], "x.jpg is not a PNG file"),
        (
            ["parts", "{runs}/nowhere", "--out", "{runs}/two/config.json/sub/x.png"],
            "config.json is a file",
        ),
        (["parts", "{runs}/nowhere", "--out", "folder.png"], "folder.png is a folder"),
        (["steps", "{runs}/one", "--scored", "1"], "--scored must be 0"),
        (["parts", "{runs}/one", "--data", "nothing"], "No data set 'nothing'"),
    ],
)
def test_mistakes_are_sentences(runs, tiny_zip, tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    filled = [a.format(runs=runs) for a in arguments]
    data = [] if "--data" in filled else ["--data", str(tiny_zip)]
    assert main.main(["figure", *filled, *data]) in (1, 2)
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and "Traceback" not in error
    assert not [path for path in tmp_path.rglob("*.png") if path.is_file()]


def test_every_figure_is_a_sub_form_with_a_module_and_a_default_name():
    for name in figures.FIGURES:
        args = main.parse(["figure", name, "runs/x"])
        assert args.out == f"figures/{name}.png" and callable(
            __import__(f"gantoolkit.bench.figures.{name}", fromlist=["render"]).render
        )
    with pytest.raises(scene.UsageError, match="unrecognized arguments: runs/y"):
        main.parse(["figure", "steps", "runs/x", "runs/y"])  # one run alone has steps
