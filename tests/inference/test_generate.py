"""`generate` with a small fake pipeline: names, manifest, repeated commands, batches."""

from __future__ import annotations

import json

import pytest
from fake_pipeline import Flat, Pipeline, Solid, lend, manifest, options

from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.inference.generate import generate
from gantoolkit.inference.options import GenerateOptions


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
