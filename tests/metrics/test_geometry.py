"""Depth and reprojection on a plane whose views are known in closed form."""

from __future__ import annotations

import math

import pytest
import torch

from gantoolkit.core.camera import orbit_camera, sample_rays
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Condition, Render, Target
from gantoolkit.metrics.base import EvalBatch
from gantoolkit.metrics.geometry import Depth, Reprojection, project, unproject
from gantoolkit.metrics.identity import IdentityOverViews

SIZE = 48


def plane(camera, color=lambda x, y: torch.stack([x, y, x * 0]) * 4):
    """A camera's view of the plane z = 0, colored by place: image [1,3,S,S], depth [1,1,S,S]."""
    origins, directions = sample_rays(camera, SIZE)
    distance = -origins[..., 2] / directions[..., 2]
    points = origins + distance[..., None] * directions
    image = color(points[0, :, 0], points[0, :, 1]).reshape(1, 3, SIZE, SIZE)
    return Render(image.clamp(-1, 1), depth=distance.reshape(1, 1, SIZE, SIZE), camera=camera)


def eval_batch(render, views=(), depth=None, truth=None):
    labels = torch.ones(1, SIZE, SIZE, dtype=torch.int64)
    return EvalBatch(
        render.image,
        Target(render.image, labels, depth=truth),
        Condition(("",), camera=render.camera),
        depth=render.depth if depth is None else depth,
        views=tuple(views),
    )


def test_points_lie_where_cameras_see_them():
    camera = orbit_camera(0.3, -0.2)
    depth = torch.rand(1, 1, 8, 8) + 2
    points = unproject(camera, depth)
    place, distance = project(camera, points)
    torch.testing.assert_close(distance, depth.flatten(1), atol=1e-5, rtol=0)
    centers = (torch.arange(8) + 0.5) / 8 * 2 - 1
    torch.testing.assert_close(place[0, :8, 0], centers, atol=1e-4, rtol=0)
    torch.testing.assert_close(place[0, ::8, 1], centers, atol=1e-4, rtol=0)


def reprojection(*views):
    metric = Reprojection()
    for one in views:
        metric.update(one)
    (score,) = metric.compute().values()
    return score


def test_views_of_one_plane_agree():
    middle, left, right = (plane(orbit_camera(yaw)) for yaw in (0.0, -0.3, 0.3))
    score = reprojection(eval_batch(middle, (left, right)))
    assert score.value < 2e-3 and not score.higher_is_better
    brighter = Render((left.image + 0.2), depth=left.depth, camera=left.camera)
    assert reprojection(eval_batch(middle, (brighter,))).value == pytest.approx(0.1, abs=5e-3)


def test_wrong_depth_and_hidden_points():
    middle, left = plane(orbit_camera(0.0)), plane(orbit_camera(-0.3))
    shifted = eval_batch(
        middle, (left,), depth=middle.depth + 0.02
    )  # still within what counts as seen
    assert reprojection(shifted).value > 5 * reprojection(eval_batch(middle, (left,))).value
    wall = Render(
        -torch.ones_like(left.image), depth=left.depth - 0.5, camera=left.camera
    )  # something in front
    score = reprojection(eval_batch(middle, (wall,)), eval_batch(middle, (left,)))
    assert score.conditions["skipped"] == 1 and score.n == 1 and score.value < 2e-3


def depth_scores(found, truth):
    metric = Depth()
    render = plane(orbit_camera(0.0))
    metric.update(eval_batch(render, depth=found, truth=truth))
    return {k: s.value for k, s in metric.compute().items()}


def test_depth_by_hand():
    truth = torch.zeros(1, 4, 4)
    truth[0, 1:3, 1:3] = torch.tensor([[2.5, 2.5], [2.5, 2.6]])
    found = torch.full((1, 1, 4, 4), 2.6)
    found[0, 0, 0, 0] = 99.0  # background does not count
    assert depth_scores(found, truth) == pytest.approx(
        {"depth_abs": 0.075, "depth_shape": 0.025}, abs=1e-6
    )
    doubled = truth.repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert depth_scores(found, doubled)["depth_abs"] == pytest.approx(0.075, abs=1e-6)
    assert math.isnan(depth_scores(found, truth * 0)["depth_abs"])


def test_identity_over_views():
    from test_pairs import Faces

    metric = IdentityOverViews("faces")
    metric.network = Faces()
    red, green = (torch.zeros(1, 3, 4, 4) for _ in range(2))
    red[:, 0], green[:, 1] = 1, 1
    side = [Render(image, depth=None, camera=None) for image in (red, green)]
    metric.update(EvalBatch(red, Target(red), Condition(("",)), views=tuple(side)))
    assert metric.compute()["id_views[faces]"].value == pytest.approx(0.5)
    with pytest.raises(UsageError, match="pass views"):
        metric.update(EvalBatch(red, Target(red), Condition(("",))))
    with pytest.raises(UsageError, match="--depth"):
        Depth().update(EvalBatch(red, Target(red), Condition(("",))))
