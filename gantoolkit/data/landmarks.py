"""Points on a face: from its label map, a landmark file, or a photo by MediaPipe's face mesh.

MediaPipe is an optional extra (`pip install 'gantoolkit[landmarks]'`). Nothing is fetched: its
version 0.10.14 holds a face mesh, later ones are given their model file face_landmarker.task
(Apache-2.0) by path.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.core.labels import index as class_index
from gantoolkit.data.cameras import MEAN_FACE, stem

# Points of MediaPipe's canonical face that hardly move with the expression: corners of the eyes,
# nose, temples, and the mouth's corners. Index → position in centimeters, x to the person's left,
# y up, z forward.
_LEFT = {
    133: (-1.856432, 2.585245, 3.757904),
    33: (-4.445859, 2.663991, 3.173422),
    98: (-1.405627, -1.714196, 5.241087),
    48: (-1.608635, -0.942516, 5.814193),
    127: (-7.743095, 2.364999, -2.005167),
    61: (-2.456206, -4.342621, 4.283884),
}
_OPPOSITE = {133: 362, 33: 263, 98: 327, 48: 278, 127: 356, 61: 291}
MESH = {
    1: (0, -1.126865, 7.475604),
    5: (0, 0.365669, 7.24287),
    6: (0, 2.473255, 5.788627),
    168: (0, 3.271027, 5.236015),
    9: (0, 4.885979, 5.385258),
    **_LEFT,
    **{_OPPOSITE[k]: (-x, y, z) for k, (x, y, z) in _LEFT.items()},
}


def five_points_of_mesh(points: np.ndarray) -> np.ndarray:
    """Reduce a face mesh [468 or more,·] to five points [5,·]: eyes, nose tip, mouth corners."""
    left_eye = points[[33, 133]].mean(0)
    right_eye = points[[362, 263]].mean(0)
    return np.stack([left_eye, right_eye, points[1], points[61], points[291]])


@lru_cache(maxsize=1)
def mesh_landmarks() -> tuple[list[int], np.ndarray]:
    """Return (indices, positions [N,3] in EG3D's world) of the points in MESH.

    Positions are moved by the similarity that brings the mesh's five points onto MEAN_FACE
    (Umeyama 1991, "Least-squares estimation of transformation parameters").
    """
    indices = list(MESH)
    mesh = np.zeros((max(indices) + 1, 3))
    mesh[indices] = [MESH[k] for k in indices]
    five = five_points_of_mesh(mesh)
    source = five - five.mean(0)
    target = MEAN_FACE - MEAN_FACE.mean(0)

    u, s, v = np.linalg.svd(target.T @ source)
    sign = np.diag([1, 1, np.sign(np.linalg.det(u @ v))])
    rotation = u @ sign @ v
    scale = (s * sign.diagonal()).sum() / (source**2).sum()
    positions = (mesh[indices] - five.mean(0)) @ rotation.T * scale + MEAN_FACE.mean(0)
    return indices, positions


def landmarks_of_label_map(labels: np.ndarray) -> np.ndarray:
    """Estimate [5,2] in 0..1 (x, y): eyes, nose tip and mouth corners of a label map [H,W]."""
    left_eye = _pixels_of(labels, "r_eye")  # the person's right lies on the image's left
    right_eye = _pixels_of(labels, "l_eye")
    if not len(left_eye) or not len(right_eye):  # hidden by glasses
        glasses = _pixels_of(labels, "eye_g")
        middle = glasses[:, 0].mean() if len(glasses) else 0
        left_eye = glasses[glasses[:, 0] < middle]
        right_eye = glasses[glasses[:, 0] >= middle]

    nose = _pixels_of(labels, "nose")
    mouth = _pixels_of(labels, "mouth", "u_lip", "l_lip")
    if min(map(len, (left_eye, right_eye, nose, mouth))) == 0:
        raise DataError(
            "its label map shows no two eyes, nose and mouth, so no landmarks can be read from it"
        )
    low, high = np.quantile(nose[:, 1], [0.55, 0.9])
    tip = nose[(nose[:, 1] >= low) & (nose[:, 1] <= high)].mean(0)
    left_end, right_end = np.quantile(mouth[:, 0], [0.02, 0.98])
    left_corner = mouth[mouth[:, 0] <= left_end].mean(0)
    right_corner = mouth[mouth[:, 0] >= right_end].mean(0)
    return np.stack([left_eye.mean(0), right_eye.mean(0), tip, left_corner, right_corner])


def _pixels_of(labels: np.ndarray, *classes: str) -> np.ndarray:
    """List the pixel centers [N,2] in 0..1 (x, y) of some classes of a label map [H,W]."""
    size = np.array(labels.shape[::-1], float)
    y, x = np.isin(labels, [class_index(name) for name in classes]).nonzero()
    return np.stack([x + 0.5, y + 0.5], 1) / size


def read_landmark_folder(folder: str | Path) -> dict[str, np.ndarray]:
    """Read a folder of landmark files: stem → [5,2] in pixels.

    NAME.txt holds five lines "x y" (MTCNN's, as EG3D keeps them).
    """
    landmarks = {}
    for path in sorted(Path(folder).glob("*.txt")):
        try:
            landmarks[stem(path)] = np.loadtxt(path).reshape(5, 2)
        except ValueError:
            raise DataError(
                f"{path} does not hold five lines of x and y; give MTCNN's five points."
            ) from None
    if not landmarks:
        raise DataError(f"{folder} holds no landmark files NAME.txt.")
    return landmarks


class FaceMesh:
    """MediaPipe's face mesh.

    model  face_landmarker.task, which every version takes; "": the mesh that version 0.10.14 brings
           with it
    """

    def __init__(self, model: str | Path = ""):
        try:
            import mediapipe
        except ImportError:
            raise UsageError(
                "Cameras from photos need MediaPipe; install it with pip install "
                "'gantoolkit[landmarks]', or choose --cameras mask."
            ) from None
        if str(model):
            self._detect = _model_file_detector(mediapipe, model)
        else:
            self._detect = _built_in_detector(mediapipe)

    def points(self, image: np.ndarray) -> np.ndarray | None:
        """Locate the mesh [468 or more,2] in 0..1 of one face; None without a face.

        image  [H,W,3] uint8 RGB
        """
        landmarks = self._detect(np.ascontiguousarray(image))
        if landmarks is None:
            return None
        return np.array([(point.x, point.y) for point in landmarks])


def _model_file_detector(mediapipe, model: str | Path):
    """Return a function: image → landmarks of its first face, by a model file."""
    if not Path(model).is_file():
        raise UsageError(
            f"There is no model file {model}; give MediaPipe's face_landmarker.task by "
            "--face-model (docs/full-scale.md says where it comes from)."
        )
    vision = mediapipe.tasks.vision
    base_options = mediapipe.tasks.BaseOptions(model_asset_path=str(model))
    options = vision.FaceLandmarkerOptions(base_options=base_options, num_faces=1)
    try:
        landmarker = vision.FaceLandmarker.create_from_options(options)
    except (RuntimeError, ValueError) as error:
        raise DataError(
            f"MediaPipe cannot read {model} ({error}); give its face_landmarker.task."
        ) from None

    def detect(image: np.ndarray):
        wrapped = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image)
        faces = landmarker.detect(wrapped).face_landmarks
        return faces[0] if faces else None

    return detect


def _built_in_detector(mediapipe):
    """Return the same by the mesh that older versions of the library hold themselves."""
    if not hasattr(mediapipe, "solutions"):
        raise UsageError(
            f"MediaPipe {mediapipe.__version__} brings no face mesh with it; give its "
            "face_landmarker.task by --face-model (docs/full-scale.md says where it comes from), "
            "or install mediapipe==0.10.14, which needs none."
        )
    mesh = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1)

    def detect(image: np.ndarray):
        faces = mesh.process(image).multi_face_landmarks
        return faces[0].landmark if faces else None

    return detect
