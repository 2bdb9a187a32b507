"""Points on a face: from its label map, from a landmark file, or from a photo by MediaPipe's face mesh.

MediaPipe is an optional extra (`pip install 'gantoolkit[landmarks]'`); nothing is fetched: its version 0.10.14 holds
a face mesh, later ones are given their model file face_landmarker.task (Apache-2.0) by path.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.core.labels import CLASSES
from gantoolkit.data.cameras import MEAN_FACE, stem

# Points of MediaPipe's canonical face (centimetres; x to the person's left, y up, z forward) that hardly move
# with the expression: corners of the eyes, nose, temples, and the mouth's corners. Number → place.
_LEFT = {
    133: (-1.856432, 2.585245, 3.757904),
    33: (-4.445859, 2.663991, 3.173422),
    98: (-1.405627, -1.714196, 5.241087),
    48: (-1.608635, -0.942516, 5.814193),
    127: (-7.743095, 2.364999, -2.005167),
    61: (-2.456206, -4.342621, 4.283884),
}
_OTHER = {133: 362, 33: 263, 98: 327, 48: 278, 127: 356, 61: 291}
MESH = {
    1: (0, -1.126865, 7.475604),
    5: (0, 0.365669, 7.24287),
    6: (0, 2.473255, 5.788627),
    168: (0, 3.271027, 5.236015),
    9: (0, 4.885979, 5.385258),
    **_LEFT,
    **{_OTHER[k]: (-x, y, z) for k, (x, y, z) in _LEFT.items()},
}


def five_points_of_mesh(points: np.ndarray) -> np.ndarray:
    """The five points [5,·] of a face mesh [468 or more,·]: eyes, nose tip, mouth corners."""
    return np.stack(
        [points[[33, 133]].mean(0), points[[362, 263]].mean(0), points[1], points[61], points[291]]
    )


@lru_cache(maxsize=1)
def mesh_landmarks() -> tuple[list[int], np.ndarray]:
    """(numbers, places [N,3] in EG3D's world) of MESH: the similarity that brings its five points onto MEAN_FACE."""
    numbers = list(MESH)
    whole = np.zeros((max(numbers) + 1, 3))
    whole[numbers] = [MESH[k] for k in numbers]
    five = five_points_of_mesh(whole)
    here, there = five - five.mean(0), MEAN_FACE - MEAN_FACE.mean(0)
    u, s, v = np.linalg.svd(there.T @ here)  # Umeyama
    sign = np.diag([1, 1, np.sign(np.linalg.det(u @ v))])
    turn, scale = u @ sign @ v, (s * sign.diagonal()).sum() / (here**2).sum()
    return numbers, (whole[numbers] - five.mean(0)) @ turn.T * scale + MEAN_FACE.mean(0)


def landmarks_of_label_map(labels: np.ndarray) -> np.ndarray:
    """[5,2] in 0..1 (x, y): eyes, nose tip and mouth corners of a label map [H,W]."""
    number = {name: k for k, name in enumerate(CLASSES)}
    size = np.array(labels.shape[::-1], float)

    def places(*parts: str) -> np.ndarray:
        rows, columns = np.isin(labels, [number[p] for p in parts]).nonzero()
        return np.stack([columns + 0.5, rows + 0.5], 1) / size

    left, right, nose = places("r_eye"), places("l_eye"), places("nose")
    if not len(left) or not len(right):  # hidden by glasses
        glasses = places("eye_g")
        middle = glasses[:, 0].mean() if len(glasses) else 0
        left, right = glasses[glasses[:, 0] < middle], glasses[glasses[:, 0] >= middle]
    mouth = places("mouth", "u_lip", "l_lip")
    if min(map(len, (left, right, nose, mouth))) == 0:
        raise DataError(
            "its label map shows no two eyes, nose and mouth, so no landmarks can be read from it"
        )
    low, high = np.quantile(nose[:, 1], [0.55, 0.9])
    tip = nose[(nose[:, 1] >= low) & (nose[:, 1] <= high)].mean(0)
    ends = np.quantile(mouth[:, 0], [0.02, 0.98])
    corners = [mouth[mouth[:, 0] <= ends[0]].mean(0), mouth[mouth[:, 0] >= ends[1]].mean(0)]
    return np.stack([left.mean(0), right.mean(0), tip, *corners])


def read_landmark_folder(folder: str | Path) -> dict[str, np.ndarray]:
    """stem → [5,2] in pixels, of a folder of NAME.txt with five lines "x y" (MTCNN's, as EG3D keeps them)."""
    found = {}
    for path in sorted(Path(folder).glob("*.txt")):
        try:
            found[stem(path)] = np.loadtxt(path).reshape(5, 2)
        except ValueError:
            raise DataError(
                f"{path} does not hold five lines of x and y; give MTCNN's five points."
            ) from None
    if not found:
        raise DataError(f"{folder} holds no landmark files NAME.txt.")
    return found


class FaceMesh:
    """MediaPipe's face mesh: `points(picture)` [468 or more,2] in 0..1 of one face, None where it sees none.

    model  face_landmarker.task, which every version takes; "": the mesh that version 0.10.14 brings with it
    """

    def __init__(self, model: str | Path = ""):
        try:
            import mediapipe
        except ImportError:
            raise UsageError(
                "Cameras from photos need MediaPipe; install it with pip install "
                "'gantoolkit[landmarks]', or choose --cameras mask."
            ) from None
        self._find = _landmarker(mediapipe, model) if str(model) else _own_mesh(mediapipe)

    def points(self, picture: np.ndarray) -> np.ndarray | None:
        """picture [H,W,3] uint8 RGB."""
        found = self._find(np.ascontiguousarray(picture))
        return None if found is None else np.array([(p.x, p.y) for p in found])


def _landmarker(mediapipe, model: str | Path):
    """Picture → landmarks of its first face, by the model file of MediaPipe's tasks."""
    if not Path(model).is_file():
        raise UsageError(
            f"There is no model file {model}; give MediaPipe's face_landmarker.task by "
            "--face-model (docs/full-scale.md says where it comes from)."
        )
    vision, base = mediapipe.tasks.vision, mediapipe.tasks.BaseOptions(model_asset_path=str(model))
    try:
        net = vision.FaceLandmarker.create_from_options(
            vision.FaceLandmarkerOptions(base_options=base, num_faces=1)
        )
    except (RuntimeError, ValueError) as error:
        raise DataError(
            f"MediaPipe cannot read {model} ({error}); give its face_landmarker.task."
        ) from None

    def find(picture: np.ndarray):
        faces = net.detect(
            mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture)
        ).face_landmarks
        return faces[0] if faces else None

    return find


def _own_mesh(mediapipe):
    """The same by the mesh that older versions of the library hold themselves."""
    if not hasattr(mediapipe, "solutions"):
        raise UsageError(
            f"MediaPipe {mediapipe.__version__} brings no face mesh with it; give its "
            "face_landmarker.task by --face-model (docs/full-scale.md says where it comes from), or "
            "install mediapipe==0.10.14, which needs none."
        )
    net = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1)

    def find(picture: np.ndarray):
        faces = net.process(picture).multi_face_landmarks
        return faces[0].landmark if faces else None

    return find
