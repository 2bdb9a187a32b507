"""Unite and Conquer and Collaborative Diffusion against trajectories written out by hand."""

import json

import pytest
import tiny
import torch
from gantoolkit_baselines.influence import DynamicDiffusers
from gantoolkit_baselines.unimodal import UniModal

from gantoolkit.bench import systems
from gantoolkit.encoders.controlnet import ControlNetEncoder
from gantoolkit.training.runner import run


@pytest.fixture(scope="module")
def condition():
    return tiny.condition()


def alone(models, condition, text=True, mask=True):
    """x_0 of the usual encoder, without guidance, for the prompt or the mask or neither."""
    scale = 1.0 if mask else 0.0
    encoder = ControlNetEncoder(*models, steps=3, guidance=1.0, conditioning_scale=scale)
    needs = ("text", "mask") if text else ("mask",)
    return encoder.trajectory(systems.restrict_condition(condition, needs))[1]


@pytest.mark.parametrize(
    "weights, text, mask",
    [((0.0, 1.0), True, False), ((1.0, 0.0), False, True), ((0.0, 0.0), False, False)],
)
def test_with_one_reliability_only_that_model_is_left(models, condition, weights, text, mask):
    spec = dict(
        type="UniteAndConquer",
        weights=models[0],
        controlnet=models[1],
        steps=3,
        mask_weight=weights[0],
        text_weight=weights[1],
    )
    system = systems.build(spec)
    assert system.needs == ("text", "mask") and system.model == "diffusion"
    torch.testing.assert_close(
        system.solve(condition).image, alone(models, condition, text, mask), atol=1e-4, rtol=0
    )


def test_unite_and_conquer_is_the_sum_of_the_differences(models, condition):
    """One step by hand: the published form Σ w_i ε_i − (Σ w_i − 1) ε_∅."""
    system = systems.build(
        dict(
            type="UniteAndConquer",
            weights=models[0],
            controlnet=models[1],
            mask_weight=1.3,
            text_weight=0.7,
        )
    )
    latents = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([500, 500, 500])
    given = system.models.encode_condition(condition)
    found = system.models.estimate(latents, t, given)
    expected = 1.3 * found.mask + 0.7 * found.text - (1.3 + 0.7 - 1) * found.empty
    torch.testing.assert_close(
        system.combine(latents, t, found, given), expected, atol=1e-5, rtol=1e-4
    )
    # the last prompt is empty
    torch.testing.assert_close(found.text[2], found.empty[2], atol=1e-5, rtol=0)
    assert (found.text[0] - found.empty[0]).abs().max() > 1e-3 and (
        found.mask - found.empty
    ).abs().max() > 1e-3


def test_influences_sum_to_one_and_start_even():
    torch.manual_seed(0)
    influences = DynamicDiffusers(4, 19, 16, 16)
    latents, words, picture = (
        torch.randn(2, 4, 8, 8),
        torch.randn(2, 24, 16),
        torch.rand(2, 19, 32, 32),
    )
    t = torch.tensor([10, 900])
    assert torch.equal(influences(latents, t, words, picture), torch.full((2, 2, 8, 8), 0.5))
    tiny.spread(influences)
    found = influences(latents, t, words, picture)
    torch.testing.assert_close(found.sum(1), torch.ones(2, 8, 8))
    for other in (
        (latents, t + 50, words, picture),
        (latents, t, words.flip(0), picture),
        (latents, t, words, picture.flip(0)),
        (latents.flip(0), t, words, picture),
    ):
        assert (influences(*other) - found).abs().max() > 1e-4


def test_collaborative_trains_exports_and_draws(models, condition, tiny_zip, tmp_path):
    config = dict(
        task="collaborative",
        data=str(tiny_zip),
        held_out=4,
        diffusion=models[0],
        controlnet=models[1],
        width=16,
        device="cpu",
        report=False,
        schedule=dict(iterations=3, batch=4, log_every=1),
    )
    run(config, tmp_path / "run")
    scores = json.loads((tmp_path / "run" / "record.json").read_text())["scores"]["run"]
    assert "gain over equal influence" in scores
    system = systems.build(
        dict(type="CollaborativeDiffusion", diffusers=str(tmp_path / "run"), steps=2, guidance=1.0)
    )
    found = system.solve(condition).image
    assert found.shape == (3, 3, 32, 32) and len(system.weights()) == 3
    heads = system.influences.text.head, system.influences.mask.head
    for head in heads:
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)
    torch.nn.init.constant_(heads[0].bias, -50.0)  # only the mask model is believed
    encoder = ControlNetEncoder(*models, steps=2, guidance=1.0)
    expected = encoder.trajectory(systems.restrict_condition(condition, ("mask",)))[1]
    torch.testing.assert_close(system.solve(condition).image, expected, atol=1e-4, rtol=0)


def test_the_models_are_frozen(models):
    assert not any(p.requires_grad for p in UniModal(*models).parameters())
