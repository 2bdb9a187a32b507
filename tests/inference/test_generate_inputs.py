"""What `generate` refuses and warns of before it draws, with a small fake pipeline."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fake_pipeline import Flat, Pipeline, lend, manifest, options
from PIL import Image

from gantoolkit.core.errors import UsageError
from gantoolkit.inference import generate as verb
from gantoolkit.inference.generate import generate
from gantoolkit.inference.options import GenerateOptions


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
