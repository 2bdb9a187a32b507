"""Camera labels: files in EG3D's and IDE-3D's sign convention, mirrors, checks, and a fit to landmarks (PnP).

A label is c [25]: cam2world row-major, then the intrinsics; OpenCV axes (x right, y down, z forward), world y
up. IDE-3D stores the same cameras with the camera's y and z axes negated: entries 1, 2, 5, 6, 9 and 10.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from gantoolkit.core.camera import FOCAL, RADIUS
from gantoolkit.core.errors import DataError
from gantoolkit.core.suggest import check_choice

CONVENTIONS = ("auto", "eg3d", "ide3d")
FLIPPED = (1, 2, 5, 6, 9, 10)  # what IDE-3D negates
MIRRORED = (1, 2, 4, 8, 3)  # what a horizontal flip of the picture negates (EG3D's mirror)
# Five points of a mean face in EG3D's world, in the order of landmark files: the eye on the image's left, the
# other eye, nose tip, the mouth's corners. 0.27 × the standard face of Deep3DFaceRecon + (0, 0.006, 0.161), the
# scale and offset with which EG3D made FFHQ's cameras.
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
    """'eg3d' where labels [N,25] look towards the origin along +z of the camera, 'ide3d' where along −z."""
    forward, place = labels[:, [2, 6, 10]], labels[:, [3, 7, 11]]
    return "eg3d" if np.median((forward * -place).sum(1)) > 0 else "ide3d"


def to_eg3d(labels: np.ndarray, given: str = "auto") -> np.ndarray:
    """Labels [N,25] in EG3D's convention."""
    check_choice("convention", given, CONVENTIONS)
    labels = np.array(labels, np.float64)
    if (detect_convention(labels) if given == "auto" else given) == "ide3d":
        labels[:, list(FLIPPED)] *= -1
    return labels


def mirror_label(label: np.ndarray) -> np.ndarray:
    """The label [...,25] of the horizontally flipped picture."""
    label = np.array(label, np.float64)
    label[..., list(MIRRORED)] *= -1
    return label


def find_label_problem(label: np.ndarray) -> str:
    """What is wrong with a label [25] in EG3D's convention, or ""."""
    if label.shape != (25,) or not np.isfinite(label).all():
        return "it does not hold 25 finite numbers"
    turn, place = label[:16].reshape(4, 4)[:3, :3], label[[3, 7, 11]]
    if np.abs(turn @ turn.T - np.eye(3)).max() > 1e-2 or np.linalg.det(turn) < 0:
        return "its rotation is none"
    if turn[:, 2] @ -place <= 0:
        return "it looks away from the face (another sign convention?)"
    if not 0.5 < label[16] < 20 or abs(label[18] - 0.5) > 0.3:
        return "its intrinsics are not divided by the image size"
    return ""


def read_camera_labels(path: str | Path, given: str = "auto") -> dict[str, np.ndarray]:
    """stem → label [25] in EG3D's convention, of a dataset.json {"labels": [[file, 25 numbers], …]}.

    Leading zeros of numbers do not matter; entries of mirrored pictures are left out.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        rows = content["labels"] if isinstance(content, dict) and "labels" in content else content
        pairs = list(rows.items()) if isinstance(rows, dict) else [(row[0], row[1]) for row in rows]
        pairs = [(stem(name), label) for name, label in pairs if "mirror" not in str(name)]
        labels = to_eg3d(np.array([label for _, label in pairs], np.float64).reshape(-1, 25), given)
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise DataError(
            f"{path} holds no camera labels ({type(error).__name__}: {error}); a dataset.json "
            'with {"labels": [["file.png", [25 numbers]], …]} is expected.'
        ) from None
    return dict(zip([name for name, _ in pairs], labels))


def stem(name: str | Path) -> str:
    """What names of one sample share: '00000/img00000012.png', '12.jpg' and '00012' are all '12'."""
    bare = Path(str(name)).stem
    digits = bare.removeprefix("img").removeprefix("seed")
    return str(int(digits)) if digits.isdecimal() else bare


# -- a camera from landmarks -------------------------------------------------------------------------------


def rotation(vector: np.ndarray) -> np.ndarray:
    """[3,3] of an axis times its angle [3] (Rodrigues)."""
    angle = np.linalg.norm(vector)
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def project(
    model: np.ndarray, turn: np.ndarray, shift: np.ndarray, focal: float = FOCAL
) -> np.ndarray:
    """World points [N,3] → [N,2] in 0..1 of the image, through world-to-camera (turn [3,3], shift [3])."""
    seen = model @ turn.T + shift
    return focal * seen[:, :2] / seen[:, 2:] + 0.5


def fit_camera(
    points: np.ndarray, model: np.ndarray = MEAN_FACE, focal: float = FOCAL
) -> tuple[np.ndarray, float]:
    """(label [25], root-mean-square error in image widths) of the camera that sees `model` at `points`.

    points [N,2] in 0..1, model [N,3] in EG3D's world, N ≥ 4. Levenberg–Marquardt from the frontal camera over
    rotation and position; then, as EG3D's 'orig' mode, the position is moved along its ray to the radius 2.7.
    """
    front = np.diag([1.0, -1.0, -1.0])

    def residual(p: np.ndarray) -> np.ndarray:
        return (project(model, rotation(p[:3]) @ front, p[3:], focal) - points).ravel()

    best, damping = np.array([0, 0, 0, 0, 0, RADIUS]), 1e-3
    now = residual(best)
    for _ in range(60):
        slope = np.stack([(residual(best + step) - now) / 1e-6 for step in np.eye(6) * 1e-6], 1)
        normal = slope.T @ slope
        step = np.linalg.solve(normal + damping * np.diag(normal.diagonal() + 1e-9), -slope.T @ now)
        new = residual(best + step)
        if new @ new < now @ now:
            best, damping, settled = best + step, damping / 4, np.abs(step).max() < 1e-10
            now = new
            if settled:
                break
        else:
            damping *= 5
    turn = rotation(best[:3]) @ front
    return _label(turn, -turn.T @ best[3:], focal), float(np.sqrt((now**2).mean() * 2))


def _label(turn: np.ndarray, place: np.ndarray, focal: float) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn.T, place * (RADIUS / np.linalg.norm(place))
    return np.concatenate([pose.ravel(), [focal, 0, 0.5, 0, focal, 0.5, 0, 0, 1]])
