"""Rendered samples: deterministic, inside the box, alike from two views, labelled by sides."""

import numpy as np
import pytest

pytest.importorskip("anny")
pytest.importorskip("warp")

from gantoolkit_annyfaces import camera, render_sample
from gantoolkit_annyfaces.factors import Factors, draw
from gantoolkit_annyfaces.render import prepared, render_view
from gantoolkit_annyfaces.traits import decide

from gantoolkit.core.labels import CLASSES, index


def test_same_index_same_bytes():
    first = render_sample(4, seed=1, start=50)
    render_sample(0, seed=2)
    prepared.cache_clear()
    again = render_sample(4, seed=1, start=50)
    other = render_sample(0, seed=1, start=54)  # the same person by another route
    for a in (again, other):
        for name in ("image", "labels", "scribble", "depth"):
            assert np.array_equal(getattr(first, name), getattr(a, name))
        assert first.captions == a.captions


def test_fast_shading_keeps_labels():
    full = render_sample(2, resolution=48)
    fast = render_sample(2, resolution=48, shading="fast")
    assert np.array_equal(full.labels, fast.labels)
    assert np.array_equal(full.depth, fast.depth)
    assert 0 < abs(full.image.astype(int) - fast.image).mean() < 40
    with pytest.raises(ValueError, match="shading"):
        render_sample(2, shading="slow")


def test_shapes_and_ranges():
    for domain in ("photo", "marble", "clay", "toon"):
        s = render_sample(1, resolution=48, domain=domain)
        assert s.image.shape == (48, 48, 3)
        assert s.image.std() > 10
        assert s.labels.max() < 19
        assert s.scribble.shape == (48, 48)
        assert s.scribble.max() > 128
        front = s.depth[s.labels > 0]
        assert front.min() > 2.0 and front.max() < 3.4


def test_everything_lies_in_the_box():
    for identity in range(12):
        scene = prepared(0, identity, 0)[3]
        assert abs(scene.vertices).max() <= 0.5


def test_two_views_agree():
    _, f, traits, scene = prepared(0, 3, 0)
    size = 96
    one = camera.look_at(0.0, 0.0)
    two = camera.look_at(0.22, 0.08)
    image1, label1, _, depth1 = render_view(scene, traits, f, one, size, "toon", (0,))
    image2, label2, _, depth2 = render_view(scene, traits, f, two, size, "toon", (0,))
    origin, rays = camera.rays(one, size)
    points = origin + rays * depth1.reshape(-1, 1)
    place, distance = camera.project(two, points)
    x, y = np.clip((place * size).astype(int), 0, size - 1).T
    seen = (depth1.ravel() > 0) & (abs(depth2[y, x] - distance) < 0.006)
    assert seen.mean() > 0.3
    x = x[seen]
    y = y[seen]
    assert (label1.ravel()[seen] == label2[y, x]).mean() > 0.95
    gap = abs(image1.reshape(-1, 3)[seen].astype(float) - image2[y, x])
    assert np.median(gap) < 6


def test_sides_are_the_persons():
    _, f, traits, scene = prepared(0, 1, 0)
    front = camera.look_at(0, 0)
    _, label, _, _ = render_view(scene, traits, f, front, 128, "photo", (0,))
    names = ("l_brow", "l_eye", "nose", "u_lip", "l_lip", "cloth")
    rows = [np.nonzero(label == index(name))[0].mean() for name in names]
    assert rows == sorted(rows)
    for name in ("eye", "brow"):
        left = np.nonzero(label == index(f"l_{name}"))[1].mean()
        right = np.nonzero(label == index(f"r_{name}"))[1].mean()
        assert left > 64 > right


def test_attributes_match_labels():
    for i in range(40):
        wearing = decide(Factors(draw(0, i, 0)))
        if wearing.glasses != "none" or wearing.hat != "none":
            s = render_sample(i, shading="fast")
            assert (s.labels == index("eye_g")).any() == (s.attributes["glasses"] != "none")
            assert (s.labels == index("hat")).any() == (s.attributes["hat"] != "none")


@pytest.mark.slow
def test_every_class_is_common_enough():
    count = 240
    seen = np.zeros(len(CLASSES))
    for i in range(count):
        seen[np.unique(render_sample(i, start=9000, shading="fast").labels)] += 1
    assert (seen / count >= 0.03).all(), dict(zip(CLASSES, seen / count, strict=True))
