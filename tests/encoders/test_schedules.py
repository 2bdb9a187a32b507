"""Noise schedules against diffusers' schedulers, and against their formulas bit for bit."""

import gantoolkit.core.compat  # noqa: F401

import pytest
import torch

from gantoolkit.core.errors import UsageError
from gantoolkit.encoders import sampling
from gantoolkit.encoders.schedules import Diffusion, Flow
from gantoolkit.tasks.diffusion.diffusion import ddim_scheduler


def scheduler_of(**options):
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    options = dict(clip_sample=False, set_alpha_to_one=False, steps_offset=1) | options
    return DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", **options
    )


def normals(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def even(steps):
    return torch.linspace(1, 1 / steps, steps)


# -- diffusion -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make,steps,ends", [(ddim_scheduler, 10, (999, 99)), (scheduler_of, 20, (951, 1))]
)
def test_ddim_equals_diffusers(make, steps, ends):
    scheduler = make()
    schedule = Diffusion(scheduler, steps)
    times = schedule.timesteps
    assert (times[0], times[-1], len(times)) == (*ends, steps)
    start = normals(2, 4, 3, 3)

    def epsilon(z, t):
        return torch.tanh(z * 0.7 + t / 1000)

    expected = start
    for t in scheduler.timesteps:
        expected = scheduler.step(epsilon(expected, int(t)), t, expected, eta=0.0).prev_sample
    found = sampling.denoise(schedule, times, start, epsilon)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_a_step_of_ddim_is_the_formula_bit_for_bit():
    """In double precision but for z and ε: every run and cache so far was made like this."""
    scheduler = scheduler_of()
    schedule = Diffusion(scheduler, 4)
    z, epsilon = normals(2, 4, 5, 5), normals(2, 4, 5, 5, seed=1)
    alphas = [float(scheduler.alphas_cumprod[t]) for t in schedule.timesteps]
    alphas_next = [*alphas[1:], float(scheduler.final_alpha_cumprod)]
    pairs = sampling.step_pairs(schedule.timesteps)
    for (t, t_next), alpha, alpha_next in zip(pairs, alphas, alphas_next, strict=True):
        clean = (z - (1 - alpha) ** 0.5 * epsilon) / alpha**0.5
        expected = alpha_next**0.5 * clean + (1 - alpha_next) ** 0.5 * epsilon
        assert torch.equal(schedule.step(epsilon, z, t, t_next), expected)


def test_noised_equals_diffusers_bit_for_bit():
    scheduler, t = ddim_scheduler(), torch.tensor([0, 99, 500, 999])
    clean, epsilon = normals(4, 4, 3, 3), normals(4, 4, 3, 3, seed=1)
    found = Diffusion(scheduler, 10).noised(clean, t, epsilon)
    assert torch.equal(found, scheduler.add_noise(clean, epsilon, t))


def test_exact_noise_leads_back_to_the_image():
    """With the true ε at every step, DDIM returns z_0 from any z_T."""
    schedule = Diffusion(ddim_scheduler(), 10)
    clean, noise = normals(1, 4, 3, 3), normals(1, 4, 3, 3, seed=1)
    start = schedule.noised(clean, torch.tensor([schedule.timesteps[0]]), noise)
    found = sampling.denoise(schedule, schedule.timesteps, start, lambda z, t: noise)
    torch.testing.assert_close(found, clean, atol=1e-3, rtol=1e-3)


def test_epsilon_of_v_is_the_inverse_of_diffusers_velocity():
    scheduler = scheduler_of(prediction_type="v_prediction")
    clean, epsilon = normals(4, 4, 3, 3), normals(4, 4, 3, 3, seed=1)
    t = torch.tensor([0, 99, 500, 999])
    noisy = scheduler.add_noise(clean, epsilon, t)
    velocity = scheduler.get_velocity(clean, epsilon, t)
    found = Diffusion(scheduler, 10).estimate(velocity, noisy, t)
    torch.testing.assert_close(found, epsilon, atol=1e-5, rtol=1e-4)


# -- flow ------------------------------------------------------------------------------------------


def test_flow_equals_diffusers_with_exact_sigmas():
    """Shift 3, as Stable Diffusion 3's: the labels are rounded, the steps are not."""
    from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
        FlowMatchEulerDiscreteScheduler,
    )

    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)

    def grid(steps):
        scheduler.set_timesteps(steps)
        return scheduler.sigmas[:-1]

    flow = Flow(grid, 10)
    assert flow.timesteps == (999, 960, 913, 858, 790, 707, 602, 465, 278, 9)
    assert torch.equal(flow.sigma(torch.tensor(flow.timesteps)), scheduler.sigmas[:-1])
    start = normals(2, 4, 3, 3)

    def velocity(z, sigma):
        return torch.tanh(z * 0.7 + sigma)

    expected = start
    for t, sigma in zip(scheduler.timesteps, scheduler.sigmas):
        expected = scheduler.step(velocity(expected, sigma), t, expected).prev_sample
    found = sampling.denoise(
        flow, flow.timesteps, start, lambda z, t: velocity(z, flow.sigma(torch.tensor(t)))
    )
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)


def test_the_true_velocity_leads_from_any_step_back_to_the_image():
    flow = Flow(even, 7)
    clean, noise = normals(3, 4, 3, 3), normals(3, 4, 3, 3, seed=1)
    for first in range(7):
        times = flow.timesteps[first:]
        z = flow.noised(clean, torch.full((3,), times[0]), noise)
        found = sampling.denoise(flow, times, z, lambda z, t: noise - clean)
        torch.testing.assert_close(found, clean, atol=1e-5, rtol=1e-5)
    assert torch.equal(flow.noised(clean, torch.tensor([999] * 3), noise), noise)


def test_each_row_has_its_own_amount_of_noise():
    flow = Flow(even, 4)
    clean, noise = torch.ones(3, 1, 1, 1), torch.zeros(3, 1, 1, 1)
    found = flow.noised(clean, torch.tensor([750, 250, 100]), noise)
    torch.testing.assert_close(found.flatten(), torch.tensor([0.25, 0.75, 0.9]))


def test_another_number_of_steps_is_another_schedule():
    flow, diffusion = Flow(even, 4), Diffusion(ddim_scheduler(), 4)
    assert flow.with_steps(2).timesteps == (999, 500) and flow.timesteps == (999, 750, 500, 250)
    assert diffusion.with_steps(2).timesteps == (999, 499)
    assert diffusion.timesteps == (999, 749, 499, 249)


@pytest.mark.parametrize("steps", [0, -1, 5000])
def test_numbers_of_steps_that_no_schedule_has_are_refused(steps):
    for make in (lambda: Diffusion(ddim_scheduler(), steps), lambda: Flow(even, steps)):
        with pytest.raises(UsageError, match=f"from 1 to 1000 denoising steps, not {steps}"):
            make()
    with pytest.raises(UsageError, match="900 steps are too many for this flow"):
        Flow(lambda steps: even(steps) ** 2, 900)
