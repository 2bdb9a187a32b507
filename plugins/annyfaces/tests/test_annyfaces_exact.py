"""Labels, depth and colors come from the same rays, and two views of one person agree."""

import numpy as np
import pytest

pytest.importorskip("anny")
pytest.importorskip("warp")

from gantoolkit_annyfaces import camera
from gantoolkit_annyfaces.parts import MATERIALS
from gantoolkit_annyfaces.render import prepared, render_view
from gantoolkit_annyfaces.surface import see

from gantoolkit.core.labels import index

# Mean absolute difference, of 255, of skin seen in both views; shine and blur depend on the view.
BOUND = 14
SIZE = 128


def view(identity, yaw, pitch, domain="photo"):
    _, f, traits, scene = prepared(0, identity, 0)
    label25 = camera.look_at(yaw, pitch)
    return label25, render_view(scene, traits, f, label25, SIZE, domain, (0,))


def reprojected(one, two, depth1, depth2):
    """Pixels of view one that view two sees too: (mask [N], column [N], row [N])."""
    origin, rays = camera.rays(one, SIZE)
    place, distance = camera.project(two, origin + rays * depth1.reshape(-1, 1))
    x, y = np.clip((place * SIZE).astype(int), 0, SIZE - 1).T
    seen = (depth1.ravel() > 0) & (abs(depth2[y, x] - distance) < 0.004)
    return seen, x, y


@pytest.mark.parametrize("identity", [3, 5])
def test_colors_of_points_seen_twice_agree(identity):
    one, (image1, label1, _, depth1) = view(identity, 0.0, 0.0)
    two, (image2, label2, _, depth2) = view(identity, 0.15, 0.05)
    seen, x, y = reprojected(one, two, depth1, depth2)
    bare = [index("skin"), index("nose")]
    skin = seen & np.isin(label1.ravel(), bare) & np.isin(label2[y, x], bare)
    assert skin.sum() > 1500
    colors = image1.reshape(-1, 3).astype(float)
    gap = abs(colors - image2[y, x]).mean(1)
    assert gap[skin].mean() < BOUND
    assert np.quantile(gap[skin], 0.9) < 3 * BOUND
    assert (label1.ravel()[seen] == label2[y[seen], x[seen]]).mean() > 0.9
    shifted = abs(colors - image2[y, (x + 12) % SIZE]).mean(1)
    assert gap[skin].mean() < 0.6 * shifted[skin].mean()  # the bound is no triviality


def test_labels_are_the_rays_own():
    """Where all rays of a pixel hit the eyeballs, hair or nothing, the label says so."""
    scene = prepared(0, 3, 0)[3]
    label25, (_, labels, _, depth) = view(3, 0.1, 0)
    labels = labels.ravel()
    depth = depth.ravel()
    origin, rays = camera.rays(label25, SIZE)
    surface = see(scene, origin, rays)
    missed = np.setdiff1d(np.arange(SIZE * SIZE), surface.ray)
    hit = np.zeros(SIZE * SIZE, int)
    hit[surface.ray] = surface.material + 1
    assert (labels[missed] == 0).mean() > 0.97
    assert (depth[labels == 0] == 0).mean() > 0.97
    for material, label in (("hair", "hair"), ("eye_l", "l_eye"), ("eye_r", "r_eye")):
        rows = hit == MATERIALS.index(material) + 1
        assert (labels[rows] == index(label)).mean() > 0.8
    assert np.median(abs(depth[surface.ray] - surface.distance)) < 0.01
