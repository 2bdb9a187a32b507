"""What official programs are handed: read back as their own code reads it, and their results
found by the adapters."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantoolkit.bench import official_outputs, prepare
from gantoolkit.bench.official_outputs import ADAPTERS, SampleId, find_outputs
from gantoolkit.cli.main import main
from gantoolkit.cli.verbs import parser
from gantoolkit.core.labels import PALETTE
from gantoolkit.data import cameras
from gantoolkit.data.face_zip import FaceZip

LONG = "She " + "really " * 60 + "smiles."
CAPTIONS = ["A man.", "He: is old.", "a/b\\c \"quoted\" 'test' $HOME", LONG, "", "A man."]


@pytest.fixture
def data(tmp_path, tiny_zip) -> Path:
    """The tiny set with six captions that are hard to hand over, prepared with EG3D's crop."""
    path = tmp_path / "pairs.zip"
    with zipfile.ZipFile(tiny_zip) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "samples.jsonl":
                rows = [json.loads(line) for line in content.decode().splitlines()[: len(CAPTIONS)]]
                content = "".join(
                    json.dumps(row | dict(captions=[text])) + "\n"
                    for row, text in zip(rows, CAPTIONS)
                )
            if name == "dataset.json":
                content = json.dumps(json.loads(content) | dict(crop="eg3d"))
            new.writestr(name, content)
    return path


def handed(program: str, data: Path, out: Path) -> Path:
    assert main(["compare", "--prepare", program, "--data", str(data), "--out", str(out)]) == 0
    return out


def wanted(data: Path) -> list[SampleId]:
    faces = FaceZip(data)
    return [SampleId(Path(f).stem, c[0]) for f, c in zip(faces.files, faces.captions)]


def truth(data: Path, row: int, size: int) -> np.ndarray:
    """The label map by nearest neighbour, written out: pixel i lies at (i + ½) · 32 / size."""
    place = ((np.arange(size) + 0.5) * 32 / size).astype(int)
    return FaceZip(data).labels[row].numpy()[place][:, place]


