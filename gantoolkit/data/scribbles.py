"""Scribbles from photos: PiDiNet's edges with ControlNet's scribble post-process, or Canny.

Two ways of feeding PiDiNet are in use and give different edges: ControlNet's annotator (BGR, only
divided by 255) and the original (RGB, ImageNet statistics). Scribbles are white strokes on black, 0
or 255.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from scipy import ndimage

from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import check_choice

PREPROCESSING = ("controlnet", "original")
DETECT_SIZE = 512  # pixels of the short side that the annotator is shown
MULTIPLE = 64  # its sides are rounded to multiples of this
RIDGE_LINES = [  # the four directions along which an edge may be a ridge
    np.array([[0, 0, 0], [1, 1, 1], [0, 0, 0]], bool),
    np.array([[0, 1, 0], [0, 1, 0], [0, 1, 0]], bool),
    np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], bool),
    np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], bool),
]


def find_ridges(edges: np.ndarray, threshold: float = 127.0, sigma: float = 3.0) -> np.ndarray:
    """Thin an edge map [H,W] 0..255 to lines of 0 and 255.

    Lines are maxima of the blurred map along one of four directions.
    """
    smooth = ndimage.gaussian_filter(edges.astype(np.float32), sigma, mode="mirror", truncate=4.0)
    is_peak = np.zeros(edges.shape, bool)
    for line in RIDGE_LINES:
        is_peak |= ndimage.grey_dilation(smooth, footprint=line, mode="nearest") == smooth
    return np.where(is_peak & (smooth > threshold), 255, 0).astype(np.uint8)


def scribble_from_edges(edges: np.ndarray) -> np.ndarray:
    """Turn an edge map [H,W] 0..255 into ControlNet's scribble.

    Its ridges are blurred (σ 3) and thresholded at 4.
    """
    lines = find_ridges(edges)
    wide = ndimage.gaussian_filter(lines.astype(np.float32), 3.0, mode="mirror", truncate=3.0)
    return np.where(np.round(wide) > 4, 255, 0).astype(np.uint8)


def quantize_edges(edges: np.ndarray, steps: int = 2) -> np.ndarray:
    """Quantize edges 0..1 to `steps` + 1 levels: the annotator's `safe` switch."""
    return (edges.astype(np.float32) * (steps + 1)).astype(np.int32).astype(np.float32) / steps


def detect_size(width: int, height: int, short_side: int = DETECT_SIZE) -> tuple[int, int]:
    """Return the (width, height) that the annotator is shown: both multiples of 64."""
    scale = short_side / min(width, height)

    def round_side(side: int) -> int:
        return max(MULTIPLE, int(round(side * scale / MULTIPLE)) * MULTIPLE)

    return round_side(width), round_side(height)


@torch.no_grad()
def detect_edges(image: np.ndarray, network, preprocessing: str = "controlnet") -> np.ndarray:
    """Detect PiDiNet's fused edges [H,W] in 0..1 of an RGB image [H,W,3] uint8."""
    check_choice("preprocessing", preprocessing, PREPROCESSING)
    device = next(network.parameters()).device
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].to(device).float() / 255
    if preprocessing == "controlnet":
        edges = network(pixels.flip(1))[-1]
    else:
        edges = network.edges(pixels * 2 - 1)
    return edges[0, 0].float().cpu().numpy()


def pidinet_scribble(
    image: np.ndarray,
    network,
    size: int,
    preprocessing: str = "controlnet",
    safe: bool = False,
    detect: int = DETECT_SIZE,
) -> np.ndarray:
    """Draw a scribble [size,size] of 0 and 255 of a square RGB image [H,H,3] uint8.

    As ControlNet's `scribble_pidinet`: edges at `detect` pixels, resized bilinearly, then
    `scribble_from_edges`. A smaller scribble is made at `detect` pixels and shrunk by area, since
    strokes have a fixed width.
    """
    width, height = detect_size(image.shape[1], image.shape[0], detect)
    resized = Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS)
    edges = detect_edges(np.asarray(resized), network, preprocessing)
    if safe:
        edges = quantize_edges(edges)
    gray = Image.fromarray((edges * 255).clip(0, 255).astype(np.uint8))

    work_size = max(size, detect)
    gray = gray.resize((work_size, work_size), Image.Resampling.BILINEAR)
    return shrink(scribble_from_edges(np.asarray(gray)), size)


def shrink(strokes: np.ndarray, size: int) -> np.ndarray:
    """Shrink strokes [S,S] 0..255 to `size`; thin ones are brightened so that they do not fade."""
    from gantoolkit.data.user_scribbles import resize_strokes, strokes_to_uint8

    if len(strokes) == size:
        return strokes
    return strokes_to_uint8(resize_strokes(strokes.astype(np.float32) / 255, size))


def canny_scribble(
    image: np.ndarray,
    size: int,
    detect: int = DETECT_SIZE,
    low_threshold: float = 100,
    high_threshold: float = 200,
) -> np.ndarray:
    """Draw OpenCV's Canny edges [size,size] of 0 and 255 of a square RGB image [H,H,3] uint8."""
    try:
        import cv2
    except ImportError:
        raise UsageError(
            "Canny edges need OpenCV; install it with pip install opencv-python-headless, or "
            "choose --scribbles pidinet."
        ) from None
    work_size = max(size, detect)
    resized = Image.fromarray(image).resize((work_size, work_size), Image.Resampling.LANCZOS)
    gray = cv2.cvtColor(np.asarray(resized), cv2.COLOR_RGB2GRAY)
    return shrink(cv2.Canny(gray, low_threshold, high_threshold), size)


def load_pidinet(source: str, device: str | torch.device = "cpu"):
    """Load PiDiNet from a weights name, a converted file, or the published .pth."""
    from gantoolkit import networks

    return networks.load(source, device)
