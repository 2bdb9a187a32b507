"""Folded batch norms: the same outputs as the layers one by one."""

from __future__ import annotations

import torch
from torch import nn

from gantoolkit.networks.arcface import ArcFace
from gantoolkit.networks.face_parser import FaceParser
from gantoolkit.networks.fold import fold_batch_norms


def stirred(network: nn.Module) -> nn.Module:
    """Give batch norms statistics that are not those of a new network."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return network.eval()


def count(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def test_folded_networks_compute_the_same():
    images = torch.rand(2, 3, 16, 16) * 2 - 1
    parser = stirred(FaceParser(16, (4, 6, 8)))
    expected = parser.features(images)
    for map, same in zip(fold_batch_norms(parser).features(images), expected, strict=True):
        torch.testing.assert_close(map, same, atol=1e-5, rtol=1e-4)
    assert all(isinstance(module[1], nn.Identity) for module in (parser.stem, parser.head[0]))

    face = stirred(ArcFace(16, ((8, 1), (12, 1)), embedding=4))
    norms, expected = count(face), face.embed(images)
    torch.testing.assert_close(fold_batch_norms(face).embed(images), expected, atol=1e-5, rtol=1e-4)
    assert 0 < count(face) < norms, "those before a convolution stay"
