"""The files of one sample, as bytes: image, label map, scribble and depth."""

from __future__ import annotations

import io

import numpy as np

DEPTH_RANGE = 4.0  # 16-bit depth images store round(depth / DEPTH_RANGE · 65535)


def png_bytes(array, palette=None):
    """Encode a uint8 or uint16 array as PNG; with `palette` [(r, g, b), …] a mode-P image."""
    from PIL import Image

    image = Image.fromarray(array)
    if palette is not None:
        gray = image.convert("L")
        image = Image.frombytes("P", gray.size, gray.tobytes())
        image.putpalette([value for color in palette for value in color])
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def image_bytes(array, kind):
    """Encode an RGB uint8 array as 'png' or 'webp'.

    WebP is lossless up to 64 px, where the half-resolution color of lossy WebP would show.
    """
    if kind == "png":
        return png_bytes(array)
    from PIL import Image

    out = io.BytesIO()
    is_small = len(array) <= 64
    Image.fromarray(array).save(out, "WEBP", quality=94, method=4, lossless=is_small)
    return out.getvalue()


def depth_bytes(depth):
    """Encode distances [R,R] as a 16-bit PNG."""
    share = np.clip(depth / DEPTH_RANGE, 0, 1) * 65535
    return png_bytes(share.round().astype(np.uint16))


def sample_files(sample, image_format, has_depth):
    """Encode a `FaceSample`: {entry name: bytes}; the image comes first."""
    from gantoolkit.core.labels import PALETTE

    name = f"{sample.index:08d}"
    files = {
        f"image/{name}.{image_format}": image_bytes(sample.image, image_format),
        f"mask/{name}.png": png_bytes(sample.labels, PALETTE),
        f"scribble/{name}.png": png_bytes(sample.scribble),
    }
    if has_depth:
        files[f"depth/{name}.png"] = depth_bytes(sample.depth)
    return files


def sample_line(sample, has_factors):
    """Describe a `FaceSample` as one record of samples.jsonl."""
    line = {
        "file": f"{sample.index:08d}",
        "index": sample.index,
        "identity": sample.identity,
        "state": sample.state,
        "view": sample.view,
        "captions": sample.captions,
        "attributes": sample.attributes,
    }
    if has_factors:
        line["factors"] = [round(float(value), 4) for value in sample.factors]
    return line
