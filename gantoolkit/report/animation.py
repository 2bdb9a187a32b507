"""Animated pictures of frames: GIF by Pillow, MP4 by imageio-ffmpeg (the extra `films`)."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from gantoolkit.core import files
from gantoolkit.core.errors import UsageError

KINDS = ("gif", "mp4")
PALETTE_FRAMES = 8  # frames that a GIF's palette is chosen from
FASTEST_FRAME = 20  # milliseconds; players slow down shorter ones


def save(frames: Sequence[np.ndarray], path: str | Path, fps: int = 24) -> Path:
    """Write frames uint8 [H,W,3] atomically as endless GIF or as MP4, by the suffix of `path`."""
    path = Path(path)
    if path.suffix == ".gif":
        return _save_gif(frames, path, fps)
    return _save_mp4(frames, path, fps)


def check_kind(kind: str) -> None:
    """Raise UsageError for a kind of animation that this installation cannot write."""
    if kind not in KINDS:
        raise UsageError(f"Unknown kind of film '{kind}'; known: {', '.join(KINDS)}.")
    if kind == "mp4" and find_spec("imageio_ffmpeg") is None:
        raise UsageError(
            "MP4 needs imageio-ffmpeg; type: pip install 'gantoolkit[films]', or choose gif."
        )


def _save_gif(frames: Sequence[np.ndarray], path: Path, fps: int) -> Path:
    """Write a GIF with one palette for all frames, so that colors do not flicker."""
    step = max(len(frames) // PALETTE_FRAMES, 1)
    strip = Image.fromarray(np.concatenate(list(frames)[::step], 1))
    palette = strip.quantize(256, method=Image.Quantize.MEDIANCUT)
    pictures = []
    for frame in frames:
        picture = Image.fromarray(frame)
        pictures.append(picture.quantize(palette=palette, dither=Image.Dither.NONE))

    duration = max(round(100 / fps) * 10, FASTEST_FRAME)  # GIFs count in units of 10 ms
    content = io.BytesIO()
    pictures[0].save(
        content,
        "GIF",
        save_all=True,
        append_images=pictures[1:],
        loop=0,
        duration=duration,
        optimize=False,
    )
    return files.write_bytes(path, content.getvalue())


def _save_mp4(frames: Sequence[np.ndarray], path: Path, fps: int) -> Path:
    check_kind("mp4")
    import imageio_ffmpeg

    height, width = frames[0].shape[:2]
    handle, temporary = tempfile.mkstemp(suffix=".mp4")
    os.close(handle)
    try:
        writer = imageio_ffmpeg.write_frames(
            temporary, (width, height), fps=fps, macro_block_size=2
        )
        writer.send(None)
        for frame in frames:
            writer.send(np.ascontiguousarray(frame))
        writer.close()
        return files.write_bytes(path, Path(temporary).read_bytes())
    finally:
        Path(temporary).unlink(missing_ok=True)
