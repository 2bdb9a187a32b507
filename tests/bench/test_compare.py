"""Output trees of each program's shape, made of known pictures: what is found, which tile, what
is missing."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from gantoolkit.bench import compare, official_outputs
from gantoolkit.bench.official_outputs import ADAPTERS, SampleId, find_outputs
from gantoolkit.bench.reference import Reference, read_output
from gantoolkit.cli.main import main
from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.report import record as records

IDS = ["00000000", "00000001", "00000002", "00000003"]
TEXTS = ["A man.", "She smiles.", "A man.", "He: is old."]
WANTED = [SampleId(i, t) for i, t in zip(IDS, TEXTS)]


def picture(number: int, size: int = 64) -> np.ndarray:
    """A picture that says which sample it is: its red is 40 · (number + 1)."""
    return np.full((size, size, 3), (40 * (number + 1), 90, 120), np.uint8)


def put(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def two_tiles(right, padding=2):
    """A reconstruction and the result, as torchvision's save_image lays two tiles."""
    import gantoolkit.core.compat  # noqa: F401  before torchvision

    from torchvision.utils import make_grid

    left = torch.zeros(3, *right.shape[:2], dtype=torch.uint8)
    tiles = torch.stack([left, torch.from_numpy(right).permute(2, 0, 1)])
    return make_grid(tiles, padding=padding).permute(1, 2, 0).numpy()


