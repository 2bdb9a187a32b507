"""The contract of encoders: text and a visual condition → Features at denoising steps."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from gantoolkit.contracts.contract import Contract
from gantoolkit.core.types import Condition

CONDITIONS = ("mask", "scribble", "both", "none")
MEMBERS = ("latent_shape", "resolution", "device", "condition")
TEXTS = ("a face", "")


def condition(resolution: int) -> Condition:
    """Two prompts with random masks and scribbles."""
    torch.manual_seed(0)
    labels = torch.randint(19, (len(TEXTS), resolution, resolution))
    mask = F.one_hot(labels, 19).permute(0, 3, 1, 2).float()
    scribble = (torch.rand(len(TEXTS), 1, resolution, resolution) > 0.9).float()
    return Condition(TEXTS, mask, scribble, seed=torch.tensor([1, 2]))


@torch.no_grad()
def check(contract: Contract, encoder, arch: dict) -> None:
    """Test a frozen encoder."""
    encoder = encoder.eval()
    _check_facts(contract, encoder)
    given = condition(encoder.resolution)
    steps = len(encoder.timesteps)

    with contract.calling("trajectory(condition)"):
        latents, x0 = encoder.trajectory(given)
    side = encoder.resolution
    contract.require_shape("z_t of trajectory", latents, len(given), steps, *encoder.latent_shape)
    contract.require_shape("I^d_0 of trajectory", x0, len(given), 3, side, side)
    with contract.calling("trajectory(condition[1])"):
        alone, _ = encoder.trajectory(given[1])
    contract.require_equal(
        "a trajectory depends on the others of its batch",
        "draw noise by the seed of each sample (condition.seed)",
        alone,
        latents[1:],
    )
    _check_features(contract, encoder, given, latents)


def _check_facts(contract: Contract, encoder) -> None:
    for name in MEMBERS:
        contract.require(
            hasattr(encoder, name), f"it lacks '{name}'", "see gantoolkit/encoders/__init__.py"
        )
    shown = encoder.condition
    contract.require(shown in CONDITIONS, f"condition is {shown!r}", f"choose of {CONDITIONS}")
    times = [int(t) for t in encoder.timesteps]
    falls = times == sorted(times, reverse=True) and all(0 <= t <= 999 for t in times)
    contract.require(falls and bool(times), f"timesteps are {times}", "let them fall in 999..0")


def _check_features(contract: Contract, encoder, given: Condition, latents: torch.Tensor) -> None:
    with contract.calling("trace(condition)"):
        trace = list(encoder.trace(given))
    steps = len(encoder.timesteps)
    contract.require(
        len(trace) == steps, f"trace yields {len(trace)} steps", f"yield one of {steps} timesteps"
    )
    first, last = trace[0], trace[-1]
    contract.require_shape("h", first.h, len(given), *encoder.shapes.h)
    contract.require(
        [tuple(f.shape[1:]) for f in first.f] == [tuple(shape) for shape in encoder.shapes.f],
        f"f has shapes {[list(f.shape) for f in first.f]}",
        f"make them those of shapes.f, {[list(shape) for shape in encoder.shapes.f]}",
    )
    has_image = last.x0 is not None or not getattr(encoder, "generates", True)
    contract.require(has_image, "the last step has no x0", "give I^d_0, or say generates = False")
    with contract.calling("features(latents, t, condition)"):
        t = torch.full((len(given),), int(encoder.timesteps[0]))
        again = encoder.features(latents[:, 0], t, given)
    contract.require_equal(
        "features(z_t, t, condition) differ from those of trace",
        "compute both by the same forward pass, without guidance",
        again.h,
        first.h,
    )
