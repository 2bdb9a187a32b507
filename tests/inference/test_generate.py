"""`generate` with a small fake pipeline: names, manifest, views, films, meshes, refusals."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from gantoolkit.core.camera import Frame, orbit_camera
from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.core.types import Latent, Render
from gantoolkit.data import pose
from gantoolkit.data.user_inputs import read_condition
from gantoolkit.inference import cameras
from gantoolkit.inference import generate as verb
from gantoolkit.inference.generate import generate
from gantoolkit.inference.options import GenerateOptions


class Flat:
    """A 2D generator: one grey per code."""

    is_3d = False

    def render(self, ws, camera=None, **_):
        return Render(ws.mean((1, 2))[:, None, None, None].expand(-1, 3, 8, 8))


class Solid:
    """A 3D generator: red and green show where the camera stands, and the density is a ball."""

    is_3d, box_warp = True, 1.0

    def planes(self, ws, noise="const"):
        return ws[:, None, :, :, None]

    def query(self, planes, points):
        return points.clamp(0, 1), 10 + 50 * (0.3 - points.norm(dim=-1, keepdim=True))

    def render_planes(self, planes, ws, camera, deterministic=False):
        assert deterministic and len(planes) == len(ws) == len(camera)
        image = torch.zeros(len(ws), 3, 8, 8)
        image[:, :2] = camera.cam2world[:, :2, 3, None, None]
        return Render(image, depth=torch.full((len(ws), 1, 4, 4), 2.0), camera=camera)


class Pipeline:
    condition, resolution = "mask", 16

    def __init__(self, generator):
        self.generator, self.encoder, self.calls = generator, SimpleNamespace(), []

    def to(self, device):
        return self

    def latent(self, condition, t_out=0, aggregate="last"):
        self.calls.append((len(condition), t_out))
        grey = condition.seed.float() / 100 + condition.mask[:, 1].mean((1, 2))
        return Latent(grey[:, None, None].expand(-1, 4, 8))


@pytest.fixture
def masks(tmp_path):
    folder = tmp_path / "masks"
    folder.mkdir()
    for name in ("b.png", "a.png", "a.webp"):
        labels = np.zeros((32, 32), np.uint8)
        labels[8:24, 8:24], labels[12:14, 12:14] = 1, 5
        Image.fromarray(labels).save(folder / name, lossless=True)
    return folder


def options(masks, tmp_path, **more) -> GenerateOptions:
    return GenerateOptions(text="", mask=str(masks), out=str(tmp_path / "out"), **more)


def lend(monkeypatch, load) -> None:
    """Let the verb draw with load(source, generator)."""
    monkeypatch.setattr(
        "gantoolkit.inference.load.load_with_specs",
        lambda source, generator, **_: (load(source, generator), {}),
    )
    monkeypatch.setattr("gantoolkit.inference.load.needed_networks", lambda *_: {})
    monkeypatch.setattr(
        "gantoolkit.inference.bridge_files.read_specs", lambda source: {"condition": "mask"}
    )
    monkeypatch.setattr(
        "gantoolkit.inference.bridge_files.pipeline_checksums",
        lambda name, specs: {"bridge": "0" * 64},
    )


def manifest(tmp_path) -> list[dict]:
    return [
        json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()
    ]


def test_another_generator_is_named_in_the_manifest(masks, tmp_path, monkeypatch, capsys):
    from gantoolkit.cli import main

    asked = []
    lend(
        monkeypatch, lambda source, generator: asked.append((source, generator)) or Pipeline(Flat())
    )
    command = ["generate", "runs/x", "--mask", str(masks), "--out", str(tmp_path / "out")]
    assert main.main([*command, "--generator", "marble.safetensors"]) == 0
    assert asked == [("runs/x", "marble.safetensors")]
    assert {row["generator"] for row in manifest(tmp_path)} == {"marble.safetensors"}
    assert main.main(command) == 2
    said = capsys.readouterr().err
    assert "a_png-seed0.png is there already, drawn with another generator; give another" in said
    assert main.main([*command, "--overwrite"]) == 0
    assert not any("generator" in row for row in manifest(tmp_path))


def test_file_names_are_stable_and_listed(masks, tmp_path):
    rows = list(
        generate(
            Pipeline(Flat()), options(masks, tmp_path, seed=3, count=2, batch=4), {"run": "runs/x"}
        )
    )
    names = [f"{stem}-seed{seed}.png" for stem in ("a_png", "a_webp", "b") for seed in (3, 4)]
    assert [r["file"] for r in rows] == names and [r["file"] for r in manifest(tmp_path)] == names
    assert all((tmp_path / "out" / n).exists() for n in names)
    assert manifest(tmp_path)[0] == rows[0] and rows[0]["run"] == "runs/x" and rows[0]["seed"] == 3


def test_a_repeated_command_draws_what_is_missing(masks, tmp_path):
    wanted = options(masks, tmp_path, batch=2)
    list(generate(Pipeline(Flat()), wanted))
    before = manifest(tmp_path)
    (tmp_path / "out" / "b-seed0.png").unlink()
    pipeline = Pipeline(Flat())
    assert [row["file"] for row in generate(pipeline, wanted)] == ["b-seed0.png"]
    assert pipeline.calls == [(1, 0)]
    rows = manifest(tmp_path)
    assert [dict(row, seconds_latent=0) for row in rows] == [
        dict(row, seconds_latent=0) for row in before
    ]


@pytest.mark.parametrize(
    "more, reason",
    [
        (dict(text="old"), "drawn with text “”"),
        (dict(t_out=500), "drawn with t_out 0"),
        (dict(aggregate="mean"), "drawn with aggregate last"),
        (dict(labels="bisenet"), "drawn with labels celebamask"),
        (dict(mask="other"), "drawn with input"),
        (dict(views=3, depth=True), ""),
        (dict(camera="frontal"), "drawn with camera estimate"),
        (dict(seed=1), ""),
        (dict(count=2), ""),
    ],
)
def test_a_picture_of_anything_else_is_never_replaced(masks, tmp_path, more, reason):
    """The manifest keeps every row, and a file of an unknown origin stays, too."""
    (tmp_path / "other").mkdir()
    (masks / "b.png").rename(masks / "a.webp")
    (tmp_path / "other" / "a.webp").write_bytes((masks / "a.webp").read_bytes())
    (masks / "a.png").unlink()
    if "mask" in more:
        more = dict(mask=str(tmp_path / "other"))
    first = dict(text="", mask=str(masks), out=str(tmp_path / "out"))
    list(generate(Pipeline(Solid()), GenerateOptions(**first)))
    before = manifest(tmp_path)
    content = (tmp_path / "out" / "a-seed0.png").read_bytes()
    second = GenerateOptions(**first | more)
    if reason:
        with pytest.raises(
            UsageError, match=f"a-seed0.png is there already, {reason}.*--overwrite"
        ):
            generate(Pipeline(Solid()), second)
        assert manifest(tmp_path) == before
    else:
        list(generate(Pipeline(Solid()), second))
        assert [row for row in manifest(tmp_path) if row in before] == before
    assert (tmp_path / "out" / "a-seed0.png").read_bytes() == content
    if reason:
        replaced = GenerateOptions(**first | more, overwrite=True)
        list(generate(Pipeline(Solid()), replaced))
        assert len(manifest(tmp_path)) == 1 and manifest(tmp_path) != before


def test_a_file_that_no_line_explains_is_not_replaced(masks, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b-seed0.png").write_bytes(b"mine")
    with pytest.raises(UsageError, match="b-seed0.png is there already, which no line of manifest"):
        generate(Pipeline(Flat()), options(masks, tmp_path))
    assert (tmp_path / "out" / "b-seed0.png").read_bytes() == b"mine"


def test_two_commands_at_once_keep_each_others_rows(masks, tmp_path):
    one = generate(Pipeline(Flat()), options(masks, tmp_path, batch=1))
    other = generate(Pipeline(Flat()), options(masks, tmp_path, batch=1, seed=7))
    for _ in range(3):
        next(one), next(other)
    assert not list(one) and not list(other)
    assert {row["file"] for row in manifest(tmp_path)} == {
        f"{stem}-seed{seed}.png" for stem in ("a_png", "a_webp", "b") for seed in (0, 7)
    }


def test_several_prompts_and_captions(masks, tmp_path):
    several = GenerateOptions(text=["a", "b"], mask=str(masks), out=str(tmp_path / "out"), limit=2)
    rows = list(generate(Pipeline(Flat()), several))
    assert [(row["file"], row["text"]) for row in rows] == [
        (f"{stem}-text{k}-seed0.png", text)
        for stem in ("a_png", "a_webp")
        for k, text in ((1, "a"), (2, "b"))
    ]
    lines = tmp_path / "prompts.txt"
    lines.write_text("a\n\n  b \n")
    again = GenerateOptions(prompts=str(lines), mask=str(masks), out=several.out, limit=2)
    assert list(generate(Pipeline(Flat()), again)) == []  # all of it is there

    file = tmp_path / "captions.json"
    file.write_text(json.dumps({"a.png": "An A.", "b": ["A B.", "More."], "else": "x"}))
    wanted = GenerateOptions(captions=str(file), mask=str(masks), out=str(tmp_path / "captioned"))
    rows = list(generate(Pipeline(Flat()), wanted))
    assert [row["text"] for row in rows] == ["An A.", "An A.", "A B."]
    file.write_text(json.dumps({"a": "An A."}))
    with pytest.raises(DataError, match="captions.json lacks captions .b: no captions.; add them"):
        generate(Pipeline(Flat()), wanted)


def test_batches_do_not_change_a_picture(masks, tmp_path):
    for batch in (1, 3):
        wanted = GenerateOptions(
            mask=str(masks), out=str(tmp_path / str(batch)), batch=batch, t_out=1
        )
        list(generate(Pipeline(Flat()), wanted))
    assert (tmp_path / "1" / "b-seed0.png").read_bytes() == (
        tmp_path / "3" / "b-seed0.png"
    ).read_bytes()


def test_everything_of_a_3d_face(masks, tmp_path):
    pytest.importorskip("skimage.measure")
    wanted = options(
        masks / "b.png",
        tmp_path,
        views=3,
        camera="frontal",
        depth=True,
        mesh=True,
        turntable="gif",
        frames=6,
    )
    rows = list(generate(Pipeline(Solid()), wanted))
    images = [r for r in rows if r["kind"] == "image"]
    assert [r["file"] for r in images] == [f"b-seed0-view{k}.png" for k in range(3)]
    reds = [np.asarray(Image.open(tmp_path / "out" / r["file"]))[0, 0, 0] for r in images]
    assert reds[1] < reds[0] < reds[2]
    depth = np.asarray(Image.open(tmp_path / "out" / "b-seed0-view0-depth.png"))
    assert depth.dtype == np.uint16 and (depth == 32768).all()
    assert Image.open(tmp_path / "out" / "b-seed0-turntable.gif").n_frames == 6
    assert (tmp_path / "out" / "b-seed0-mesh.ply").read_bytes().startswith(b"ply")
    assert images[0]["camera"] == "frontal" and len(images[0]["label"]) == 25


def test_one_view_has_no_number(masks, tmp_path):
    rows = list(generate(Pipeline(Solid()), options(masks / "b.png", tmp_path, camera="frontal")))
    assert [r["file"] for r in rows] == ["b-seed0.png"]


def test_camera_labels_beside_the_masks(masks, tmp_path):
    label = orbit_camera(0.3, -0.1).label[0].tolist()
    with pytest.raises(DataError, match="--camera frontal or --camera estimate"):
        list(generate(Pipeline(Solid()), options(masks, tmp_path, camera="label")))
    (masks / "dataset.json").write_text(json.dumps({"labels": [["image/b.webp", label]]}))
    row = list(generate(Pipeline(Solid()), options(masks / "b.png", tmp_path)))[0]
    assert row["camera"] == "label" and row["label"] == pytest.approx(label, abs=1e-5)
    for labels in ([["b.png"]], [3], [[3, label]], "b.png", 7):
        (masks / "dataset.json").write_text(json.dumps({"labels": labels}))
        cameras._read_json.cache_clear()
        with pytest.raises(DataError, match="dataset.json should hold"):
            list(generate(Pipeline(Solid()), options(masks / "b.png", tmp_path)))
    for numbers in ([1, 2], [float("nan")] * 25, ["x"], [label[:2]], [0.0] * 25, None):
        (masks / "b.json").write_text(json.dumps(numbers))
        cameras._read_json.cache_clear()
        with pytest.raises(DataError, match="b.json should hold 25 numbers of a camera"):
            list(generate(Pipeline(Solid()), options(masks / "b.png", tmp_path)))


def test_refusals_are_sentences(masks, tmp_path):
    with pytest.raises(UsageError, match="--turntable, --mesh: Flat draws flat pictures"):
        list(generate(Pipeline(Flat()), options(masks, tmp_path, mesh=True, turntable="gif")))
    with pytest.raises(UsageError, match="trained on masks; give --mask"):
        list(generate(Pipeline(Flat()), GenerateOptions(scribble=str(masks))))
    with pytest.raises(UsageError, match="Give --mask or --scribble"):
        GenerateOptions.from_args(SimpleNamespace(text="x"))


def test_what_cannot_end_well_is_refused_before_anything_is_drawn(masks, tmp_path, capsys):
    """Told by the command line alone: no run of this name exists."""
    from gantoolkit.cli import main

    taken = tmp_path / "taken"
    taken.touch()
    command = ["generate", "runs/x", "--mask", str(masks)]
    for more, words in (
        (["--seed", "4294967295", "--count", "2"], "beyond the last, 4294967295; give a smaller"),
        (["--frames", "10"], "--frames belongs to --turntable"),
        (["--text", "a", "--prompts", "b"], "--text and --prompts cannot stand together"),
        (["--out", str(taken)], f"{taken} is a file; give --out a folder."),
        (["--out", str(taken / "below")], f"{taken} is a file; give --out a folder."),
    ):
        assert main.main([*command, *more]) == 2
        said = capsys.readouterr().err
        assert words in said and said.count("\n") == 1
    GenerateOptions.from_args(
        SimpleNamespace(mask="m", seed=4294967294, count=2, frames=10, turntable="gif")
    )


def test_inputs_are_checked_before_models_are_loaded(tmp_path, monkeypatch, capsys):
    """A preset's kind, masks, prompts and captions; no network is read for any of them."""
    from gantoolkit.cli import main

    monkeypatch.setattr("gantoolkit.inference.load.load_with_specs", None)
    Image.new("L", (64, 64), 77).save(tmp_path / "bad.png")
    (tmp_path / "empty.txt").write_text("\n")
    for more, words in (
        (["--mask", "old-man", "--scribble", "old-man"], "trained on masks; give --mask alone"),
        (["--scribble", "old-man"], "eg3d-mask was trained on masks; give --mask."),
        (["--mask", str(tmp_path / "bad.png")], "bad.png has unknown labels (77)"),
        (["--mask", "old-man", "--prompts", str(tmp_path / "empty.txt")], "holds no prompt"),
        (["--mask", "old-man", "--captions", str(tmp_path / "no")], "There are no captions at"),
    ):
        assert main.main(["generate", "eg3d-mask", "--out", str(tmp_path / "out"), *more]) > 0
        said = capsys.readouterr().err
        assert words in said and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_threads_and_limit(tiny_zip, tmp_path, monkeypatch):
    from gantoolkit.cli import main

    class Drawing(Pipeline):
        def render(self, latent, camera=None):
            return self.generator.render(latent.ws)

    before = torch.get_num_threads()
    lend(monkeypatch, lambda source, generator: Drawing(Flat()))
    command = ["generate", "runs/x", "--data", str(tiny_zip), "--out", str(tmp_path / "out")]
    try:
        assert main.main([*command, "--limit", "3", "--threads", "2"]) == 0
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert [row["input"] for row in manifest(tmp_path)] == [f"image/{i:08d}.png" for i in range(3)]


