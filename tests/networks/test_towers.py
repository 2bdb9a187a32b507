"""The tokenizer and the towers: read back by transformers only, padding without influence."""

from __future__ import annotations

import gantoolkit.core.compat  # noqa: F401

import pytest
import torch

from gantoolkit import networks  # noqa: F401
from gantoolkit.core.errors import WeightsError
from gantoolkit.networks.tokenizer import byte_characters, learn_merges, list_words, train_tokenizer
from gantoolkit.networks.towers import ImageTower, Towers, text_model

CAPTIONS = [
    "She has long wavy brown hair and wears lipstick.",
    "This man is bald and has a grey beard.",
    "He's young, has blue eyes and eyeglasses.",
    "A woman with a hat, earrings and a necklace.",
]


@pytest.fixture(scope="module")
def towers():
    torch.manual_seed(0)
    tokenizer = train_tokenizer(CAPTIONS, 620, 24)
    return Towers(
        text_model(tokenizer, 16, 1, 2), tokenizer, ImageTower(32, (8, 8), 12), list_words(CAPTIONS)
    ).eval()


def test_bytes_are_those_of_the_reference():
    pre_tokenizers = pytest.importorskip("tokenizers.pre_tokenizers")
    assert sorted(byte_characters()) == sorted(pre_tokenizers.ByteLevel.alphabet())
    assert len(set(byte_characters())) == 256


def test_merges_follow_the_definition():
    # Sennrich et al. 2016: low ×5, lower ×2, newest ×6, widest ×3 begin with e+s (9), es+t, l+o (7)
    captions = 5 * ["low"] + 2 * ["lower"] + 6 * ["newest"] + 3 * ["widest"]
    assert learn_merges(captions, 3) == [("e", "s"), ("es", "t</w>"), ("l", "o")]


def test_merges_do_not_depend_on_the_order_of_captions():
    assert learn_merges(CAPTIONS, 40) == learn_merges(CAPTIONS[::-1], 40)


def test_tokenizer_round_trip(towers):
    tokenizer = towers.tokenizer
    assert len(tokenizer) <= 620
    ids = tokenizer(CAPTIONS[0]).input_ids
    assert ids[0] == tokenizer.bos_token_id and ids[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(ids, skip_special_tokens=True) == CAPTIONS[0].lower().replace(".", " .")
    strange = tokenizer("Zürich ¿ø? 東京").input_ids[1:-1]
    assert tokenizer.eos_token_id not in strange  # every byte is a token, nothing is unknown
    assert tokenizer("").input_ids == [tokenizer.bos_token_id, tokenizer.eos_token_id]
    assert "necklace" in towers.words and "she" in towers.words


@torch.no_grad()
def test_padding_does_not_matter(towers):
    short, long = (
        towers.embed_text(CAPTIONS[:1]),
        towers.embed_tokens(towers.tokenize(CAPTIONS[:1], pad_to=24)),
    )
    torch.testing.assert_close(short, long)
    together = towers.embed_text(CAPTIONS)
    torch.testing.assert_close(together[:1], short)
    assert (together[0] - together[1]).abs().max() > 1e-3
    torch.testing.assert_close(together.norm(dim=1), torch.ones(4))


@torch.no_grad()
def test_folders_are_read_by_transformers_and_by_us(towers, tmp_path):
    from transformers import CLIPTextModel, CLIPTokenizer

    towers.save(tmp_path)
    tokenizer = CLIPTokenizer.from_pretrained(tmp_path / "tokenizer", local_files_only=True)
    model = CLIPTextModel.from_pretrained(
        tmp_path / "text_encoder", local_files_only=True, dtype=torch.float32
    )
    text = ["A bald man with Zürich glasses", ""]
    batch = tokenizer(text, padding=True, truncation=True, return_tensors="pt")
    assert (
        batch.input_ids.tolist() == towers.tokenize(text).tolist()
        and tokenizer.model_max_length == 24
    )
    torch.testing.assert_close(
        model(input_ids=batch.input_ids).pooler_output,
        towers.text(input_ids=towers.tokenize(text)).pooler_output,
        atol=2e-2,
        rtol=0,
    )
    again = networks.load(str(tmp_path))
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    torch.testing.assert_close(again.embed_text(text), towers.embed_text(text), atol=5e-3, rtol=0)
    torch.testing.assert_close(again.embed_image(x), towers.embed_image(x), atol=5e-3, rtol=0)
    assert again.words == towers.words
    old = CLIPTokenizer(
        vocab=str(tmp_path / "tokenizer" / "vocab.json"),
        merges=str(tmp_path / "tokenizer" / "merges.txt"),
    )
    assert old(text[0]).input_ids == tokenizer(text[0]).input_ids


def test_folder_without_towers_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="towers.safetensors"):
        networks.load(str(tmp_path))
