"""DDIM against diffusers' scheduler; noise per sample; guidance."""

import gantoolkit.core.compat  # noqa: F401

import pytest
import torch

from gantoolkit.core.errors import UsageError
from gantoolkit.encoders import sampling
from gantoolkit.tasks.diffusion.diffusion import ddim_scheduler


def sd15_schedule():
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="leading",
    )


@pytest.mark.parametrize(
    "schedule,steps,ends", [(ddim_scheduler, 10, (999, 99)), (sd15_schedule, 20, (951, 1))]
)
def test_ddim_equals_diffusers(schedule, steps, ends):
    scheduler = schedule()
    times = sampling.timestep_grid(scheduler, steps)
    assert (times[0], times[-1], len(times)) == (*ends, steps)
    start = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(0))

    def epsilon(z, t):
        return torch.tanh(z * 0.7 + t / 1000)

    expected = start
    for t in scheduler.timesteps:
        expected = scheduler.step(epsilon(expected, int(t)), t, expected, eta=0.0).prev_sample
    torch.testing.assert_close(
        sampling.ddim_loop(scheduler, times, start, epsilon), expected, atol=1e-5, rtol=1e-4
    )


def test_q_sample_equals_diffusers():
    scheduler, g = ddim_scheduler(), torch.Generator().manual_seed(0)
    clean, epsilon = torch.randn(4, 4, 3, 3, generator=g), torch.randn(4, 4, 3, 3, generator=g)
    t = torch.tensor([0, 99, 500, 999])
    torch.testing.assert_close(
        sampling.q_sample(scheduler, clean, t, epsilon), scheduler.add_noise(clean, epsilon, t)
    )


def test_exact_noise_leads_back_to_the_image():
    """With the true ε at every step, DDIM returns z_0 from any z_T."""
    scheduler, g = ddim_scheduler(), torch.Generator().manual_seed(0)
    clean, noise = torch.randn(1, 4, 3, 3, generator=g), torch.randn(1, 4, 3, 3, generator=g)
    times = sampling.timestep_grid(scheduler, 10)
    start = sampling.q_sample(scheduler, clean, torch.tensor([times[0]]), noise)
    found = sampling.ddim_loop(scheduler, times, start, lambda z, t: noise)
    torch.testing.assert_close(found, clean, atol=1e-3, rtol=1e-3)


def test_noise_belongs_to_the_seed():
    both = sampling.seeded_noise(torch.tensor([3, 2**61]), (4, 2, 2))
    assert torch.equal(both[1:], sampling.seeded_noise(torch.tensor([2**61]), (4, 2, 2)))
    assert not torch.equal(both[0], both[1])


def test_guidance_extrapolates_and_scale_one_is_conditional():
    def forward(z, t, e):
        return z * e + t.view(-1, 1) / 100

    z, both = torch.ones(2, 3), torch.tensor([[1.0], [1.0], [2.0], [5.0]])
    torch.testing.assert_close(
        sampling.predict_guided(forward, z, 50, both, 3.0), torch.tensor([[4.5] * 3, [13.5] * 3])
    )
    torch.testing.assert_close(
        sampling.predict_guided(forward, z, 50, both, 1.0), torch.tensor([[2.5] * 3, [5.5] * 3])
    )


@pytest.mark.parametrize("steps", [0, -1, 5000])
def test_numbers_of_steps_that_no_schedule_has_are_refused(steps):
    with pytest.raises(UsageError, match=f"from 1 to 1000 denoising steps, not {steps}"):
        sampling.timestep_grid(ddim_scheduler(), steps)
