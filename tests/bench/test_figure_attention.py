"""`figure attention`: every map against the test's own softmax, and which words are shown."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import mini
import numpy as np
import pytest
import tiny
import torch
from cells import cell, rows_of

from gantoolkit.bench.figures import attention, scene
from gantoolkit.bridges.absm import AbSM
from gantoolkit.bridges.attention import word_attention
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.encoders.controlnet import ControlNetEncoder
from gantoolkit.generators import load_generator
from gantoolkit.inference import attention as words
from gantoolkit.pipeline import Pipeline
from gantoolkit.report import pictures


@pytest.fixture(scope="module")
def model():
    return tiny.parts()


@pytest.fixture(scope="module")
def thinking(model, tiny_zip):
    """A scene on a real, tiny diffusion model with captions of its own."""
    encoder = ControlNetEncoder(model, steps=5, guidance=3.0)
    generator = load_generator(_generator(tiny_zip.parent))
    bridge = AbSM(encoder.shapes, generator.num_ws, generator.w_dim, generator.mean_w, width=8)
    data = FaceZip(tiny_zip)
    data.captions = [["A man with black hair, a hat"], ["blond hair"], [""]]
    pipeline = Pipeline(encoder, bridge, generator)
    return scene.Scene(
        (scene.Run("runs/thinking", pipeline, dict(condition="mask")),), data, (0, 1)
    )


def _generator(folder: Path) -> str:
    mini.write_networks(folder)
    return str(folder / "generator.safetensors")


def cross_attention_layers(block) -> list[torch.nn.Module]:
    return [layer.attn2 for each in block.attentions for layer in each.transformer_blocks]


def by_hand(model, encoder, condition, step: int) -> list[torch.Tensor]:
    """Probabilities [T,h,w] of one sample at a step, per up block: softmax of q·k, max over
    heads and layers."""
    blocks = [b for b in model.unet.up_blocks if getattr(b, "has_cross_attention", False)]
    seen, hooks = {}, []
    for n, block in enumerate(blocks):
        for k, layer in enumerate(cross_attention_layers(block)):
            for part in ("to_q", "to_k"):

                def keep(m, a, out, key=(n, k, part)):
                    seen.setdefault(key, []).append(out)

                hooks.append(getattr(layer, part).register_forward_hook(keep))
    list(encoder.trace(condition, x0=False))
    for hook in hooks:
        hook.remove()
    found = []
    for n, block in enumerate(blocks):
        layers = []
        for k, layer in enumerate(cross_attention_layers(block)):
            # the half with the prompt; its keys are the same at every step
            q, key = seen[n, k, "to_q"][step][-1], seen[n, k, "to_k"][0][-1]
            q, key = (v.view(len(v), layer.heads, -1).transpose(0, 1) for v in (q, key))
            layers.append(torch.softmax(q @ key.transpose(1, 2) / q.shape[-1] ** 0.5, -1))
            torch.testing.assert_close(layers[-1].sum(-1), torch.ones(layers[-1].shape[:2]))
        most = torch.stack(layers).amax((0, 1)).T  # [T,hw]
        side = int(most.shape[1] ** 0.5)
        found.append(most.view(-1, side, side))
    return found


def test_maps_of_a_sheet_are_the_means_of_the_tests_own_softmax(model, thinking):
    picture, facts = attention.render(thinking, SimpleNamespace(words=[]))
    assert facts["words"][0] == ["hair", "hat"] and facts["words"][1] == [
        "hair"
    ]  # "man" is the whole person
    condition = thinking.sample([0]).condition
    ids = model.tokenizer(condition.text[0].lower()).input_ids[1:-1]
    spelled = [model.tokenizer(word).input_ids[1:-1] for word in ("hair", "hat")]
    places = [
        [
            1 + i + j
            for i in range(len(ids))
            if ids[i : i + len(word)] == word
            for j in range(len(word))
        ]
        for word in spelled
    ]
    places.append(list(range(1, len(ids) + 1)))  # all words
    moments = next(iter(attention._samples(thinking)))[2]
    layout = attention.layout(condition, moments, dict(hair=places[0], hat=places[1]), 5)
    assert layout.columns == ["$G(w_t)$", *["hair", "hat", "all words"] * 2]
    assert [row.label for row in layout.rows] == [
        (f"t = {thinking.timesteps[i]}", f"step {i + 1} of 5") for i in (0, 2, 4)
    ]
    top = rows_of(layout.render(), layout.x(0), layout.side)
    for row, step in enumerate((0, 2, 4)):
        expected = by_hand(model, thinking.pipeline.encoder, condition, step)
        image = moments[row][1]
        for n, probabilities in enumerate(expected):
            for k, where in enumerate(places):
                mean = probabilities[where].mean(0)
                torch.testing.assert_close(
                    attention.block_map(moments[row][0], n, where), mean, atol=1e-5, rtol=1e-4
                )
                shown = cell(picture, top[row], layout.x(1 + 3 * n + k), layout.side)
                assert np.abs(shown.astype(int) - pictures.heat_picture(image, mean)).max() <= 3


def test_maps_of_words_add_up_to_that_of_the_prompt(thinking):
    features = next(iter(attention._samples(thinking)))[2][0][0]
    spelled = words.prompt_words(thinking.pipeline.encoder, thinking.data.captions[0][0], features)
    assert [word for word, _ in spelled] == ["a", "man", "with", "black", "hair", ",", "a", "hat"]
    whole = features.words[0].nonzero().flatten().tolist()
    assert sorted(place for _, where in spelled for place in where) == whole
    bar = word_attention(features)[0, 0]
    mean = []
    for n in range(len(features.attn_prob)):
        parts = sum(len(where) * attention.block_map(features, n, where) for _, where in spelled)
        everything = attention.block_map(features, n, whole)
        torch.testing.assert_close(parts / len(whole), everything)
        mean.append(
            torch.nn.functional.interpolate(everything[None, None], bar.shape, mode="bilinear")[
                0, 0
            ]
        )
    torch.testing.assert_close(torch.stack(mean).mean(0), bar)  # Ā of the method


def test_nouns_are_the_last_words_of_phrases():
    def nouns(text):
        return words.head_nouns(text.replace(",", " ,").replace(".", " .").lower().split())

    assert nouns("This man has short straight black hair, a mustache, and bushy eyebrows.") == [
        "hair",
        "mustache",
        "eyebrows",
    ]
    assert nouns("She is smiling.") == ["smiling"] and nouns("") == []
    assert nouns("blond hair and a red hat") == ["hair", "hat"]


def test_named_words_stand_in_the_order_they_are_named(thinking):
    _, _, moments = next(iter(attention._samples(thinking)))
    text = thinking.data.captions[0][0]
    named = attention.choose_words(
        thinking.pipeline.encoder, text, moments, ["Hat", "black"], "sample 0"
    )
    assert list(named) == ["hat", "black"]
    twice = attention.choose_words(thinking.pipeline.encoder, text, moments, ["a"], "sample 0")["a"]
    assert len(twice) == 2  # both occurrences
    said = (
        f"'beard' is not in the prompt of sample 0, “{text}”; "
        "its words: a, man, with, black, hair, hat"
    )
    with pytest.raises(scene.UsageError, match=said):
        attention.choose_words(
            thinking.pipeline.encoder, text, moments, ["hair", "beard"], "sample 0"
        )
    with pytest.raises(
        scene.UsageError, match="prompt of sample 2 is empty; choose another with --pick"
    ):
        attention.render(scene.Scene(thinking.runs, thinking.data, (2,)), SimpleNamespace(words=[]))


# -- refusals ------------------------------------------------------------------------------------
