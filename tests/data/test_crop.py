"""Crops: written-out references of the published recipes; image and mask stay aligned."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gantoolkit.core.camera import FFHQ_LEVEL, PIVOT, orbit_camera
from gantoolkit.core.errors import UsageError
from gantoolkit.data import crop, landmarks
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.networks.arcface import EG3D_CROP, PSP_CROP

FIVE = np.array([[380.0, 470], [640, 480], [500, 620], [410, 740], [600, 750]])


def test_eg3d_square_is_resize_then_cut_then_cut():
    """POS by its normal equations, then the pixel arithmetic of the published steps."""
    width, height = 1024, 1024
    lm = np.stack([FIVE[:, 0], height - 1 - FIVE[:, 1]], 1)
    a, b = np.zeros((10, 8)), lm.reshape(-1, 1)
    a[0::2, :3], a[0::2, 3], a[1::2, 4:7], a[1::2, 7] = crop.STANDARD, 1, crop.STANDARD, 1
    k = np.linalg.solve(a.T @ a, a.T @ b).ravel()
    s = 300 / ((np.linalg.norm(k[:3]) + np.linalg.norm(k[4:7])) / 2)
    w, h = width * s, height * s
    left = w / 2 - 512 + (k[3] - width / 2) * s + (1024 - 700) / 2
    up = h / 2 - 512 + (height / 2 - k[7]) * s + (1024 - 700) / 2
    found = crop.eg3d_square(FIVE, height)
    half = found.right[0]
    np.testing.assert_allclose(
        [found.center[0] - half, found.center[1] - half], [left / s, up / s], atol=1e-6
    )
    assert found.side == pytest.approx(700 / s) and found.right[1] == 0


def test_ffhq_square_by_its_corners():
    eye, mouth = (FIVE[0] + FIVE[1]) / 2, (FIVE[3] + FIVE[4]) / 2
    x = (FIVE[1] - FIVE[0]) - np.flipud(mouth - eye) * [-1, 1]
    x /= np.hypot(*x)
    x *= max(np.hypot(*(FIVE[1] - FIVE[0])) * 2, np.hypot(*(mouth - eye)) * 1.8)
    np.testing.assert_allclose(crop.ffhq_square(FIVE).right, x)
    np.testing.assert_allclose(crop.ffhq_square(FIVE).center, eye + (mouth - eye) * 0.1)


def test_the_identity_crop_of_eg3d_is_psps_part_of_the_face():
    """In closed form, in units of the standard face with y up.

    It is seen from a camera level with it in FFHQ's frame. Scaled orthography sees
    (x, y cos e − z sin e). FFHQ's square has twice the side of its larger span (2 of the eyes'
    distance, here) around a tenth of the way from eyes to mouth; EG3D's has the side 700/300 around
    the origin.
    """
    eye = orbit_camera(0.0, FFHQ_LEVEL).cam2world[0, :3, 3].numpy() - PIVOT
    e = np.arcsin(eye[1] / np.linalg.norm(eye))
    x, y = crop.STANDARD[:, 0], crop.STANDARD[:, 1] * np.cos(e) - crop.STANDARD[:, 2] * np.sin(e)
    eyes, mouth = np.array([x[:2].mean(), y[:2].mean()]), np.array([x[3:].mean(), y[3:].mean()])
    assert 2 * (x[1] - x[0]) > 1.8 * (eyes[1] - mouth[1])
    side, center = 4 * (x[1] - x[0]), eyes + (mouth - eyes) / 10
    size, top, bottom, left, right = PSP_CROP
    middle = center + side / size * np.array([(left + right - size) / 2, (size - top - bottom) / 2])
    half = side * (bottom - top) / size / 2
    pixels = EG3D_CROP[0] / (700 / 300)  # per unit
    expected = EG3D_CROP[0] / 2 + pixels * np.array(
        [-middle[1] - half, -middle[1] + half, middle[0] - half, middle[0] + half]
    )
    np.testing.assert_allclose(EG3D_CROP[1:], expected, atol=1)
    assert (
        bottom - top == right - left and EG3D_CROP[2] - EG3D_CROP[1] == EG3D_CROP[4] - EG3D_CROP[3]
    )


def test_the_identity_crop_of_eg3d_by_both_squares():
    """The same by both squares of the standard face, 300 pixels per unit, from straight ahead."""
    five = 2000 + 300 * crop.STANDARD[:, :2] * [1, -1]
    outer, inner = crop.ffhq_square(five), crop.eg3d_square(five, 4000)
    size, top, bottom, left, right = PSP_CROP
    place = (
        np.array(outer.center)
        + (np.array([left + right, top + bottom]) / 2 / size - 0.5) * outer.side
    )
    rows = np.array(EG3D_CROP[1:])
    found = ((place - inner.center) / inner.side + 0.5) * EG3D_CROP[0]
    np.testing.assert_allclose([(rows[2] + rows[3]) / 2, (rows[0] + rows[1]) / 2], found, atol=2.5)
    assert (bottom - top) / size * outer.side / inner.side * EG3D_CROP[0] == pytest.approx(
        rows[1] - rows[0], abs=1
    )


def ramp(size=200) -> Image.Image:
    y, x = np.mgrid[0:size, 0:size] + 0.5
    return Image.fromarray(np.stack([x, y, 0 * x], 2).astype(np.uint8))


@pytest.mark.parametrize("turn", [0.0, 0.35])
def test_cut_takes_the_right_place(turn):
    """A picture whose colors are its coordinates tells where every output pixel came from."""
    where = crop.Square((101.0, 97.0), (40 * np.cos(turn), 40 * np.sin(turn)))
    for size in (16, 40, 160):
        found = np.asarray(where.cut(ramp(), size)) + 0.5
        u = (np.arange(size) + 0.5) / size * 2 - 1
        across, down = np.meshgrid(u, u)
        right = np.array(where.right)
        expected = (
            np.array(where.center)
            + across[..., None] * right
            + down[..., None] * [-right[1], right[0]]
        )
        assert np.abs(found[1:-1, 1:-1, :2] - expected[1:-1, 1:-1]).max() < 1.6


def test_beyond_the_border():
    where = crop.Square((10.0, 100.0), (60.0, 0.0))
    labels = Image.fromarray(np.full((200, 200), 7, np.uint8))
    cut = np.asarray(where.cut(labels, 60, nearest=True))
    assert (cut[:, :25] == 0).all() and (cut[:, 26:] == 7).all()
    image = np.asarray(where.cut(ramp(), 60)).astype(int)
    np.testing.assert_allclose(image[30, 20, 0], image[30, 29, 0], atol=12)  # mirrored, not black
    with pytest.raises(UsageError, match="crop='tight'"):
        crop.crop_square("tight", (10, 10), None)


@pytest.mark.parametrize("name", ["ffhq", "eg3d"])
def test_image_and_mask_stay_together(name):
    """Labels cut at 1× and 4× the resolution agree, and the eyes are where they should be."""
    data = FaceZip("val")
    for row in range(4):
        labels = data.labels[row].numpy()
        five = landmarks.landmarks_of_label_map(labels) * labels.shape[0]
        where = crop.crop_square(name, labels.shape[::-1], five)
        picture = Image.fromarray(labels)
        small = np.asarray(where.cut(picture, 48, nearest=True))
        big = picture.resize((4 * labels.shape[1], 4 * labels.shape[0]), Image.Resampling.NEAREST)
        large = np.asarray(where.scaled(4).cut(big, 48, nearest=True))
        assert (small == large).mean() > 0.97
        eyes = landmarks.landmarks_of_label_map(small)[:2]
        assert abs(eyes[:, 0].mean() - 0.5) < 0.12
        if name == "ffhq":
            assert abs(eyes[0, 1] - eyes[1, 1]) < 0.05
