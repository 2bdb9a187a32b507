"""Frames → an animated picture: GIF by Pillow, MP4 by imageio-ffmpeg (the extra `films`)."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gantoolkit.core import files
from gantoolkit.core.errors import UsageError

KINDS = ("gif", "mp4")


def save(frames: Sequence[np.ndarray], path: str | Path, fps: int = 24) -> Path:
    """Write frames uint8 [H,W,3] as an endless GIF or as MP4, by the suffix of `path`, atomically."""
    path = Path(path)
    return _save_gif(frames, path, fps) if path.suffix == ".gif" else _save_mp4(frames, path, fps)


def check(kind: str) -> None:
    """Refuse a kind of film that this installation cannot write, before any work is done."""
    if kind not in KINDS:
        raise UsageError(f"Unknown kind of film '{kind}'; known: {', '.join(KINDS)}.")
    if kind == "mp4":
        try:
            import imageio_ffmpeg  # noqa: F401
        except ImportError:
            raise UsageError(
                "MP4 needs imageio-ffmpeg; type: pip install 'gantoolkit[films]', or choose gif."
            ) from None


def _save_gif(frames: Sequence[np.ndarray], path: Path, fps: int) -> Path:
    """One palette for all frames, so that colours do not flicker; times are multiples of 10 ms."""
    strip = Image.fromarray(np.concatenate(list(frames)[:: max(len(frames) // 8, 1)], 1))
    palette = strip.quantize(256, method=Image.Quantize.MEDIANCUT)
    pictures = [
        Image.fromarray(f).quantize(palette=palette, dither=Image.Dither.NONE) for f in frames
    ]
    content = io.BytesIO()
    pictures[0].save(
        content,
        "GIF",
        save_all=True,
        append_images=pictures[1:],
        loop=0,
        duration=max(round(100 / fps), 2) * 10,
        optimize=False,
    )
    return files.write_bytes(path, content.getvalue())


def _save_mp4(frames: Sequence[np.ndarray], path: Path, fps: int) -> Path:
    check("mp4")
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
