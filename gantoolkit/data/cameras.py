"""Camera labels: sign conventions, mirrors, checks, and a fit to landmarks (PnP).

A label is c [25]: cam2world row-major, then the intrinsics. Axes are OpenCV's (x right, y down, z
forward) and world y is up. IDE-3D stores the same cameras with the camera's y and z axes negated:
entries 1, 2, 5, 6, 9 and 10.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gantoolkit.core import files
from gantoolkit.core.camera import FOCAL, RADIUS
from gantoolkit.core.errors import DataError
from gantoolkit.core.suggest import check_choice
from gantoolkit.core.text import normal_name

CONVENTIONS = ("auto", "eg3d", "ide3d")
FLIPPED = (1, 2, 5, 6, 9, 10)  # entries that IDE-3D negates
MIRRORED = (1, 2, 4, 8, 3)  # entries that a horizontal flip of the image negates (EG3D's mirror)
FORWARD = [2, 6, 10]  # entries of the camera's z axis
POSITION = [3, 7, 11]  # entries of the camera's position
# Five points of a mean face in EG3D's world, in the order of landmark files: the eye on the image's
# left, the other eye, nose tip, the mouth's corners. They are 0.27 × the standard face of
# Deep3DFaceRecon + (0, 0.006, 0.161), the scale and offset with which EG3D made FFHQ's cameras.
MEAN_FACE = np.array(
    [
        [-0.0841, 0.0304, 0.1971],
        [0.0836, 0.0302, 0.1966],
        [0.0009, -0.0605, 0.3102],
        [-0.0681, -0.1510, 0.2215],
        [0.0671, -0.1509, 0.2210],
    ]
)


def detect_convention(labels: np.ndarray) -> str:
    """Return 'eg3d' where labels [N,25] look towards the origin along +z, 'ide3d' along −z."""
    forward, position = labels[:, FORWARD], labels[:, POSITION]
    towards_origin = (forward * -position).sum(1)
    return "eg3d" if np.median(towards_origin) > 0 else "ide3d"


def to_eg3d(labels: np.ndarray, convention: str = "auto") -> np.ndarray:
    """Convert labels [N,25] of a convention to EG3D's, in float64."""
    check_choice("convention", convention, CONVENTIONS)
    labels = np.array(labels, np.float64)
    if convention == "auto":
        convention = detect_convention(labels)
    if convention == "ide3d":
        labels[:, list(FLIPPED)] *= -1
    return labels


def mirror_label(label: np.ndarray) -> np.ndarray:
    """Return the label [...,25] of the horizontally flipped image."""
    label = np.array(label, np.float64)
    label[..., list(MIRRORED)] *= -1
    return label


def find_label_problem(label: np.ndarray) -> str:
    """Say what is wrong with a label [25] in EG3D's convention, or ""."""
    if label.shape != (25,) or not np.isfinite(label).all():
        return "it does not hold 25 finite numbers"
    rotation = label[:16].reshape(4, 4)[:3, :3]
    position = label[POSITION]
    off_orthogonal = np.abs(rotation @ rotation.T - np.eye(3)).max()
    if off_orthogonal > 1e-2 or np.linalg.det(rotation) < 0:
        return "its rotation is not a rotation matrix"
    if rotation[:, 2] @ -position <= 0:
        return "it looks away from the face (another sign convention?)"
    focal, center = label[16], label[18]
    if not 0.5 < focal < 20 or abs(center - 0.5) > 0.3:
        return "its intrinsics are not divided by the image size"
    return ""


def read_camera_labels(path: str | Path, convention: str = "auto") -> dict[str, np.ndarray]:
    """Read the labels of a dataset.json: stem → label [25] in EG3D's convention.

    The file holds {"labels": [[file, 25 numbers], …]}. Leading zeros of numbers do not matter;
    entries of mirrored images are left out.
    """
    content = files.read_json(path)
    try:
        if isinstance(content, dict) and "labels" in content:
            content = content["labels"]
        if isinstance(content, dict):
            pairs = list(content.items())
        else:
            pairs = [(entry[0], entry[1]) for entry in content]
        pairs = [(stem(name), label) for name, label in pairs if "mirror" not in str(name)]
        labels = np.array([label for _, label in pairs], np.float64).reshape(-1, 25)
        labels = to_eg3d(labels, convention)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise DataError(
            f"{path} holds no camera labels ({type(error).__name__}: {error}); a dataset.json "
            'with {"labels": [["file.png", [25 numbers]], …]} is expected.'
        ) from None
    return dict(zip([name for name, _ in pairs], labels, strict=True))


def stem(name: str | Path) -> str:
    """Return what names of one sample share.

    >>> stem("00000/img00000012.png"), stem("12.jpg"), stem("00012")
    ('12', '12', '12')
    """
    bare = normal_name(Path(str(name)).stem)
    digits = bare.removeprefix("img").removeprefix("seed")
    return str(int(digits)) if digits.isdecimal() else bare


# -- a camera from landmarks ---------------------------------------------------------------------


def rotation_matrix(vector: np.ndarray) -> np.ndarray:
    """Return the rotation [3,3] of a vector axis × angle [3] (Rodrigues)."""
    angle = np.linalg.norm(vector)
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def project(
    points: np.ndarray, rotation: np.ndarray, translation: np.ndarray, focal: float = FOCAL
) -> np.ndarray:
    """Project world points [N,3] to [N,2] in 0..1 of the image.

    rotation [3,3] and translation [3] lead from the world to the camera; focal is in image widths.
    """
    in_camera = points @ rotation.T + translation
    return focal * in_camera[:, :2] / in_camera[:, 2:] + 0.5


def fit_camera(
    landmarks: np.ndarray, model: np.ndarray = MEAN_FACE, focal: float = FOCAL
) -> tuple[np.ndarray, float]:
    """Fit the camera that sees the points `model` at `landmarks`.

    Levenberg–Marquardt from the frontal camera over rotation and position. Then the position is
    moved along its ray to the radius 2.7, as in EG3D's 'orig' mode.

    landmarks  [N,2] in 0..1 of the image, N ≥ 4
    model      [N,3] in EG3D's world
    returns    (label [25], root-mean-square error in image widths)
    """
    from scipy.optimize import least_squares

    frontal = np.diag([1.0, -1.0, -1.0])

    def residuals(pose: np.ndarray) -> np.ndarray:
        rotation = rotation_matrix(pose[:3]) @ frontal
        return (project(model, rotation, pose[3:], focal) - landmarks).ravel()

    start = np.array([0, 0, 0, 0, 0, RADIUS])
    solution = least_squares(residuals, start, method="lm", xtol=1e-10, ftol=1e-10, gtol=1e-10)
    rotation = rotation_matrix(solution.x[:3]) @ frontal
    position = -rotation.T @ solution.x[3:]
    error = float(np.sqrt((solution.fun**2).mean() * 2))
    return _make_label(rotation, position, focal), error


def _make_label(rotation: np.ndarray, position: np.ndarray, focal: float) -> np.ndarray:
    """Return the label [25] of a world-to-camera rotation and a position, at the radius 2.7."""
    cam2world = np.eye(4)
    cam2world[:3, :3] = rotation.T
    cam2world[:3, 3] = position * (RADIUS / np.linalg.norm(position))
    intrinsics = [focal, 0, 0.5, 0, focal, 0.5, 0, 0, 1]
    return np.concatenate([cam2world.ravel(), intrinsics])
