"""Examples of the package: of both kinds, readable, in the embedded model's words, copied once."""

import json

import numpy as np
import pytest
from PIL import Image

from gantoolkit.cli import main
from gantoolkit.core.errors import UsageError
from gantoolkit.core.prompt_words import read_prompt
from gantoolkit.data import examples
from gantoolkit.data.user_inputs import list_inputs, read_input
from gantoolkit.weights import names


def test_every_example_is_a_clean_mask_and_a_scribble_of_the_same_person(capsys):
    captions = examples.captions()
    assert len(captions) == 12
    for name in captions:
        found = read_input(list_inputs(name, name)[0], 128)
        assert found.name == name and Image.open(found.path).size == (128, 128)
        assert {1, 2, 17} <= set(np.unique(found.labels).tolist())  # skin, nose, neck
        background = found.labels.numpy() == 0
        assert (found.scribble[0].numpy()[background] > 0.5).mean() < 0.2
    assert capsys.readouterr().err == ""  # no reader had to repair or doubt anything


def test_prompts_are_made_of_words_that_the_embedded_model_knows():
    words = names.resolve("diffusion") / "tokenizer" / "words.txt"
    known = set(words.read_text(encoding="utf-8").split())
    for prompt in [*examples.captions().values(), *examples.prompts()]:
        assert read_prompt(prompt, known) == (prompt, {}, {})


def test_they_are_listed_and_copied(tmp_path, capsys):
    assert main.main(["examples"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in examples.captions())
    for _ in range(2):  # copying again changes nothing
        assert main.main(["examples", "--out", str(tmp_path / "x")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2 * 26
    copied = {path.stem for path in (tmp_path / "x" / "masks").iterdir()}
    assert copied == set(json.loads((tmp_path / "x" / "captions.json").read_text()))

    (tmp_path / "x" / "masks" / "old-man.png").write_bytes(b"mine")
    with pytest.raises(UsageError, match="old-man.png is there already"):
        examples.copy(tmp_path / "x")
    assert (tmp_path / "x" / "masks" / "old-man.png").read_bytes() == b"mine"


def test_a_file_of_the_same_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert examples.find("old-man", "mask").parent == examples.FOLDER / "masks"
    (tmp_path / "old-man").mkdir()
    assert str(examples.find("old-man", "mask")) == "old-man"
    assert str(examples.find("an/old-man", "scribble")) == "an/old-man"
