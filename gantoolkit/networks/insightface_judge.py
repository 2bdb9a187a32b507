"""insightface as a judge of identity: a detector that aligns, a recogniser that embeds; both read from local files.

ONNX models have no gradient, so this serves metrics alone. A weights name is `insightface:PATH`, PATH a folder of
*.onnx files with a detector and a recogniser, or one recogniser's file, which then sees the whole image.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.errors import WeightsError
from gantoolkit.core.images import to_uint8

PREFIX = "insightface:"
DETECTION = (640, 640)  # fixed: its default changed between versions


class InsightFace(nn.Module):
    """`embed` gives unit embeddings [B,D]; a row is NaN where no face is found."""

    def __init__(self, path: str | Path):
        super().__init__()
        import gantoolkit.core.compat  # noqa: F401

        path, providers = Path(path), ["CPUExecutionProvider"]
        if not path.exists() or path.is_dir() and not list(path.glob("*.onnx")):
            raise WeightsError(
                f"insightface needs {path}: a folder with a detector and a recogniser as *.onnx, or the "
                "file of a recogniser; see docs/weights.md for where models come from."
            )
        if path.is_dir():
            from insightface.app import FaceAnalysis

            self.finder = FaceAnalysis(
                name=str(path), allowed_modules=["detection", "recognition"], providers=providers
            )
            self.finder.prepare(ctx_id=-1, det_size=DETECTION)
            self.recogniser = None
        else:
            from insightface.model_zoo import get_model

            self.finder, self.recogniser = None, get_model(str(path), providers=providers)

    def embed(self, images: Tensor) -> Tensor:
        """[B,D] of images [B,3,H,W] in −1..1; of several faces the largest."""
        pictures = bgr(images)
        if self.recogniser is not None:
            size = self.recogniser.input_size[0]
            pictures = bgr(
                F.interpolate(images.float(), (size, size), mode="bilinear", antialias=True)
            )
            found = [row for row in np.atleast_2d(self.recogniser.get_feat(pictures))]
        else:
            found = [_largest(self.finder.get(picture)) for picture in pictures]
        width = next((len(row) for row in found if row is not None), 1)
        rows = np.stack([np.full(width, np.nan) if row is None else row for row in found])
        return F.normalize(torch.from_numpy(rows.astype(np.float32)), dim=1).to(images.device)


def bgr(images: Tensor) -> list[np.ndarray]:
    """Images −1..1 as uint8 pictures [H,W,3] in OpenCV's order."""
    pixels = to_uint8(images).cpu().permute(0, 2, 3, 1).numpy()
    return [np.ascontiguousarray(picture[..., ::-1]) for picture in pixels]


def _largest(faces: list) -> np.ndarray | None:
    """The embedding of the face with the largest box."""
    if not faces:
        return None
    box = [(f.bbox[2] - f.bbox[0]) * (f.bbox[3] - f.bbox[1]) for f in faces]
    return faces[int(np.argmax(box))].embedding
