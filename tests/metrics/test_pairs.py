"""MS-SSIM against scikit-image's SSIM, scales by size, identity and attributes by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Condition, Target
from gantoolkit.metrics.base import EvalBatch
from gantoolkit.metrics.identity import IdentityToTruth, IdentityWithoutText
from gantoolkit.metrics.pairs import BETAS, LPIPS, MSSSIM, SSIM, scales_for
from gantoolkit.metrics.prompt import Attributes
from gantoolkit.networks.face_parser import FaceParser
from gantoolkit.networks.perceptual import Perceptual


def pair(n=2, size=64, noise=0.2, seed=0):
    g = torch.Generator().manual_seed(seed)
    base = nn.functional.interpolate(
        torch.rand(n, 3, 8, 8, generator=g) * 1.6 - 0.8, (size, size), mode="bicubic"
    ).clamp(-1, 1)
    return (base + noise * torch.randn(base.shape, generator=g)).clamp(-1, 1), base


def eval_batch(image, truth, **extra):
    return EvalBatch(
        image,
        Target(truth, attributes=extra.pop("attributes", None)),
        Condition(("",) * len(image)),
        **extra,
    )


def value(metric, *views):
    for v in views:
        metric.update(v)
    (score,) = metric.compute().values()
    return score


def ms_ssim_by_hand(a, b, scales):
    """Wang et al. 2003 from scikit-image's maps: contrast at all scales, luminance at the last."""
    metrics = pytest.importorskip("skimage.metrics")
    out, betas = 1.0, np.array(BETAS[:scales]) / sum(BETAS[:scales])
    options = dict(
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=0,
        full=True,
    )
    for n in range(scales):
        _, full = metrics.structural_similarity(a, b, **options)
        # contrast·structure = SSIM without its luminance factor
        blur = lambda x: np.stack(
            [__import__("scipy.ndimage").ndimage.gaussian_filter(c, 1.5, truncate=3.5) for c in x]
        )
        ma, mb, c1 = blur(a), blur(b), 0.01**2
        luminance = (2 * ma * mb + c1) / (ma**2 + mb**2 + c1)
        chosen = full if n == scales - 1 else full / luminance
        out *= max(0.0, chosen[:, 5:-5, 5:-5].mean()) ** betas[n]
        a, b = (x.reshape(3, x.shape[1] // 2, 2, x.shape[2] // 2, 2).mean((2, 4)) for x in (a, b))
    return out


def test_ms_ssim_by_hand():
    image, truth = pair()
    score = value(MSSSIM(), eval_batch(image, truth))
    by_hand = np.mean(
        [
            ms_ssim_by_hand(a, b, 3)
            for a, b in zip(*(((x + 1) / 2).double().numpy() for x in (image, truth)))
        ]
    )
    assert score.value == pytest.approx(by_hand, abs=1e-5)
    assert score.conditions["scales"] == 3 and score.n == 2
    assert value(MSSSIM(), eval_batch(truth, truth)).value == pytest.approx(1, abs=1e-5)


def test_scales_shrink_with_the_image():
    assert [scales_for(s) for s in (256, 176, 128, 64, 32, 16)] == [5, 5, 4, 3, 2, 1]
    with pytest.raises(UsageError, match="at least 11 pixels"):
        scales_for(8)


class Faces(nn.Module):
    """Identity = the unit mean color; attributes by brightness."""

    attributes = {"smile": ["False", "True"], "hair": ["black", "blond"]}

    def observe(self, images):
        from types import SimpleNamespace

        mean = images.mean((2, 3))
        bright = mean.mean(1)
        two = torch.stack([-bright, bright], 1)
        return SimpleNamespace(
            identity=nn.functional.normalize(mean, dim=1), attributes={"smile": two, "hair": two}
        )


def with_network(metric, network):
    metric.network = network
    return metric


def test_identity_by_hand():
    image, truth = pair(3, 16)
    expected = nn.functional.cosine_similarity(image.mean((2, 3)), truth.mean((2, 3))).mean()
    score = value(
        with_network(IdentityToTruth("faces"), Faces()),
        eval_batch(image[:2], truth[:2]),
        eval_batch(image[2:], truth[2:]),
    )
    assert score.value == pytest.approx(float(expected), abs=1e-6) and score.n == 3
    other = value(
        with_network(IdentityWithoutText("faces"), Faces()),
        eval_batch(image, truth, without_text=image),
    )
    assert other.value == pytest.approx(1, abs=1e-6)
    with pytest.raises(UsageError, match="without_text"):
        value(with_network(IdentityWithoutText("faces"), Faces()), eval_batch(image, truth))


def test_attributes_by_hand():
    image = torch.ones(2, 3, 4, 4) * torch.tensor([0.5, -0.5]).view(2, 1, 1, 1)
    truth = ({"smile": True, "hair": "black", "age": "old"}, {"smile": False, "hair": "black"})
    score = value(
        with_network(Attributes("faces"), Faces()), eval_batch(image, image, attributes=truth)
    )
    assert score.value == pytest.approx((0.5 + 1) / 2)


def test_lpips_of_a_network_is_the_perceptual_distance():
    torch.manual_seed(0)
    trunk = FaceParser(16, (4, 8)).eval()
    image, truth = pair(3, 16)
    score = value(with_network(LPIPS("trunk"), trunk), eval_batch(image, truth))
    assert score.value == pytest.approx(float(Perceptual(trunk)(image, truth).mean()), rel=1e-5)
    with pytest.raises(UsageError, match="needs a network that gives identity"):
        value(with_network(IdentityToTruth("trunk"), trunk), eval_batch(image, truth))


def test_ssim_is_scikit_images():
    metrics = pytest.importorskip("skimage.metrics")
    image, truth = pair()
    options = dict(
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=0,
    )
    theirs = [
        metrics.structural_similarity(a, b, **options)
        for a, b in zip(*(((x + 1) / 2).double().numpy() for x in (image, truth)))
    ]
    score = value(SSIM(), eval_batch(image, truth))
    assert score.value == pytest.approx(np.mean(theirs), abs=1e-4) and score.n == 2
    assert value(SSIM(), eval_batch(truth, truth)).value == pytest.approx(1, abs=1e-6)
