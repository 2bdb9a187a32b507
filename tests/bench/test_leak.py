"""Rows that begin with the noised photo: equal to the encoder's own trace of it, not ranked."""

from __future__ import annotations

import pytest
import torch

from gantoolkit.bench import pairs, systems, tables
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Record

STEPS, T = 2, 499  # the second of two steps
SPEC = dict(type="DiffusedFromPhoto", weights="diffusion", steps=STEPS)


@pytest.fixture(scope="module")
def sample():
    return pairs.open_pairs("val", 2).sample(torch.arange(2), "mask")


def test_the_diffusion_model_denoises_the_noised_photo(sample, tmp_path):
    spec = dict(SPEC, controlnet="controlnet-mask", noised_at=T)
    system = systems.build(spec)
    condition, photo = sample.condition, sample.target.image_gt
    *_, last = system.encoder.trace(condition, source="gt_noised", image=photo)
    assert int(last.t[0]) == T
    for image in (system.solve(condition, photo), system.solve_shared(condition, photo, tmp_path)):
        torch.testing.assert_close(image.image, last.x0, atol=1e-4, rtol=0)
    assert not list(tmp_path.iterdir())  # no denoising run that other rows would read


def test_ours_makes_its_codes_of_the_noised_photo(sample, tmp_path):
    system = systems.build(
        dict(type="OursFromPhoto", run="stylegan2-mask", steps=STEPS, noised_at=T)
    )
    condition, photo = sample.condition, sample.target.image_gt
    encoder, bridge = system.pipeline.encoder, system.pipeline.bridge
    with torch.no_grad():
        z_t = encoder.noised(photo, T, condition)
        expected = bridge(encoder.features(z_t, T, condition)).ws
    from_noise = system.pipeline.latent(condition, T).ws
    for latent in (system.solve(condition, photo), system.solve_shared(condition, photo, tmp_path)):
        torch.testing.assert_close(latent.ws, expected, atol=5e-3, rtol=0)  # bf16
    assert (from_noise - expected).abs().max() > 5e-2


def test_such_a_row_says_so_and_stands_outside_the_ranking():
    system = systems.build(dict(SPEC, noised_at=T))
    assert system.latent_source == "the photo, noised to t = 499"
    record = Record("leak/x", dict(needs=list(system.needs)), [], {}, 0)
    assert tables.ranking_group(record) is None
    with pytest.raises(UsageError, match="noised_at=500 is not a step .*; steps: 999, 499"):
        systems.build(dict(SPEC, noised_at=500))
