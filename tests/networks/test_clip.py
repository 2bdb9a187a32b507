"""CLIP from a folder: the same cosines as transformers' own forward pass."""

from __future__ import annotations

import json

import gantoolkit.core.compat  # noqa: F401

import pytest
import torch
from test_towers import CAPTIONS

from gantoolkit import networks  # noqa: F401
from gantoolkit.core.errors import WeightsError
from gantoolkit.networks.clip import CLIP
from gantoolkit.networks.tokenizer import train_tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("clip")
    tokenizer = train_tokenizer(CAPTIONS, 620, 24)
    text = dict(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=24,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.bos_token_id,
    )
    vision = dict(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
    )
    CLIPModel(
        CLIPConfig(text_config=text, vision_config=vision, projection_dim=12)
    ).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_cosines_are_transformers(folder):
    from transformers import CLIPModel

    network, model = (
        networks.load(str(folder)),
        CLIPModel.from_pretrained(folder, local_files_only=True),
    )
    assert type(network) is CLIP
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    batch = network.tokenizer(CAPTIONS, padding=True, return_tensors="pt")
    with torch.no_grad():
        theirs = (
            model(**batch, pixel_values=network.prepare(images)).logits_per_image
            / model.logit_scale.exp()
        )
        ours = network.embed_image(images) @ network.embed_text(CAPTIONS).T
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_pixels_are_normalised_as_published(folder):
    network = networks.load(str(folder))
    gray = network.prepare(torch.zeros(1, 3, 64, 64))
    expected = (0.5 - torch.tensor([0.48145466, 0.4578275, 0.40821073])) / torch.tensor(
        [0.26862954, 0.26130258, 0.27577711]
    )
    torch.testing.assert_close(
        gray, expected.view(1, 3, 1, 1).expand(1, 3, 32, 32), atol=1e-5, rtol=0
    )


def test_another_model_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(WeightsError, match="'bert', a CLIP model"):
        networks.load(str(tmp_path))
