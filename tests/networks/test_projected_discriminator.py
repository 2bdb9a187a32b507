"""ProjectedDiscriminator: what is fixed stays so, what it reads is what it says, and it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gantoolkit.core.errors import UsageError
from gantoolkit.networks.face_parser import FaceParser
from gantoolkit.networks.projected_discriminator import ProjectedDiscriminator, patch_head
from gantoolkit.registry import registry


def trunk(seed: int = 0) -> FaceParser:
    torch.manual_seed(seed)
    return FaceParser(resolution=32, widths=(8, 12, 16))


def discriminator(**options) -> ProjectedDiscriminator:
    network = trunk()
    torch.manual_seed(1)
    return ProjectedDiscriminator(32, network, **{"channels": 8, "patches": 4, **options})


def images(count: int, seed: int = 0, size: int = 32) -> torch.Tensor:
    stream = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, size, size, generator=stream) * 2 - 1


def test_logits_of_every_level_and_of_the_pixels():
    assert discriminator()(images(2)).shape == (2, 4 * 16)
    assert discriminator(pixels=False)(images(2)).shape == (2, 3 * 16)
    assert discriminator(patches=8)(images(2)).shape == (2, 4 * 64)
    # the map of 8 pixels is not enlarged
    assert discriminator(patches=16)(images(2)).shape == (2, 3 * 256 + 64)


def test_images_of_other_sizes_than_the_trunks():
    network = ProjectedDiscriminator(64, trunk(), channels=8, patches=4)
    assert network(images(1, size=64)).shape == (1, 64)


def test_mixing_is_a_fixed_product_and_seeded():
    network = discriminator().eval()
    mixed = network.features(images(2))
    for level, features in enumerate(trunk().eval().features(images(2))):
        weight = getattr(network, f"mixing{level}")[:, :, 0, 0]
        torch.testing.assert_close(mixed[level], torch.einsum("oc,bchw->bohw", weight, features))
    assert torch.equal(mixed[-1], images(2))  # the pixels
    assert torch.equal(network.mixing0, discriminator().mixing0)
    assert not torch.equal(network.mixing0, discriminator(seed=5).mixing0)
    assert {"mixing0", "mixing1", "mixing2"} <= network.state_dict().keys()
    spread = torch.cat(
        [getattr(network, f"mixing{i}").flatten() * w**0.5 for i, w in enumerate((8, 12, 16))]
    ).std()
    assert spread.item() == pytest.approx(1, abs=0.15)


def test_only_heads_learn_and_the_trunk_stays_in_eval_mode():
    network = discriminator().train()
    trained = {name for name, p in network.named_parameters() if p.requires_grad}
    assert trained and all(name.startswith("heads.") for name in trained)
    before = {key: value.clone() for key, value in network.trunk.state_dict().items()}
    x = images(2).requires_grad_()
    network(x).sum().backward()
    assert not network.trunk.training and network.heads.training
    assert x.grad.abs().sum() > 0
    for key, value in network.trunk.state_dict().items():
        assert torch.equal(before[key], value), key


def test_weights_have_the_spectral_norm_one():
    head = patch_head(6, 8, 16, 4).train()
    with torch.no_grad():
        for _ in range(60):
            head(torch.randn(1, 6, 16, 16))  # every pass is a step of the power iteration
    for layer in head:
        if isinstance(layer, nn.Conv2d):
            matrix = layer.weight.detach().flatten(1).numpy()
            assert np.linalg.norm(matrix, 2) == pytest.approx(1, abs=0.02)


def test_it_learns_to_tell_blurred_pictures():
    network = discriminator()
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, 2e-3, (0.0, 0.99))
    for step in range(40):
        real = images(8, step)
        fake = F.avg_pool2d(images(8, 100 + step), 3, 1, 1)
        loss = F.relu(1 - network(real)).mean() + F.relu(1 + network(fake)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        real, fake = network(images(8, 999)), network(F.avg_pool2d(images(8, 998), 3, 1, 1))
    assert (real.mean(1) > 0).all() and (fake.mean(1) < 0).all()


def test_networks_that_give_no_maps_are_refused():
    class Vector(nn.Module):
        def features(self, images):
            return images.flatten(1)

    with pytest.raises(UsageError, match="'Vector' .* gives no maps"):
        ProjectedDiscriminator(32, Vector())
    with pytest.raises(UsageError, match="'Linear' .* has no features"):
        ProjectedDiscriminator(32, nn.Linear(2, 2))


def test_the_zoos_parser_by_name():
    arch = {"type": "ProjectedDiscriminator", "resolution": 64, "network": "parser"}
    network = registry.build("network", arch)
    assert network.network_name == "parser" and network.c_dim == 0
    assert network(images(1, size=64)).shape == (1, 5 * 64)
