"""Noise per sample, and guidance."""

import pytest
import torch

from gantoolkit.encoders import sampling


def test_noise_belongs_to_the_seed():
    both = sampling.seeded_noise(torch.tensor([3, 2**61]), (4, 2, 2))
    assert torch.equal(both[1:], sampling.seeded_noise(torch.tensor([2**61]), (4, 2, 2)))
    assert not torch.equal(both[0], both[1])


@pytest.mark.parametrize("scale,expected", [(3.0, (4.5, 13.5)), (1.0, (2.5, 5.5))])
def test_guidance_extrapolates_and_scale_one_is_conditional(scale, expected):
    empty_then_prompts = torch.tensor([[1.0], [1.0], [2.0], [5.0]])

    def predict(z, t):
        return z * empty_then_prompts[-len(z) :] + t / 100

    found = sampling.predict_guided(predict, torch.ones(2, 3), 50, scale)
    torch.testing.assert_close(found, torch.tensor([[value] * 3 for value in expected]))
