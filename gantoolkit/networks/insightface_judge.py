"""insightface as a judge of identity: a detector that aligns, a recognizer that embeds.

ONNX models have no gradient, so this serves only metrics. A weights name is `insightface:PATH`:
a folder of *.onnx files with a detector and a recognizer, or a recognizer's file, which then sees
the whole image.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.errors import WeightsError
from gantoolkit.core.images import to_uint8
from gantoolkit.weights.recognize import refuse_damaged

PREFIX = "insightface:"
DETECTION_SIZE = (640, 640)  # fixed: its default changed between versions
PROVIDERS = ["CPUExecutionProvider"]


class InsightFace(nn.Module):
    """Embed faces as unit vectors [B,D]; a row is NaN where no face is found.

    path  a folder of *.onnx files, or a recognizer's file
    """

    def __init__(self, path: str | Path):
        super().__init__()
        import gantoolkit.core.compat  # noqa: F401

        path = Path(path)
        is_empty = path.is_dir() and not list(path.glob("*.onnx"))
        if is_empty or not path.exists():
            raise WeightsError(
                f"insightface needs {path}: a folder with a detector and a recognizer as *.onnx, "
                "or the file of a recognizer; see docs/weights.md for where models come from."
            )
        for file in sorted(path.glob("*.onnx")) if path.is_dir() else [path]:
            refuse_damaged(file)
        self.face_analysis = self.recognizer = None
        if path.is_dir():
            from insightface.app import FaceAnalysis

            self.face_analysis = FaceAnalysis(
                name=str(path), allowed_modules=["detection", "recognition"], providers=PROVIDERS
            )
            self.face_analysis.prepare(ctx_id=-1, det_size=DETECTION_SIZE)
        else:
            from insightface.model_zoo import get_model

            self.recognizer = get_model(str(path), providers=PROVIDERS)

    def embed(self, images: Tensor) -> Tensor:
        """Return embeddings [B,D] of images [B,3,H,W] in −1..1; of several faces the largest."""
        if self.recognizer is not None:
            size = self.recognizer.input_size[0]
            resized = F.interpolate(images.float(), (size, size), mode="bilinear", antialias=True)
            embeddings = list(np.atleast_2d(self.recognizer.get_feat(to_bgr(resized))))
        else:
            faces = [self.face_analysis.get(image) for image in to_bgr(images)]
            embeddings = [_largest_face(candidates) for candidates in faces]

        lengths = [len(embedding) for embedding in embeddings if embedding is not None]
        missing = np.full(lengths[0] if lengths else 1, np.nan)
        stacked = np.stack([missing if row is None else row for row in embeddings])
        vectors = torch.from_numpy(stacked.astype(np.float32))
        return F.normalize(vectors, dim=1).to(images.device)


def to_bgr(images: Tensor) -> list[np.ndarray]:
    """Convert images −1..1 to uint8 arrays [H,W,3] in OpenCV's order."""
    pixels = to_uint8(images).cpu().permute(0, 2, 3, 1).numpy()
    return [np.ascontiguousarray(image[..., ::-1]) for image in pixels]


def _largest_face(faces: list) -> np.ndarray | None:
    """Return the embedding of the face with the largest box, None without faces."""
    if not faces:
        return None

    def area(face) -> float:
        left, top, right, bottom = face.bbox[:4]
        return (right - left) * (bottom - top)

    return max(faces, key=area).embedding
