"""Scribbles: OpenCV as the reference of the post-process, PiDiNet's shipped weights on a photo."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from test_label_maps import REAL, real

from gantoolkit.data import scribbles

cv2 = pytest.importorskip("cv2")


def opencv_scribble(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The annotator's post-process written with OpenCV: (ridges, scribble)."""
    blurred = cv2.GaussianBlur(edges.astype(np.float32), (0, 0), 3.0)
    thin = np.zeros_like(blurred)
    for line in scribbles.RIDGE_LINES:
        here = cv2.dilate(blurred, kernel=line.astype(np.uint8)) == blurred
        thin[here] = blurred[here]
    thin = np.where(thin > 127, 255, 0).astype(np.uint8)
    wide = cv2.GaussianBlur(thin, (0, 0), 3.0)
    return thin, np.where(wide > 4, 255, 0).astype(np.uint8)


@pytest.fixture
def drawing() -> np.ndarray:
    canvas = np.zeros((160, 192), np.uint8)
    cv2.ellipse(canvas, (96, 80), (60, 50), 20, 0, 360, 255, 7)
    cv2.line(canvas, (10, 150), (180, 20), 200, 9)
    return cv2.GaussianBlur(canvas, (0, 0), 2)


def test_post_process_is_opencvs(drawing):
    thin, wide = opencv_scribble(drawing)
    assert thin.any() and wide.any()
    assert (scribbles.find_ridges(drawing) != thin).mean() < 1e-3
    assert (scribbles.scribble_from_edges(drawing) != wide).mean() < 2e-3


def test_safe_steps_and_sizes():
    assert scribbles.quantize_edges(np.array([0, 0.3, 0.34, 0.67, 0.9, 1.0])).tolist() == [
        0,
        0,
        0.5,
        1,
        1,
        1.5,
    ]
    assert scribbles.detect_size(1024, 1024) == (512, 512)
    assert scribbles.detect_size(800, 600) == (704, 512) and scribbles.detect_size(
        300, 900, 128
    ) == (128, 384)


def test_canny_is_opencvs_and_shrinks():
    picture = np.zeros((512, 512, 3), np.uint8)
    picture[128:384, 128:384] = (200, 60, 30)
    full = scribbles.canny_scribble(picture, 512)
    assert np.array_equal(full, cv2.Canny(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), 100, 200))
    small = scribbles.canny_scribble(picture, 64)
    assert small.shape == (64, 64) and small[15:17, 32].max() > 128 and small[32, 32] == 0


@real
@pytest.mark.golden
def test_pidinet_with_published_weights(golden_dir):
    """Both preprocessings by definition, and strokes where a photo has its outlines."""
    network = scribbles.load_pidinet(golden_dir / "weights" / "table5_pidinet-tiny.pth")
    assert network.width == 20 and network.dilation == 8
    picture = (
        Image.open(REAL / "triple_psp/photo.jpg")
        .convert("RGB")
        .resize((128, 128), Image.Resampling.LANCZOS)
    )
    pixels = np.asarray(picture)
    plain = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255
    expected = network(plain[:, [2, 1, 0]])[-1][0, 0].detach().numpy()
    np.testing.assert_allclose(scribbles.detect_edges(pixels, network), expected, atol=1e-6)
    normal = (plain - torch.tensor((0.485, 0.456, 0.406)).view(3, 1, 1)) / torch.tensor(
        (0.229, 0.224, 0.225)
    ).view(3, 1, 1)
    expected = network(normal)[-1][0, 0].detach().numpy()
    np.testing.assert_allclose(
        scribbles.detect_edges(pixels, network, "original"), expected, atol=1e-5
    )
    found = scribbles.pidinet_scribble(
        np.asarray(Image.open(REAL / "triple_psp/photo.jpg").convert("RGB")),
        network,
        256,
        detect=256,
    )
    assert (
        found.shape == (256, 256)
        and set(np.unique(found)) == {0, 255}
        and 0.02 < (found > 0).mean() < 0.4
    )
    labels = np.asarray(
        Image.open(REAL / "triple_psp/mask.png").resize((256, 256), Image.Resampling.NEAREST)
    )
    edge = (np.diff(labels.astype(int), axis=0, prepend=0) != 0) | (
        np.diff(labels.astype(int), axis=1, prepend=0) != 0
    )
    near = cv2.dilate(edge.astype(np.uint8), np.ones((11, 11), np.uint8)) > 0
    assert (near & (found > 0)).sum() / (
        found > 0
    ).sum() > near.mean() * 1.3  # strokes follow outlines
