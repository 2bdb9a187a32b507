"""Inception against torchvision's network with the pooling of FID's graph put in its place."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gantoolkit import networks, weights
from gantoolkit.core.errors import UsageError
from gantoolkit.core.images import to_uint8
from gantoolkit.metrics import Evaluator
from gantoolkit.networks.inception import Inception, graph_input


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Inception().eval().requires_grad_(False)


def test_same_as_torchvision_with_fids_pooling(network, monkeypatch):
    import gantoolkit.core.compat  # noqa: F401  before torchvision

    from torchvision.models import inception as theirs

    calls = []

    def pooled(x, **options):
        """The last of nine average poolings is a maximum; the others leave the border out."""
        calls.append(1)
        last = len(calls) == 9
        return (
            F.max_pool2d(x, 3, 1, 1)
            if last
            else F.avg_pool2d(x, **options, count_include_pad=False)
        )

    monkeypatch.setattr(theirs, "F", SimpleNamespace(**{**vars(F), "avg_pool2d": pooled}))
    model = theirs.Inception3(
        num_classes=1008, aux_logits=False, transform_input=False, init_weights=False
    ).eval()
    model.load_state_dict(network.state_dict())
    model.fc = torch.nn.Identity()
    pixels = torch.rand(1, 3, 299, 299, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        expected = model(pixels)
    torch.testing.assert_close(network.features(pixels), expected, atol=1e-5, rtol=1e-4)
    assert len(calls) == 9 and expected.shape == (1, 2048)


def test_resize_is_a_choice(network):
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(2)) * 2 - 1
    seen = []
    other = Inception("torch")
    for one in (network, other):
        one.trunk = lambda x: seen.append(x)
        one.features(images)
        del one.trunk
    expected = F.interpolate(images, (299, 299), mode="bilinear", align_corners=False)
    torch.testing.assert_close(seen[1], expected)
    assert (seen[0] - seen[1]).abs().max() > 0.01 and float(seen[0].abs().max()) <= 1
    with pytest.raises(UsageError, match="choose 'clean', 'torch' or 'tf'"):
        Inception("bicubic")


@pytest.mark.parametrize("height, width", [(64, 48), (256, 256), (512, 300), (299, 299)])
def test_the_graphs_own_resize(height, width):
    """TensorFlow 1's kernel, written out, and as ADA's TorchScript: a shifted affine grid."""
    images = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(3)) * 2 - 1
    v = to_uint8(images).double()[0]
    ys, xs = (np.arange(299) * size / 299 for size in (height, width))
    rows = []
    for y in ys:
        top, down = v[:, int(y)], v[:, min(int(y) + 1, height - 1)]
        line = top + (down - top) * (y - int(y))
        low = np.floor(xs).astype(int)
        left, right = line[:, low], line[:, np.minimum(low + 1, width - 1)]
        rows.append(left + (right - left) * torch.from_numpy(xs - low))
    expected = (torch.stack(rows, 1) - 128) / 128
    found = graph_input(images)
    torch.testing.assert_close(found[0].double(), expected, atol=2e-4, rtol=0)
    theta = torch.eye(2, 3)[None]
    theta[:, 0, 2], theta[:, 1, 2] = 1 / width - 1 / 299, 1 / height - 1 / 299
    grid = F.affine_grid(theta, (1, 3, 299, 299), align_corners=False)
    theirs = F.grid_sample(v[None].float(), grid, padding_mode="border", align_corners=False)
    torch.testing.assert_close(found, (theirs - 128) / 128, atol=2e-3, rtol=0)


def test_the_evaluator_is_told_how_to_resize(network, tmp_path):
    """fid and kid by one file with different resizes: each is its own, and says so."""
    file = str(weights.save(tmp_path / "inception.safetensors", network.state_dict(), network.arch))
    metrics = dict(fid=dict(network=file, resize="tf"), kid=dict(network=file))
    evaluator = Evaluator(metrics)
    assert [evaluator.metrics[m].network.resize for m in metrics] == ["tf", "clean"]
    one, two = (evaluator.metrics[m].network for m in metrics)
    assert type(one) is type(two) is Inception
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(4)) * 2 - 1
    expected = one.trunk(graph_input(images))
    torch.testing.assert_close(one.features(images), expected)
    assert (two.features(images) - expected).abs().max() > 1e-3 * expected.abs().max()
    with pytest.raises(UsageError, match="has no choice of a resize"):
        Evaluator(dict(fid=dict(resize="tf")), judge="judge")


def test_read_back_from_a_file(network, tmp_path):
    file = weights.save(
        tmp_path / "inception.safetensors", network.state_dict(), network.arch, half=True
    )
    assert type(networks.load(str(file))) is Inception
