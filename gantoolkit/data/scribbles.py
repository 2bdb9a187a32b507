"""Scribbles from photos: PiDiNet's edges with ControlNet's scribble post-process, or Canny.

Two ways of feeding PiDiNet are in use and give different edges: ControlNet's annotator (BGR, divided by 255
alone) and the original (RGB, ImageNet statistics). Scribbles are white strokes on black, 0 or 255.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from scipy import ndimage

from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import check_choice

PREPROCESSING = ("controlnet", "original")
DETECT = (
    512  # pixels of the short side at which the annotator looks, sides rounded to multiples of 64
)
LINES = [
    np.array(k, bool)
    for k in (  # the four directions along which an edge may be a ridge
        [[0, 0, 0], [1, 1, 1], [0, 0, 0]],
        [[0, 1, 0], [0, 1, 0], [0, 1, 0]],
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[0, 0, 1], [0, 1, 0], [1, 0, 0]],
    )
]


def ridges(edges: np.ndarray, threshold: float = 127.0, sigma: float = 3.0) -> np.ndarray:
    """Thin edges [H,W] uint8 of 0 and 255: places that are a maximum of the blurred map along a line."""
    smooth = ndimage.gaussian_filter(edges.astype(np.float32), sigma, mode="mirror", truncate=4.0)
    peak = np.zeros(edges.shape, bool)
    for line in LINES:
        peak |= ndimage.grey_dilation(smooth, footprint=line, mode="nearest") == smooth
    return np.where(peak & (smooth > threshold), 255, 0).astype(np.uint8)


def scribble_from(edges: np.ndarray) -> np.ndarray:
    """ControlNet's scribble of an edge map [H,W] 0..255: ridges, blurred (σ 3) and thresholded at 4."""
    lines = ridges(edges)
    wide = ndimage.gaussian_filter(lines.astype(np.float32), 3.0, mode="mirror", truncate=3.0)
    return np.where(np.round(wide) > 4, 255, 0).astype(np.uint8)


def safe_steps(edges: np.ndarray, steps: int = 2) -> np.ndarray:
    """Edges 0..1 quantised to `steps` + 1 levels, the annotator's `safe` switch."""
    return (edges.astype(np.float32) * (steps + 1)).astype(np.int32).astype(np.float32) / steps


def detect_size(width: int, height: int, short: int = DETECT) -> tuple[int, int]:
    """(width, height) at which the annotator looks: short side `short`, both multiples of 64."""
    scale = short / min(width, height)
    return tuple(max(64, int(round(side * scale / 64)) * 64) for side in (width, height))


@torch.no_grad()
def edges(image: np.ndarray, network, preprocessing: str = "controlnet") -> np.ndarray:
    """PiDiNet's fused edges [H,W] in 0..1 of an RGB picture [H,W,3] uint8."""
    check_choice("preprocessing", preprocessing, PREPROCESSING)
    device = next(network.parameters()).device
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].to(device).float() / 255
    found = (
        network(pixels.flip(1))[-1]
        if preprocessing == "controlnet"
        else network.edges(pixels * 2 - 1)
    )
    return found[0, 0].float().cpu().numpy()


def pidinet_scribble(
    image: np.ndarray,
    network,
    size: int,
    preprocessing: str = "controlnet",
    safe: bool = False,
    detect: int = DETECT,
) -> np.ndarray:
    """A scribble [size,size] of 0 and 255 of a square RGB picture [H,H,3] uint8.

    As `scribble_pidinet`: edges at `detect` pixels, resized bilinearly, then `scribble_from`. A smaller
    scribble is made at `detect` pixels and shrunk by area, since strokes have a fixed width.
    """
    width, height = detect_size(image.shape[1], image.shape[0], detect)
    looked = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))
    found = edges(looked, network, preprocessing)
    if safe:
        found = safe_steps(found)
    grey = Image.fromarray((found * 255).clip(0, 255).astype(np.uint8))
    large = max(size, detect)
    strokes = scribble_from(np.asarray(grey.resize((large, large), Image.Resampling.BILINEAR)))
    return shrink(strokes, size)


def shrink(strokes: np.ndarray, size: int) -> np.ndarray:
    """Strokes [S,S] 0..255 at `size`, thin ones brightened so that they do not fade."""
    from gantoolkit.data.user_scribbles import resize

    if len(strokes) == size:
        return strokes
    return (resize(strokes.astype(np.float32) / 255, size) * 255).round().astype(np.uint8)


def canny_scribble(
    image: np.ndarray, size: int, detect: int = DETECT, low: float = 100, high: float = 200
) -> np.ndarray:
    """OpenCV's Canny edges [size,size] of 0 and 255 of a square RGB picture [H,H,3] uint8."""
    try:
        import cv2
    except ImportError:
        raise UsageError(
            "Canny edges need OpenCV; install it with pip install opencv-python-headless, or "
            "choose --scribbles pidinet."
        ) from None
    large = max(size, detect)
    picture = np.asarray(Image.fromarray(image).resize((large, large), Image.Resampling.LANCZOS))
    return shrink(cv2.Canny(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), low, high), size)


def load_pidinet(source: str, device: str | torch.device = "cpu"):
    """PiDiNet from a weights name, a converted file, or the published .pth (converted without executing
    it)."""
    from gantoolkit import networks

    return networks.load(source, device)
