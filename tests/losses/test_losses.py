from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from gantoolkit.core.errors import UsageError
from gantoolkit.losses.identity import Identity
from gantoolkit.losses.latent import LatentNorm
from gantoolkit.losses.perceptual import LPIPS, Perceptual
from gantoolkit.losses.pixel import L2
from gantoolkit.networks.arcface import EG3D_CROP, PSP_CROP, ArcFace


class Trunk(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3)

    def features(self, images):
        first = self.conv(images).relu()
        return first, first[:, :, ::2, ::2] + 0.1

    def embed(self, images):
        return nn.functional.normalize(self.features(images)[0].mean((2, 3)), dim=1)


@pytest.fixture
def zoo(monkeypatch):
    torch.manual_seed(0)
    trunk = Trunk().eval().requires_grad_(False)
    monkeypatch.setattr("gantoolkit.networks.load", lambda name, device="cpu": trunk)
    return trunk


def images(seed):
    return torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_l2_is_the_mean_square():
    a, b = images(0), images(1)
    assert L2()(a, b).item() == pytest.approx(
        float(np.mean((a.numpy() - b.numpy()) ** 2)), rel=1e-6
    )


def test_perceptual_by_hand(zoo):
    loss, a, b = Perceptual("any"), images(0), images(1)
    expected = []
    for p, q in zip(zoo.features(a), zoo.features(b)):
        p, q = p.numpy().astype(float), q.numpy().astype(float)
        p, q = (m / np.sqrt((m**2).sum(1, keepdims=True) + 1e-8) for m in (p, q))
        expected.append(((p - q) ** 2).sum(1).mean((1, 2)))
    assert loss(a, loss.prepare(b)).item() == pytest.approx(float(np.mean(expected)), rel=1e-4)
    assert loss(a, loss.prepare(a)).item() == 0


def test_identity_is_one_minus_cosine(zoo):
    loss, a, b = Identity("any"), images(0), images(1).requires_grad_()
    cosine = (zoo.embed(a) * zoo.embed(b)).sum(1).mean()
    value = loss(b, loss.prepare(a))
    assert value.item() == pytest.approx(1 - cosine.item(), abs=1e-6)
    value.backward()
    assert b.grad.abs().sum() > 0 and zoo.conv.weight.grad is None
    assert loss.prepare(a).requires_grad is False


def test_identity_sees_the_crop_that_it_is_given(monkeypatch):
    """EG3D's square is shown in place of pSp's: equal to a network whose file names it."""
    torch.manual_seed(0)
    made = [ArcFace(16, ((4, 1), (4, 1)), 8, crop).eval() for crop in (PSP_CROP, EG3D_CROP)]
    made[1].load_state_dict(made[0].state_dict())
    monkeypatch.setattr("gantoolkit.networks.load", lambda name, device="cpu": made[0])
    a = nn.functional.interpolate(images(0), 256, mode="bilinear")
    before, expected = Identity("any").prepare(a), made[1].embed(a)
    torch.testing.assert_close(Identity("any", crop="eg3d").prepare(a), expected)
    assert (before - expected).abs().max() > 1e-3
    torch.testing.assert_close(Identity("any", crop="ffhq").prepare(a), before)
    with pytest.raises(UsageError, match="crop='tight' is unknown; choose 'ffhq' or 'eg3d'"):
        Identity("any", crop="tight")


def test_a_crop_of_a_network_without_one_is_refused(zoo):
    with pytest.raises(UsageError, match="'any' is not a recognizer that crops"):
        Identity("any", crop="eg3d")


def test_latent_norm_is_the_mean_frobenius_norm():
    ws, mean = torch.randn(3, 4, 5), torch.randn(5)
    expected = np.mean([np.linalg.norm(w - mean.numpy()) for w in ws.numpy()])
    assert LatentNorm()(ws, mean).item() == pytest.approx(float(expected), rel=1e-6)


def test_lpips_package_with_a_given_trunk(monkeypatch):
    import gantoolkit.core.compat  # noqa: F401

    import lpips

    torch.manual_seed(1)
    reference = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False).eval()
    trunk = {"features." + k.split(".", 1)[1]: v for k, v in reference.net.state_dict().items()}
    monkeypatch.setattr("gantoolkit.weights.load", lambda name: (trunk, {}, {}))
    a, b = (nn.functional.interpolate(images(i), 64) for i in (0, 1))
    torch.manual_seed(2)
    assert LPIPS("any")(a, b).item() == pytest.approx(reference(a, b).mean().item(), rel=1e-5)
    loss = LPIPS("any")
    beyond = (a * 2.5).requires_grad_()  # as an unclamped generator's
    assert loss(beyond, b).item() == pytest.approx(reference(beyond, b).mean().item(), rel=1e-5)
    loss(beyond, b).backward()
    assert beyond.grad.abs().sum() > 0
