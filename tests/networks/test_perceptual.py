"""The perceptual distance: metric-like, and equal to the `lpips` package on the same features."""

from __future__ import annotations

import pytest
import torch

from gantoolkit import weights
from gantoolkit.core.errors import DataError, WeightsError
from gantoolkit.networks.blocks import fit
from gantoolkit.networks.face_parser import FaceParser
from gantoolkit.networks.lpips import LPIPS
from gantoolkit.networks.perceptual import Perceptual, UnitDistance, unit_length


@pytest.fixture
def distance():
    torch.manual_seed(0)
    return Perceptual(FaceParser(32, (8, 12, 16)))


def images(n=3, size=32, seed=0):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_zero_symmetric_and_bounded(distance):
    a, b = images(seed=1), images(seed=2)
    torch.testing.assert_close(distance(a, a), torch.zeros(3))
    torch.testing.assert_close(distance(a, b), distance(b, a))
    assert (distance(a, b) > 0).all() and (distance(a, b) <= 4).all()


def test_grows_with_the_change(distance):
    a, noise = images(seed=1), torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    values = [distance((a + s * noise).clamp(-1, 1), a).mean().item() for s in (0.02, 0.1, 0.5)]
    assert values == sorted(values)


def test_the_gradient_of_a_level_is_that_of_its_definition():
    """Also where a map is zero, and its length is that of the constant under the root."""
    maps = torch.randn(2, 5, 4, 3)
    maps[0, :, 1, 1] = 0
    maps.requires_grad_()
    target = unit_length(torch.randn(2, 5, 4, 3))
    mine = UnitDistance.apply(maps, target)
    by_definition = Perceptual.between((unit_length(maps),), (target,))
    torch.testing.assert_close(mine, by_definition)
    cotangent = torch.randn(2)
    torch.testing.assert_close(
        torch.autograd.grad(mine, maps, cotangent),
        torch.autograd.grad(by_definition, maps, cotangent),
        rtol=1e-4,
        atol=1e-4,
    )


def test_gradient_reaches_the_image_and_nothing_else(distance):
    a = images(seed=1).requires_grad_()
    b = images(seed=2).requires_grad_()
    distance(a, b).sum().backward()
    assert a.grad.abs().sum() > 0 and b.grad is None
    assert all(p.grad is None for p in distance.parameters())
    distance.train()
    assert not distance.trunk.training


def test_agrees_with_lpips_given_its_features():
    """With the features of `lpips` and all its weights 1: theirs adds levels, ours averages."""
    reference = LPIPS("squeeze", "random")
    module = reference.module
    for lin in module.lins:
        lin.model[-1].weight.data.fill_(1.0)

    class Trunk(torch.nn.Module):
        def features(self, x):
            return tuple(module.net(module.scaling_layer(x)))

    a, b = images(2, 64, 4), images(2, 64, 5)
    ours = Perceptual(Trunk())(a, b) * len(module.lins)
    torch.testing.assert_close(ours, reference(a, b), atol=1e-5, rtol=1e-4)


def test_lpips_reads_a_trunk_and_refuses_a_wrong_one(tmp_path):
    import torchvision.models

    trunk = torchvision.models.squeezenet1_1(weights=None)
    file = weights.save(
        tmp_path / "squeeze.safetensors", trunk.state_dict(), {"type": "squeezenet1_1"}
    )
    loaded = LPIPS("squeeze", str(file))
    torch.testing.assert_close(loaded.module.net.slice1[0].weight, trunk.features[0].weight)
    x = images(1, 64, 6) / 2
    torch.testing.assert_close(loaded.module.net(x).relu1, trunk.features[:2](x))
    with pytest.raises(WeightsError, match="lacks the trunk's"):
        LPIPS("alex", str(file))
    loaded(images(1, 64) * 2.5, images(1, 64))  # generators are not clamped
    for target in (images(1, 64) * 100, images(1, 64) * torch.nan, torch.zeros(1, 4, 64, 64)):
        with pytest.raises(DataError, match="−1..1"):
            LPIPS("squeeze", str(file))(images(1, 64), target)


def test_unit_length_and_fit():
    x = torch.randn(2, 5, 4, 4)
    torch.testing.assert_close(unit_length(x).norm(dim=1), torch.ones(2, 4, 4))
    ramp = torch.arange(16.0).view(1, 1, 4, 4)
    torch.testing.assert_close(fit(ramp, 2), torch.tensor([[[[2.5, 4.5], [10.5, 12.5]]]]))
    assert fit(ramp, 3).shape[-1] == 3 and fit(ramp, 4) is ramp
