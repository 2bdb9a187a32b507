"""Prompts in everyday words: near ones are read as known ones, others are named."""

import pytest
import torch

import gantoolkit
from gantoolkit.cli import main
from gantoolkit.core.prompt_words import MEANINGS, near_word, read_prompt
from gantoolkit.inference.prompt_check import check_prompt

KNOWN = {"a", "blond", "earrings", "eyeglasses", "gray", "hat", "man", "old"}
KNOWN |= {"purple", "smiling", "woman"}


@pytest.mark.parametrize(
    "text, read",
    [
        ("A blonde girl, with GLASSES.", "A blond woman, with eyeglasses."),
        ("grey", "gray"),
        ("an earring", "an earrings"),
        ("Hats and caps!", "hat and hat!"),
        ("she is smiling 😀🎉 → old", "she is smiling   old"),
        ("a man’s “hat” – 5", "a man’s “hat” – 5"),
        ("", ""),
    ],
)
def test_near_words_are_read_as_known_ones(text, read):
    assert " ".join(read_prompt(text, KNOWN).text.split()) == " ".join(read.split())


def test_what_means_nothing_is_told_with_what_may_be_meant():
    read = read_prompt("a purpel robot with a hat 😀", KNOWN)
    assert read.unknown == {"😀": "", "purpel": "purple", "robot": ""} and not read.replaced
    assert read_prompt("xyz 😀 blonde", ()) == ("xyz 😀 blonde", {}, {})  # no list of words


def test_no_word_is_read_as_its_own_opposite():
    """A known word stays, and every meaning leads to a word other than itself."""
    for word, meanings in MEANINGS.items():
        assert near_word(word, meanings) == meanings[0] != word
        assert read_prompt(word, {word, *meanings}).text == word


def test_the_embedded_model_draws_the_same_face_of_near_words(capsys):
    pipeline = gantoolkit.load_pipeline("stylegan2-mask", steps=2)
    plain, caption = "a teenage girl with brunette hair 😀", "a young woman with brown hair "
    faces = pipeline([plain, caption], mask="woman-with-glasses", seed=1)
    assert torch.equal(faces[0].latent.ws, faces[1].latent.ws)
    said = capsys.readouterr().err
    assert "reads “teenage” as “young”, “girl” as “woman” and “brunette” as “brown”." in said
    assert "never saw “😀”" in said and not check_prompt(caption, pipeline.encoder)
    assert {"blond", "woman"} < set(pipeline.words)


def test_show_words_lists_them(capsys):
    assert main.main(["show", "words"]) == 0
    shown = capsys.readouterr().out
    known, _, near = shown.partition("read as one of these:")
    assert {"eyeglasses", "smiling", "goatee"} < set(known.split())
    assert ["girl", "woman"] in [line.split() for line in near.splitlines()]