def tree(kind, folder, pictures):
    """What the program `kind` leaves for pictures id → array."""
    for n, (name, array) in enumerate(pictures.items()):
        text, number = TEXTS[n], int(name)
        if kind == "tedigan":
            put(folder / name / "final_result.png", two_tiles(array))
        elif kind == "tedigan-base":
            for part, shown in (("ori", array * 0), ("enc", array // 2), ("inv", array)):
                put(folder / f"{name}_{part}.png", shown)
        elif kind == "ide3d":
            put(folder / f"img{name}" / "rec_img.png", array)
        elif kind == "uac":
            home = folder / "results/face/non_grid/Face_Hair_Text" / (" " + text.partition(":")[0])
            put(home / f"{sum(t == text for t in TEXTS[:n])}.png", array)
            put(
                folder / "results/face/grid/Face_Hair_Text" / text / "0.png",
                np.concatenate([array, array], 1),
            )
        elif kind == "uac-lost-text":
            put(folder / "non_grid/Face_Hair_Text" / f"{n}.png", array)
        elif kind == "collaborative":
            home = folder / "inference_512_codiff_mask_text" / f"{name}.png"
            put(home / text.lower() / "000000_x_0.png", array)
            put(home / "another prompt" / "000000_x_0.png", array * 0)
            put(home / f"{name}.png", array * 0)
        elif kind == "mmface":
            slug = "".join(c for c in text if c.isalnum())
            put(folder / f"{name}_mask_{slug}_seed7.png", array)
            put(folder / f"{name}_mask_{slug}_seed12.png", array * 0)
            put(folder / f"{name}_mask_another_seed1.png", array * 0)
        elif kind == "gantoolkit":
            put(folder / f"{name}-seed0.png", array)
            with open(folder / "manifest.jsonl", "a") as file:
                for k in (0, 1):
                    row = dict(
                        file=f"{name}-seed0.png", kind="image", view=k, input=f"/masks/{name}.png"
                    )
                    file.write(json.dumps(row) + "\n")
        else:
            put(folder / f"{number}.png", array)


@pytest.mark.parametrize(
    "kind",
    [
        "tedigan",
        "tedigan-base",
        "ide3d",
        "uac",
        "uac-lost-text",
        "collaborative",
        "gantoolkit",
        "controlnet",
        "mmface",
        "facemogle",
    ],
)
def test_every_programs_tree_is_understood(tmp_path, kind):
    size = {"tedigan": 256, "ide3d": 512, "uac": 256}.get(kind, 64)
    tree(kind, tmp_path, {i: picture(n, size) for n, i in enumerate(IDS)})
    name = kind.partition("-")[0]
    found = find_outputs(ADAPTERS[name], tmp_path, WANTED)
    assert list(sorted(found)) == IDS
    for n, i in enumerate(IDS):
        image = read_output(found[i], 32)
        assert image.shape == (3, 32, 32)
        expected = torch.tensor([40.0 * (n + 1), 90, 120]) / 127.5 - 1
        torch.testing.assert_close(
            image, expected.view(3, 1, 1).expand_as(image), atol=1e-4, rtol=0
        )


def test_names_of_mmface_are_read_from_the_right(tmp_path):
    for name in ("5_mask_a_sketch__seed42.png", "x_sketch_Aman_seed3.png", "x_mask_Aman.png"):
        put(tmp_path / name, picture(0))
    samples = [SampleId("5_mask_a"), SampleId("x", "A man."), SampleId("5")]
    found = find_outputs(ADAPTERS["mmface"], tmp_path, samples)
    assert {id: output.path.name for id, output in found.items()} == {
        "5_mask_a": "5_mask_a_sketch__seed42.png",
        "x": "x_sketch_Aman_seed3.png",
    }
    assert official_outputs.mmface_slug("Größe: 12 cm, " + "a" * 40) == "Größe12cm" + "a" * 21


def test_a_grid_of_1024_px_is_cut_where_the_facts_say(tmp_path):
    grid = np.zeros((1028, 2054, 3), np.uint8)
    grid[2:1026, 1028:2052] = 200
    put(tmp_path / "7.png", grid)
    image = read_output(
        find_outputs(ADAPTERS["tedigan"], tmp_path, [SampleId("00007")])["00007"], 256
    )
    assert float(image.min()) == pytest.approx(200 / 127.5 - 1, abs=1e-6)
    put(tmp_path / "8.png", grid[:, :1500])
    with pytest.raises(DataError, match="not a grid of two"):
        read_output(find_outputs(ADAPTERS["tedigan"], tmp_path, [SampleId("8")])["8"], 256)


def test_numbers_match_only_where_that_is_unambiguous(tmp_path):
    for name in ("img0001.png", "pic1.png", "img0002.png"):
        put(tmp_path / name, picture(0))
    assert list(
        official_outputs.find_plain(tmp_path, [SampleId("1"), SampleId("0002"), SampleId("3")])
    ) == ["0002"]


def test_a_manifest_is_believed_before_the_adapter(tmp_path):
    tree("controlnet", tmp_path, {i: picture(n) for n, i in enumerate(IDS)})
    put(tmp_path / "odd name.png", picture(4))
    (tmp_path / "outputs.jsonl").write_text(
        json.dumps({"id": IDS[1], "file": "odd name.png"}) + "\n"
    )
    found = find_outputs(ADAPTERS["folder"], tmp_path, WANTED)
    assert found[IDS[1]].path.name == "odd name.png" and found[IDS[2]].path.name == "2.png"
    (tmp_path / "outputs.jsonl").write_text(json.dumps({"id": IDS[1], "file": "gone.png"}) + "\n")
    with pytest.raises(DataError, match="names gone.png"):
        find_outputs(ADAPTERS["folder"], tmp_path, WANTED)


@pytest.mark.parametrize("kind", ["gantoolkit", "folder"])
@pytest.mark.parametrize(
    "more", [dict(run="runs/b"), dict(weights={"bridge": "1"}), dict(t_out=500)]
)
def test_pictures_of_several_systems_are_not_scored_as_one(tmp_path, kind, more):
    rows = [
        dict(
            file=f"{i}.png",
            kind="image",
            input=f"{i}.png",
            run="runs/a",
            weights={"bridge": "0"},
            t_out=0,
        )
        for i in IDS
    ]
    for row in rows:
        put(tmp_path / row["file"], picture(0))
    write = (tmp_path / "manifest.jsonl").write_text
    write("".join(json.dumps(row) + "\n" for row in rows))
    assert len(find_outputs(ADAPTERS[kind], tmp_path, WANTED)) == 4
    write("".join(json.dumps(row) + "\n" for row in [*rows[:3], rows[3] | more]))
    with pytest.raises(
        DataError, match=f"manifest.jsonl names more than one {next(iter(more))}; draw each"
    ):
        find_outputs(ADAPTERS[kind], tmp_path, WANTED)
    assert len(find_outputs(ADAPTERS[kind], tmp_path, WANTED[:3])) == 3


@pytest.fixture
def real(tmp_path):
    """A folder of photos, masks and prompts."""
    faces = Reference("val").zip
    for n, i in enumerate(IDS):
        put(tmp_path / "data" / "images" / f"{i}.jpg", faces.images[n].permute(1, 2, 0).numpy())
        put(tmp_path / "data" / "masks" / f"{i}.png", faces.labels[n].numpy())
        (tmp_path / "data" / "text").mkdir(exist_ok=True)
        (tmp_path / "data" / "text" / f"{i}.txt").write_text(f"{TEXTS[n]}\nanother caption\n")
    return tmp_path / "data", faces


def test_folders_of_photos_are_a_reference(real):
    folder, faces = real
    side = faces.resolution
    reference = Reference(folder, side)
    assert [(w.id, w.text) for w in reference.samples] == list(zip(IDS, TEXTS))
    sample = reference.sample(IDS[1:3])
    assert torch.equal(sample.target.labels, faces.labels[1:3].long())
    assert sample.condition.mask.shape == (2, 19, side, side)
    assert sample.condition.text == ("She smiles.", "A man.")
    with pytest.raises(DataError, match="neither manifest.jsonl nor"):
        Reference(folder / "text")


def test_compare_scores_what_all_have_and_names_what_is_missing(tmp_path, capsys):
    faces = Reference("val").zip
    side = faces.resolution
    truth = {i: faces.images[n].permute(1, 2, 0).numpy() for n, i in enumerate(IDS)}
    tree("tedigan", tmp_path / "t", truth)
    tree("ide3d", tmp_path / "i", {i: picture(n, 2 * side) for n, i in enumerate(IDS[:3])})
    (tmp_path / "m.yaml").write_text("{lpips: {}, acc: {}, id_gt: {}}")
    code = main(
        [
            "compare",
            "--data",
            "val",
            "--limit",
            "4",
            "--outputs",
            f"tedigan={tmp_path / 't'}",
            f"ide3d={tmp_path / 'i'}",
            "--out",
            str(tmp_path / "out"),
            "--metrics",
            str(tmp_path / "m.yaml"),
            "--bootstrap",
            "0",
        ]
    )
    said = capsys.readouterr().err
    assert (
        code == 0
        and "ide3d: 1 of 4 outputs are missing: 00000003 (looked for ID/rec_img.png" in said
    )
    assert "scored on the 3 samples that all have, of 4" in said and "tedigan:" not in said
    exact = records.load(tmp_path / "out" / "tedigan.json").scores["tedigan"]
    assert (
        exact["lpips[judge]"].value == pytest.approx(0, abs=1e-9) and exact["lpips[judge]"].n == 3
    )
    other = records.load(tmp_path / "out" / "ide3d.json").scores["ide3d"]["lpips[judge]"]
    assert other.value > 0.1 and other.conditions["resize"].startswith(f"{2 * side} to {side}")
    text = (tmp_path / "out" / "compare.md").read_text()
    assert "mini universe" not in text and "sees photos" in text and "| – | – |" in text


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["ide3d"], "write NAME=DIR"),
        (["x:tedigen=d"], "did you mean 'tedigan'"),
        (["a=x", "a=y"], "one name"),
    ],
)
def test_mistyped_folders_are_answered(capsys, arguments, words):
    assert main(["compare", "--data", "val", "--outputs", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_what_is_given_in_vain_is_refused_before_anything_is_read(capsys, tmp_path):
    (tmp_path / "taken").touch()
    for more, words in (
        (["--prepare", "tedigan", "--outputs", "a=dv"], "--outputs cannot stand beside --prepare"),
        (["--prepare", "tedigan", "--out", str(tmp_path / "taken")], "taken is a file; give --out"),
        (["--outputs", "a=dv", "--out", str(tmp_path / "taken" / "below")], "taken is a file"),
    ):
        assert main(["compare", "--data", "nothing.zip", *more]) == 2
        said = capsys.readouterr().err
        assert words in said and said.count("\n") == 1


@pytest.mark.parametrize("name", ["../x", "p/q", "a|b*c", ".hidden", "..", "a b", "a\\b"])
def test_names_that_are_no_file_names_are_refused(name, capsys, tmp_path):
    assert (
        main(
            [
                "compare",
                "--data",
                "val",
                "--outputs",
                f"{name}={tmp_path}",
                "--out",
                str(tmp_path / "out"),
            ]
        )
        == 2
    )
    said = capsys.readouterr().err
    assert f"'{name}'" in said and "letters, digits" in said and said.count("\n") == 1
    assert (
        not (tmp_path / "out").exists()
        and compare.OutputFolder.parse("run-2.b_1:tedigan=d").name == "run-2.b_1"
    )


@pytest.mark.parametrize(
    "text, words",
    [
        ("[lpips, acc]", "holds a list instead of a mapping; write a name per line"),
        ("lpips", "holds a str instead of a mapping; write"),
        ("", "should name metrics"),
        ("lpips: 3", "lpips should be followed by its arguments, not 3; write"),
        ("lpips: {network: alex", "is not valid YAML"),
        ("lipps: {}", "no metric 'lipps' (did you mean 'lpips'"),
        ("lpips: {netwrk: alex}", "did you mean 'network'"),
    ],
)
def test_what_is_no_list_of_metrics_is_answered_with_an_example(tmp_path, capsys, text, words):
    (tmp_path / "m.yaml").write_text(text)
    assert (
        main(
            ["compare", "--data", "val", "--outputs", "x=d", "--metrics", str(tmp_path / "m.yaml")]
        )
        == 2
    )
    said = capsys.readouterr().err
    assert words in said and "m.yaml" in said and said.count("\n") == 1, said


def test_metrics_without_arguments_are_taken(tmp_path):
    (tmp_path / "m.yaml").write_text("lpips: {network: alex}\nms_ssim:\n")
    assert compare.read_metrics(str(tmp_path / "m.yaml")) == {
        "lpips": {"network": "alex"},
        "ms_ssim": {},
    }


def test_nothing_in_common_says_what_to_do(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert (
        main(
            [
                "compare",
                "--data",
                "val",
                "--outputs",
                f"uac={tmp_path / 'empty'}",
                f"x={tmp_path / 'no'}",
            ]
        )
        == 1
    )
    assert "There is no folder" in capsys.readouterr().err
    assert main(["compare", "--data", "val", "--outputs", f"uac={tmp_path / 'empty'}"]) == 1
    assert "outputs.jsonl" in capsys.readouterr().err
    assert UsageError.exit_code == 2 and compare.OutputFolder.parse("mine=d").adapter == "folder"