def put(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(path)


@pytest.mark.parametrize(
    "program, name, size",
    [
        ("tedigan", "masks/{0}/{0}.png", 256),
        ("collaborative", "masks/{0}.png", 512),
        ("ide3d", "masks/00000/img{0}.png", 512),
        ("facemogle", "mask/{0}.png", 512),
    ],
)
def test_masks_are_numbers_where_programs_convert_to_grey(data, tmp_path, program, name, size):
    """`.convert("L")` of the zip's palette pictures would be luminances; of these it is the
    labels."""
    out = handed(program, data, tmp_path / "in")
    for row, one in enumerate(wanted(data)):
        with Image.open(out / name.format(one.id)) as file:
            assert file.mode == "L"
            np.testing.assert_array_equal(np.asarray(file.convert("L")), truth(data, row, size))


def test_ide3d_finds_photo_mask_and_camera(data, tmp_path, capsys):
    """As infer_hybrid_encoder.py: the label by the last 21 letters of the path, with y and z of
    the camera negated."""
    out, faces = handed("ide3d", data, tmp_path / "in"), FaceZip(data)
    assert "warning" not in capsys.readouterr().err
    labels = dict(json.loads((out / "dataset.json").read_text())["labels"])
    for row, one in enumerate(wanted(data)):
        path = str(out / "images" / "00000" / f"img{one.id}.png")
        c = np.array([labels[path[-21:]]])
        c[:, [1, 2, 5, 6, 9, 10]] *= -1
        forward, position = c[0, [2, 6, 10]], c[0, [3, 7, 11]]
        assert (
            forward @ -position < 0 and cameras.detect_convention(c) == "ide3d"
        )  # its camera looks along −z
        np.testing.assert_allclose(
            cameras.to_eg3d(c, "ide3d")[0], faces.cameras[row].numpy(), atol=1e-6
        )
        with Image.open(path) as file:
            assert (file.mode, file.size) == ("RGB", (512, 512))
            shown = np.asarray(file).reshape(32, 16, 32, 16, 3).mean((1, 3))
        assert np.abs(shown - faces.images[row].permute(1, 2, 0).numpy()).mean() < 12
        put(tmp_path / "out" / Path(path).stem / "rec_img.png")
    assert list(find_outputs(ADAPTERS["ide3d"], tmp_path / "out", wanted(data))) == [
        one.id for one in wanted(data)
    ]


def test_uac_finds_maps_and_prompts(data, tmp_path):
    """As its paired_data_loader and save_images: files in order of names, text up to the second
    colon, a counter."""
    out = handed("uac", data, tmp_path / "in")
    lines = (out / "text.txt").read_text().splitlines(keepends=True)
    told = {
        parts[0].strip(" "): parts[1] for parts in (line.strip("\n").split(":") for line in lines)
    }
    names = sorted(p.name for p in (out / "face_map").iterdir())
    assert len(lines) == len(names) == len(CAPTIONS) and names == sorted(
        p.name for p in (out / "hair_map").iterdir()
    )
    home = tmp_path / "out/results/face/non_grid/Face_Hair_Text"
    for row, name in enumerate(names):
        labels = truth(data, row, 256)
        for folder, parts in (("face_map", (1, 8, 9)), ("hair_map", (13,))):
            seen = np.asarray(Image.open(out / folder / name).convert("RGB").resize((256, 256)))
            assert ((seen[..., 0] > 127) == np.isin(labels, parts)).all()
        where = home / told[name]
        count = next(n for n in range(9) if not (where / f"{n}.png").exists())
        put(where / f"{count}.png")
    assert [told[name].strip() for name in names[:3]] == [
        "A man.",
        "He, is old.",
        "a b c \"quoted\" 'test' $HOME",
    ]
    found = find_outputs(ADAPTERS["uac"], tmp_path / "out", wanted(data))
    assert list(sorted(found)) == [one.id for one in wanted(data)]
    assert [found[one.id].path.name for one in wanted(data)] == ["0.png"] * 5 + ["1.png"]


def test_mmface_is_shown_colors_and_dark_strokes(data, tmp_path):
    """As preprocess_…_for_vae: RGB as it is, and gray where white is paper."""
    out, faces = handed("mmface", data, tmp_path / "in"), FaceZip(data)
    for row, one in enumerate(wanted(data)):
        with Image.open(out / f"masks/{one.id}.png") as file:
            assert file.mode == "RGB"
            expected = np.array(PALETTE)[truth(data, row, 512)]
            np.testing.assert_array_equal(np.asarray(file), expected)
        with Image.open(out / f"sketches/{one.id}.png") as file:
            assert (file.mode, file.size) == ("L", (512, 512))
            shown = np.asarray(file).reshape(32, 16, 32, 16).mean((1, 3))
        assert np.abs(255 - shown - faces.scribbles[row].numpy()).mean() < 25


def test_facemogle_finds_every_prompt(data, tmp_path):
    """As prepare_data: the first text of the mask's name, with .jpg in place of .png."""
    out = handed("facemogle", data, tmp_path / "in")
    texts = json.loads((out / "text.json").read_text())
    for mask in sorted((out / "mask").glob("*.png")):
        name = mask.name.replace(".png", ".jpg")
        put(tmp_path / "out" / name)
        assert texts[name][0] == dict((f"{o.id}.jpg", o.text) for o in wanted(data))[name]
    found = find_outputs(ADAPTERS["facemogle"], tmp_path / "out", wanted(data))
    assert list(found) == [one.id for one in wanted(data)]


STANDIN = """#!/bin/sh
while [ $# -gt 0 ]; do
  case "$1" in --mask_path) mask="$2";; --input_text) text="$2";; --save_folder) out="$2";;
    --exp_dir) exp="$2";; --data_path) data="$2";;
    --results_dir) result="$2";; --description) said="$2";;
    --latent_path) latent="$2";; --target_img) img="$2";;
    --target_seg) seg="$2";; --outdir) dir="$2";; --conditioning_path) shown="$2";;
    --modality) modality="$2";; --seed) seed="$2";; --output_dir) made="$2";;
    --prompt=*) prompt="${1#--prompt=}";; esac
  shift
done
if [ -n "$mask" ]; then w="$out/$(basename "$mask")/$text" &&
  mkdir -p "$w" && cp "$mask" "$w/000000_x_0.png"; fi
if [ -n "$exp" ]; then w="$exp/inference_results" &&
  mkdir -p "$w" && cp "$data"/*.png "$w/inverted_codes.pt"; fi
if [ -n "$result" ]; then cp "$latent" "$result/final_result.png" &&
  printf %s "$said" > "$result/said"; fi
if [ -n "$img" ]; then w="$dir/$(basename "$img" .png)" &&
  [ -f "$seg" ] && mkdir -p "$w" && cp "$img" "$w/rec_img.png"; fi
if [ -n "$shown" ]; then slug=$(printf %s "$prompt" | tr -cd '[:alnum:]' | cut -c 1-30) &&
  cp "$shown" "$made/$(basename "$shown" .png)_${modality}_${slug}_seed$seed.png"; fi
"""


@pytest.mark.skipif(not shutil.which("sh"), reason="needs a shell")
@pytest.mark.parametrize("program", ["tedigan", "ide3d", "collaborative", "mmface"])
def test_jobs_run_and_their_results_are_found(data, tmp_path, program, monkeypatch):
    """jobs.sh with a stand-in for python that writes where the program would; a second time
    nothing runs."""
    out = handed(program, data, tmp_path / "in put")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text(STANDIN)
    (tmp_path / "bin" / "python").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    for _ in range(2):
        subprocess.run(
            ["sh", str(out / "jobs.sh"), str(tmp_path / "out put")], check=True, cwd=tmp_path
        )
        (tmp_path / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
    found = find_outputs(ADAPTERS[program], tmp_path / "out put", wanted(data))
    assert list(sorted(found)) == [one.id for one in wanted(data)]
    if program == "tedigan":
        assert [(found[o.id].path.parent / "said").read_text() for o in wanted(data)] == CAPTIONS
    if program == "collaborative":
        for row, one in enumerate(wanted(data)):
            np.testing.assert_array_equal(
                np.asarray(Image.open(found[one.id].path)), truth(data, row, 512)
            )


def test_controlnet_is_shown_the_palette(data, tmp_path):
    out = handed("controlnet", data, tmp_path / "in")
    rows = [json.loads(line) for line in (out / "prompts.jsonl").read_text().splitlines()]
    assert [r["text"] for r in rows] == CAPTIONS and {
        (r["ddim_steps"], r["guidance"]) for r in rows
    } == {(20, 9.0)}
    for row, one in enumerate(wanted(data)):
        with Image.open(out / "images" / f"{one.id}.png") as file:
            assert file.mode == "RGB"
            np.testing.assert_array_equal(
                np.asarray(file), np.array(PALETTE)[truth(data, row, 512)]
            )


@pytest.mark.parametrize("text", [*CAPTIONS, "..", "a" * 300, "Größe " * 60])
def test_prompts_can_name_a_folder(tmp_path, text):
    for prompt in (official_outputs.uac_prompt(text), official_outputs.collaborative_prompt(text)):
        (tmp_path / prompt).mkdir(exist_ok=True)
        assert (tmp_path / prompt).parent == tmp_path and prompt and len(prompt.encode()) <= 200
    assert official_outputs.collaborative_prompt(
        "The Man."
    ) == "the man." and ":" not in official_outputs.uac_prompt(text)


def test_bad_inputs_are_sentences(data, tmp_path, capsys):
    assert main(["compare", "--prepare", "uac", "--data", str(tmp_path)]) == 2
    assert "`gantoolkit data prepare folder` makes a zip" in capsys.readouterr().err
    assert main(["compare", "--data", str(data)]) == 2
    assert "Give --outputs NAME=DIR … to score" in capsys.readouterr().err
    named = tmp_path / "named.zip"
    with zipfile.ZipFile(data) as old, zipfile.ZipFile(named, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(
                name.replace("00000003", "anna"),
                content.replace(b"00000003", b"anna")
                if name.endswith(("json", "jsonl"))
                else content,
            )
    assert (
        main(["compare", "--prepare", "ide3d", "--data", str(named), "--out", str(tmp_path / "no")])
        == 1
    )
    assert (
        "'anna' is not a number; name the pictures 0.png" in capsys.readouterr().err
        and not (tmp_path / "no").exists()
    )
    handed("collaborative", named, tmp_path / "yes")
    assert (
        "trained on ffhq's framing of faces, and named.zip was prepared with --crop eg3d"
        in capsys.readouterr().err
    )


def test_the_verb_offers_every_program():
    compare = next(a for a in parser([])._actions if hasattr(a, "choices") and a.choices).choices[
        "compare"
    ]
    choices = next(a.choices for a in compare._actions if a.dest == "prepare")
    assert tuple(choices) == prepare.PROGRAMS and set(choices) <= set(ADAPTERS)