def test_a_folder_of_another_system_is_refused_beside_data(tiny_zip, tmp_path, monkeypatch, capsys):
    from gantoolkit.cli import main

    class Drawing(Pipeline):
        def render(self, latent, camera=None):
            return self.generator.render(latent.ws)

    lend(monkeypatch, lambda source, generator: Drawing(Flat()))
    command = ["generate", "runs/x", "--data", str(tiny_zip), "--out", str(tmp_path / "out")]
    assert main.main(command) == 0
    capsys.readouterr()
    assert main.main(["generate", "runs/x/", *command[2:]]) == 0
    assert capsys.readouterr().err.endswith("out holds all of this already.\n")
    before = manifest(tmp_path)
    monkeypatch.setattr(
        "gantoolkit.inference.bridge_files.pipeline_checksums",
        lambda name, specs: {"bridge": name[-1] * 64},
    )
    capsys.readouterr()
    elsewhere = ["generate", "runs/y", *command[2:]]
    for other, words in (
        (command, "other weights"),
        (elsewhere, "run runs/x, other weights"),
        ([*command, "--seed", "1"], "seed 0"),
        ([*command, "--t-out", "500"], "t_out 0"),
        ([*command, "--generator", "a.safetensors"], "another generator"),
    ):
        assert main.main(other) == 2
        said = capsys.readouterr().err
        assert words in said and "give another --out" in said and said.count("\n") == 1
    assert manifest(tmp_path) == before


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


