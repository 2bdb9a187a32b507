"""Rendered samples: deterministic, inside the box, consistent between views, labelled on the right sides."""

import numpy as np
import pytest

pytest.importorskip("anny")
pytest.importorskip("warp")

from gantoolkit.data.labels import CLASSES, index

from gantoolkit_annyfaces import camera, render_sample
from gantoolkit_annyfaces.factors import Factors, draw
from gantoolkit_annyfaces.render import prepared, render_view
from gantoolkit_annyfaces.traits import decide


def test_same_index_same_bytes():
    first = render_sample(4, seed=1, start=50)
    render_sample(0, seed=2)
    prepared.cache_clear()
    again = render_sample(4, seed=1, start=50)
    other = render_sample(0, seed=1, start=54)  # the same person by another route
    for a in (again, other):
        assert np.array_equal(first.image, a.image) and np.array_equal(first.labels, a.labels)
        assert (
            np.array_equal(first.scribble, a.scribble)
            and np.array_equal(first.depth, a.depth)
            and first.captions == a.captions
        )


def test_fast_shading_keeps_labels():
    full, fast = render_sample(2, resolution=48), render_sample(2, resolution=48, shading="fast")
    assert np.array_equal(full.labels, fast.labels) and np.array_equal(full.depth, fast.depth)
    assert 0 < abs(full.image.astype(int) - fast.image).mean() < 40
    with pytest.raises(ValueError, match="shading"):
        render_sample(2, shading="slow")


def test_shapes_and_ranges():
    for domain in ("photo", "marble", "clay", "toon"):
        s = render_sample(1, resolution=48, domain=domain)
        assert (
            s.image.shape == (48, 48, 3)
            and s.labels.max() < 19
            and s.scribble.shape == (48, 48)
            and s.scribble.max() > 128
        )
        front = s.depth[s.labels > 0]
        assert front.min() > 2.0 and front.max() < 3.4 and s.image.std() > 10


def test_everything_lies_in_the_box():
    for identity in range(12):
        scene = prepared(0, identity, 0)[3]
        assert abs(scene.vertices).max() <= 0.5


def test_two_views_agree():
    vector, f, traits, scene = prepared(0, 3, 0)
    size = 96
    one, two = camera.look_at(0.0, 0.0), camera.look_at(0.22, 0.08)
    image1, label1, _, depth1 = render_view(scene, traits, f, one, size, "toon", (0,))
    image2, label2, _, depth2 = render_view(scene, traits, f, two, size, "toon", (0,))
    origin, rays = camera.rays(one, size)
    points = origin + rays * depth1.reshape(-1, 1)
    place, distance = camera.project(two, points)
    pixel = np.clip((place * size).astype(int), 0, size - 1)
    seen = (depth1.ravel() > 0) & (abs(depth2[pixel[:, 1], pixel[:, 0]] - distance) < 0.006)
    assert seen.mean() > 0.3
    assert (label1.ravel()[seen] == label2[pixel[seen, 1], pixel[seen, 0]]).mean() > 0.95
    gap = abs(image1.reshape(-1, 3)[seen].astype(float) - image2[pixel[seen, 1], pixel[seen, 0]])
    assert np.median(gap) < 6


def test_sides_are_the_persons():
    vector, f, traits, scene = prepared(0, 1, 0)
    _, label, _, _ = render_view(scene, traits, f, camera.look_at(0, 0), 128, "photo", (0,))
    column = lambda name: np.nonzero(label == index(name))[1].mean()
    assert column("l_eye") > 64 > column("r_eye") and column("l_brow") > 64 > column("r_brow")
    row = lambda name: np.nonzero(label == index(name))[0].mean()
    assert row("l_brow") < row("l_eye") < row("nose") < row("u_lip") < row("l_lip") < row("cloth")


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
    assert (seen / count >= 0.03).all(), dict(zip(CLASSES, seen / count))
