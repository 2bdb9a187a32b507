"""PatchDiscriminator: what a logit sees, what reaches it, and that it learns from few images."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gantoolkit.networks.patch_discriminator import PatchDiscriminator, patch_layers
from gantoolkit.tasks.gan.losses import discriminator_loss


def noise(count: int, size: int = 32, seed: int = 0) -> torch.Tensor:
    stream = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, size, size, generator=stream) * 2 - 1


@pytest.mark.parametrize("layers, pixels", [(2, 26), (3, 54)])
def test_a_patch_is_as_large_as_it_says(layers, pixels):
    torch.manual_seed(0)
    network = patch_layers(4, layers).double()
    images = torch.randn(1, 6, 96, 96, dtype=torch.float64, requires_grad=True)
    logits = network(images)[0, 0]
    middle = len(logits) // 2
    (gradient,) = torch.autograd.grad(logits[middle, middle], images)
    rows = gradient[0].abs().sum((0, 2)).nonzero()
    assert rows.max() - rows.min() + 1 == pixels


def test_logits_of_all_scales_and_a_plain_image_without_details():
    torch.manual_seed(0)
    network = PatchDiscriminator(32, channels=4, layers=2, scales=3)
    assert network(noise(2)).shape == (2, 8 * 8 + 4 * 4 + 2 * 2)
    seen = []
    for head in network.heads:
        head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network(torch.full((1, 3, 32, 32), 0.25))
    for inputs in seen:
        torch.testing.assert_close(inputs[:, :3], torch.full_like(inputs[:, :3], 0.25))
        torch.testing.assert_close(inputs[:, 3:], torch.zeros_like(inputs[:, 3:]))
    assert [inputs.shape[-1] for inputs in seen] == [32, 16, 8]


def test_it_soon_tells_sharp_images_from_smooth_ones():
    torch.manual_seed(0)
    network = PatchDiscriminator(32, channels=8, layers=2, scales=2)
    optimizer = torch.optim.Adam(network.parameters(), 5e-4, (0.0, 0.99))
    for iteration in range(30):
        base = F.interpolate(noise(8, 4, iteration), size=32, mode="bilinear")
        real = base + 0.1 * noise(8, 32, 1000 + iteration)
        loss = sum(discriminator_loss(network(real), network(base), "rpgan").values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.3  # it begins at ln 2