def test_unknown_words_are_named_once_and_an_empty_prompt_is_fine(
    masks, tmp_path, monkeypatch, capsys
):
    (tmp_path / "words.txt").write_text("man\nold\n")
    pipeline = Pipeline(Flat())
    pipeline.encoder.text_encoder = SimpleNamespace(
        tokenizer=SimpleNamespace(name_or_path=str(tmp_path))
    )
    lend(monkeypatch, lambda *_: pipeline)
    arguments = SimpleNamespace(
        source="run",
        text="an old robot ship",
        mask=str(masks),
        out=str(tmp_path / "out"),
        yes=False,
    )
    assert verb.main(arguments) == 0
    shown = capsys.readouterr()
    assert "never saw “robot” and “ship”" in shown.err and shown.out.count("seed0.png") == 3


def test_a_prompt_that_is_cut_is_said_once(masks, tmp_path, monkeypatch, capsys):
    from gantoolkit.encoders.text_encoder import TextEncoder

    class Letters:
        """A tokenizer whose tokens are words."""

        model_max_length = 12

        def __call__(self, prompt, add_special_tokens, verbose):
            assert not add_special_tokens
            return SimpleNamespace(input_ids=prompt.split())

        def decode(self, ids):
            return " ".join(ids)

    text = torch.nn.Module()
    text.config = SimpleNamespace(max_position_embeddings=77)
    pipeline = Pipeline(Flat())
    pipeline.encoder.text_encoder = TextEncoder(text, Letters())
    lend(monkeypatch, lambda *_: pipeline)
    for words, said in (
        (10, ""),
        (11, "from “w10” on it is not read (1 of 11 words)"),
        (5000, "from “w10 w11 w12 w13 w14 w15 …” on it is not read (4990 of 5000 words)"),
    ):
        prompt = " ".join(f"w{i}" for i in range(words))
        arguments = SimpleNamespace(
            source="run",
            text=prompt,
            mask=str(masks),
            out=str(tmp_path / str(words)),
            batch=1,
            yes=False,
        )
        assert verb.main(arguments) == 0
        shown = capsys.readouterr().err
        assert (said in shown and shown.count("\n") == 1) if said else not shown


