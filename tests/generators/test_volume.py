"""Volume rendering against closed forms, a NumPy ray marcher and SciPy's interpolation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gantoolkit.core import camera
from gantoolkit.generators import volume
from gantoolkit.generators.osg_decoder import ColorAndDensity


def test_constant_density_absorbs_exponentially():
    depths = torch.linspace(1, 3, 40).view(1, 1, 40, 1)
    raw = 2.0
    sigma = math.log1p(math.exp(raw - 1))
    rgb, _, weights = volume.march(
        depths, torch.full((1, 1, 40, 3), 0.8), torch.full((1, 1, 40, 1), raw)
    )
    absorbed = 1 - math.exp(-2 * sigma)
    assert weights.sum().item() == pytest.approx(absorbed, rel=1e-5)
    torch.testing.assert_close(rgb, torch.full((1, 1, 3), 2 * 0.8 * absorbed - 1))
    steps = torch.exp(-sigma * (depths[..., :-1, :] - 1)) - torch.exp(
        -sigma * (depths[..., 1:, :] - 1)
    )
    torch.testing.assert_close(weights, steps, atol=1e-6, rtol=1e-5)


def numpy_march(depths, colors, densities, white_back):
    """One ray, interval by interval: the definition, in a loop."""
    light, rgb, depth, total = 1.0, np.zeros(colors.shape[1]), 0.0, 0.0
    for i in range(len(depths) - 1):
        sigma = np.log1p(np.exp((densities[i] + densities[i + 1]) / 2 - 1))
        alpha = 1 - np.exp(-sigma * (depths[i + 1] - depths[i]))
        rgb += light * alpha * (colors[i] + colors[i + 1]) / 2
        depth += light * alpha * (depths[i] + depths[i + 1]) / 2
        total += light * alpha
        light *= 1 - alpha
    return 2 * (rgb + (1 - total) * white_back) - 1, depth / total


@pytest.mark.parametrize("white", [False, True])
def test_marching_is_the_loop_over_intervals(white):
    depths = torch.rand(2, 4, 9, 1).sort(2).values + 2
    colors, densities = torch.rand(2, 4, 9, 5), torch.randn(2, 4, 9, 1) * 4
    rgb, depth, _ = volume.march(depths, colors, densities, white)
    for b in range(2):
        for m in range(4):
            expected = numpy_march(
                depths[b, m, :, 0].double().numpy(),
                colors[b, m].double().numpy(),
                densities[b, m, :, 0].double().numpy(),
                white,
            )
            np.testing.assert_allclose(rgb[b, m], expected[0], atol=1e-5)
            np.testing.assert_allclose(depth[b, m, 0], expected[1], atol=1e-5)


def test_empty_rays_lie_at_infinity():
    depths = torch.linspace(2, 3, 5).view(1, 1, 5, 1)
    _, depth, weights = volume.march(
        depths, torch.ones(1, 1, 5, 3), torch.full((1, 1, 5, 1), -80.0)
    )
    assert weights.sum() == 0 and torch.isinf(depth).all()


@pytest.mark.parametrize(
    "axes, pairs", [("eg3d", ("xy", "xz", "zx")), ("fixed", ("xy", "xz", "zy"))]
)
def test_planes_are_interpolated_on_their_axes(axes, pairs):
    ndimage = pytest.importorskip("scipy.ndimage")
    planes, points = torch.randn(1, 3, 2, 8, 8), torch.rand(1, 50, 3) - 0.5
    alone = [planes * (torch.arange(3) == i)[:, None, None, None] for i in range(3)]
    got = [3 * volume.TriPlanes(plane, 1.4, axes)(points) for plane in alone]
    for i, pair in enumerate(pairs):
        column, row = (((points[0, :, "xyz".index(a)] * 2 / 1.4 + 1) * 8 - 1) / 2 for a in pair)
        for c in range(2):
            expected = ndimage.map_coordinates(
                planes[0, i, c].numpy(), np.stack([row, column]), order=1, mode="constant", cval=0.0
            )
            np.testing.assert_allclose(got[i][0, :, c], expected, atol=1e-5)


@pytest.mark.parametrize("axes", ["eg3d", "fixed"])
def test_planes_and_their_gradients_are_those_of_grid_sample(axes):
    """Of a batch, at points that lie partly outside the box."""
    planes = torch.randn(2, 3, 4, 8, 8, requires_grad=True)
    points = (torch.rand(2, 60, 3) * 3 - 1.5).requires_grad_()
    grids = torch.stack(
        [points[..., list(pair)] * (2 / 1.7) for pair in volume.PLANE_AXES[axes]], 1
    )
    wanted = F.grid_sample(planes.flatten(0, 1), grids.flatten(0, 1)[:, None], align_corners=False)
    wanted = wanted.view(2, 3, 4, 60).mean(1).transpose(1, 2)
    got, cotangent = volume.TriPlanes(planes, 1.7, axes)(points), torch.randn(2, 60, 4)
    torch.testing.assert_close(got, wanted, atol=1e-6, rtol=1e-5)
    for mine, its in zip(
        torch.autograd.grad(got, (planes, points), cotangent),
        torch.autograd.grad(wanted, (planes, points), cotangent),
        strict=True,
    ):
        torch.testing.assert_close(mine, its, atol=1e-5, rtol=1e-4)


def test_colours_may_lie_in_another_order_than_depths():
    depths, colors, densities = (
        torch.rand(2, 3, 7, 1) + 2,
        torch.rand(2, 3, 7, 4),
        torch.randn(2, 3, 7, 1) * 3,
    )
    ordered, order = depths.sort(2)
    colors.requires_grad_(), densities.requires_grad_()
    dense = densities.gather(2, order)
    got = volume.march(ordered, colors, dense, order=order)[0]
    wanted = volume.march(ordered, colors.gather(2, order.expand_as(colors)), dense)[0]
    torch.testing.assert_close(got, wanted)
    cotangent = torch.randn_like(got)
    for mine, its in zip(
        torch.autograd.grad(got, (colors, densities), cotangent, retain_graph=True),
        torch.autograd.grad(wanted, (colors, densities), cotangent),
        strict=True,
    ):
        torch.testing.assert_close(mine, its)


def test_importance_follows_the_weights():
    """Equal weights give quantiles of a uniform distribution; one heavy bin attracts most."""
    bins, u = torch.linspace(0, 1, 11)[None], torch.linspace(0, 0.999, 7)[None]
    torch.testing.assert_close(volume.sample_pdf(bins, torch.ones(1, 10), u), u, atol=1e-5, rtol=0)
    heavy = torch.zeros(1, 10)
    heavy[0, 3] = 1000
    found = volume.sample_pdf(bins, heavy, torch.linspace(0.01, 0.99, 20)[None])
    assert ((found >= 0.3) & (found <= 0.4)).all()


def test_stratified_depths_stay_in_their_cells():
    jitter = torch.rand(2, 30, 6, 1)
    depths = volume.stratified_depths(2.0, 3.0, 6, jitter)
    cell = torch.arange(6).view(6, 1) * 0.2 + 2.0
    assert (depths >= cell - 1e-6).all() and (depths <= cell + 0.2 + 1e-6).all()
    near = torch.full((2, 30, 1), 2.0)
    torch.testing.assert_close(volume.stratified_depths(near, near + 1, 6, jitter), depths)


def test_box_limits_of_axis_parallel_rays():
    origins = torch.tensor([[[0.0, 0.0, 2.7], [5.0, 0.0, 2.7]]])
    directions = torch.tensor([[[1e-9, 1e-9, -1.0], [1e-9, 1e-9, -1.0]]])
    near, far = volume.box_limits(origins, directions, 1.0)
    torch.testing.assert_close(near[0, :, 0], torch.tensor([2.2, -1.0]))
    torch.testing.assert_close(far[0, :, 0], torch.tensor([3.2, -2.0]))


def test_frontal_camera():
    front = camera.orbit_camera(0.0)
    origins, directions = camera.sample_rays(front, 3)
    torch.testing.assert_close(origins[0, 0], torch.tensor([0, 0, 2.7]), atol=1e-6, rtol=0)
    torch.testing.assert_close(directions[0, 4], torch.tensor([0, 0, -1.0]), atol=1e-6, rtol=0)
    assert directions[0, 5, 0] > 0, "the right of the picture is the world's +x"
    assert directions[0, 1, 1] > 0, "the top of the picture is the world's +y"


def test_positive_yaw_moves_the_camera_to_plus_x():
    poses = camera.look_at(torch.tensor([0.4, -0.4]), 0.1)
    assert poses[0, 0, 3] > 0 > poses[1, 0, 3]
    rotation = poses[:, :3, :3]
    square = rotation @ rotation.transpose(1, 2)
    torch.testing.assert_close(square, torch.eye(3).expand(2, 3, 3), atol=1e-6, rtol=0)
    assert torch.linalg.det(rotation).gt(0).all()


def test_weighted_colors_have_the_gradients_of_their_sum():
    weights = torch.rand(2, 3, 5, 1, dtype=torch.double, requires_grad=True)
    colors = torch.rand(2, 3, 5, 4, dtype=torch.double, requires_grad=True)
    torch.testing.assert_close(
        volume.WeightedMean.apply(weights, colors), (weights * colors).sum(2)
    )
    assert torch.autograd.gradcheck(volume.WeightedMean.apply, (weights, colors))


def test_decoder_splits_density_and_colors():
    x = torch.randn(3, 5, requires_grad=True)
    colors, density = ColorAndDensity.apply(x)
    wanted = torch.sigmoid(x[:, 1:]) * 1.002 - 0.001, x[:, :1]
    torch.testing.assert_close((colors, density), wanted)
    cotangents = torch.randn(3, 4), torch.randn(3, 1)
    torch.testing.assert_close(
        torch.autograd.grad((colors, density), x, cotangents),
        torch.autograd.grad(wanted, x, cotangents),
    )