def test_maps_numbered_in_another_order_are_said(tmp_path, capsys):
    from gantoolkit.core.labels import ORDERS
    from gantoolkit.data.face_zip import FaceZip

    labels = FaceZip("val").labels[0].numpy()
    Image.fromarray(np.argsort(ORDERS["bisenet"]).astype(np.uint8)[labels]).save(
        tmp_path / "map.png"
    )
    for order, said in (("celebamask", "repeat with --labels bisenet"), ("bisenet", "")):
        list(
            generate(
                Pipeline(Flat()),
                GenerateOptions(
                    mask=str(tmp_path / "map.png"), out=str(tmp_path / order), labels=order
                ),
            )
        )
        shown = capsys.readouterr().err
        assert shown.count(said) == 1 if said else not shown


def test_cameras_are_level_in_the_frame_of_the_generator(masks, tmp_path):
    """FFHQ's frame sees a level face from 0.16 rad above: cameras other than labels move by it."""
    tilted = Solid()
    tilted.frame = Frame(-0.16)
    for source in ("frontal", "estimate"):
        found = []
        for name, generator in (("plain", Solid()), ("tilted", tilted)):
            rows = list(
                generate(
                    Pipeline(generator),
                    options(masks, tmp_path / name / source, camera=source, views=3),
                )
            )
            found.append(torch.tensor([row["label"] for row in rows]))
        (yaw, pitch), (same, lower) = (pose.angles(labels) for labels in found)
        torch.testing.assert_close(same, yaw, atol=1e-4, rtol=0)
        torch.testing.assert_close(lower, pitch - 0.16, atol=1e-4, rtol=0)
    film = cameras.turntable(orbit_camera(0.0), 4, Frame(-0.16)).label
    assert float(pose.angles(film)[1].mean()) == pytest.approx(-0.16, abs=1e-4)


def test_turntable_returns_to_its_start():
    base = orbit_camera(0.0)
    camera = cameras.turntable(base, 48)
    assert len(camera) == 48 and camera.cam2world[:, 0, 3].mean().abs() < 1e-5
    steps = (camera.cam2world - camera.cam2world.roll(1, 0))[:, :3, 3].norm(dim=1)
    assert float(steps.max() / steps.median()) < 3
    assert float(camera.cam2world[:, :3, 3].norm(dim=1).std()) < 1e-5
