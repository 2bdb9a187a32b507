"""The camera of a label map: yaw and pitch by a regression on where the parts of a face lie.

A face's parts give about a hundred features (positions and sizes relative to the face, left against
right). A mirror negates the odd part of these features and keeps the even part. So yaw is a linear
function of odd terms and pitch of even terms; both may use products of the strongest principal
components. The weights are one ridge regression in closed form over rendered label maps with known
cameras:

    python -m gantoolkit.data.pose FIT.zip --check OTHER.zip

writes pose.json beside this file and prints the errors. Angles are radians: yaw > 0 when the camera
stands on the side of +x, pitch as in EG3D's LookAtPoseSampler; (0, 0) is level with the face and
straight ahead.
"""

from __future__ import annotations

import argparse
import json
import math
from functools import lru_cache
from importlib.resources import files as package_files

import torch
from torch import Tensor

from gantoolkit.data.pose_features import odd_even_features

ODD_AXES = 8  # principal components of odd features that enter products
EVEN_AXES = 12  # the same of even features
LIMIT = 4.0  # standard deviations: a mask beyond what was rendered counts as this far
FITTED = (  # keys of pose.json that hold tensors
    "odd",
    "even",
    "odd_scale",
    "even_mean",
    "even_scale",
    "odd_axes",
    "even_axes",
    "yaw",
    "pitch",
)
ANGLES = ("yaw", "pitch")
MAX_YAW = 1.0  # radians: estimates stay within ± this
MAX_PITCH = 0.6


def angles(label: Tensor) -> tuple[Tensor, Tensor]:
    """Return yaw and pitch [B] of camera labels [B,25] on EG3D's sphere, as `orbit_camera`'s."""
    x, y, z = label[:, 3], label[:, 7], label[:, 11]
    radius = torch.stack([x, y, z]).norm(dim=0)
    return torch.atan2(x, z), -(math.pi / 2) * y / radius


def design_matrices(odd: Tensor, even: Tensor, model: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Build the terms of the regression from odd and even features [B,F].

    Yaw [B,·] has odd and odd × even terms; pitch [B,·] has 1, even, even × even and odd × odd
    terms.
    """
    odd = (odd[:, model["odd"]] / model["odd_scale"]).clamp(-LIMIT, LIMIT)
    even = (even[:, model["even"]] - model["even_mean"]) / model["even_scale"]
    even = even.clamp(-LIMIT, LIMIT)
    strong_odd = odd @ model["odd_axes"].T
    strong_even = even @ model["even_axes"].T

    odd_by_even = (strong_odd[:, :, None] * strong_even[:, None]).flatten(1)
    yaw_terms = torch.cat([odd, odd_by_even], 1)
    one = even.new_ones(len(even), 1)
    pitch_terms = torch.cat(
        [one, even, _pairwise_products(strong_even), _pairwise_products(strong_odd)], 1
    )
    return yaw_terms, pitch_terms


def _pairwise_products(values: Tensor) -> Tensor:
    """Multiply every pair of columns of [B,C], each pair once: [B, C(C + 1) / 2]."""
    i, j = torch.triu_indices(values.shape[1], values.shape[1])
    return values[:, i] * values[:, j]


def fit_regression(labels: Tensor, cameras: Tensor, ridge: float = 10.0) -> dict:
    """Fit the regression to label maps [N,H,W] and camera labels [N,25]; JSON-able lists.

    ridge  weight of the squared coefficients
    """
    odd, even = (features.double() for features in odd_even_features(labels))
    model = {
        "odd": (odd.std(0) > 1e-4).nonzero().flatten(),
        "even": (even.std(0) > 1e-4).nonzero().flatten(),
    }
    used_odd, used_even = odd[:, model["odd"]], even[:, model["even"]]
    model["odd_scale"] = used_odd.square().mean(0).sqrt()
    model["even_mean"] = used_even.mean(0)
    model["even_scale"] = used_even.std(0)
    model["odd_axes"] = _principal_axes(used_odd / model["odd_scale"], ODD_AXES)
    centered = (used_even - model["even_mean"]) / model["even_scale"]
    model["even_axes"] = _principal_axes(centered, EVEN_AXES)

    designs = design_matrices(odd, even, model)
    for name, design, angle in zip(ANGLES, designs, angles(cameras.double()), strict=True):
        penalty = ridge * torch.eye(design.shape[1], dtype=design.dtype)
        model[name] = torch.linalg.solve(design.T @ design + penalty, design.T @ angle)
    return {name: _round(value.tolist()) for name, value in model.items()}


def _principal_axes(values: Tensor, count: int) -> Tensor:
    """Return the strongest principal directions [count,F] of centered, scaled values [N,F]."""
    return torch.linalg.svd(values.clamp(-LIMIT, LIMIT), full_matrices=False)[2][:count]


def _round(value):
    """Round the numbers of nested lists to five digits."""
    if isinstance(value, list):
        return [_round(item) for item in value]
    return value if isinstance(value, int) else float(f"{value:.5g}")


@lru_cache(maxsize=1)
def shipped_model() -> dict:
    """Read the weights that come with the package."""
    file = package_files("gantoolkit.data").joinpath("pose.json")
    return json.loads(file.read_text(encoding="utf-8"))


def estimate(labels: Tensor, model: dict | None = None) -> tuple[Tensor, Tensor]:
    """Estimate yaw and pitch [B] in radians of label maps [B,H,W] of any size."""
    stored = model or shipped_model()
    tensors = {name: torch.tensor(stored[name]) for name in FITTED}
    yaw_terms, pitch_terms = design_matrices(*odd_even_features(labels), tensors)
    yaw = yaw_terms @ tensors["yaw"]
    pitch = pitch_terms @ tensors["pitch"]
    return yaw.clamp(-MAX_YAW, MAX_YAW), pitch.clamp(-MAX_PITCH, MAX_PITCH)


def estimate_errors(labels: Tensor, cameras: Tensor, model: dict | None = None) -> dict[str, float]:
    """Measure the error in degrees: mean and 95th percentile, beside the angles' deviation."""
    errors = {}
    estimates = estimate(labels, model)
    for name, estimated, truth in zip(ANGLES, estimates, angles(cameras), strict=True):
        error = torch.rad2deg((estimated - truth).abs())
        errors[f"{name}_mean"] = float(error.mean())
        errors[f"{name}_p95"] = float(error.quantile(0.95))
        errors[f"{name}_spread"] = float(torch.rad2deg(truth.std()))
    return errors


def main() -> None:
    """Fit on data set zips, check on others, write pose.json."""
    from gantoolkit.core import files
    from gantoolkit.data.face_zip import FaceZip

    default_out = str(package_files("gantoolkit.data") / "pose.json")
    parser = argparse.ArgumentParser(description="Fit the camera estimate to rendered label maps.")
    parser.add_argument("fit", metavar="FIT.zip", nargs="+")
    parser.add_argument("--check", metavar="ZIP", nargs="*", default=[])
    parser.add_argument("--ridge", type=float, default=10.0)
    parser.add_argument("--out", metavar="FILE", default=default_out)
    args = parser.parse_args()

    zips = [FaceZip(path) for path in args.fit]
    labels = torch.cat([data.labels for data in zips])
    cameras = torch.cat([data.cameras for data in zips])
    model = fit_regression(labels, cameras, args.ridge)
    model["fitted_on"] = [f"{data.meta.get('name', '?')} ({len(data)})" for data in zips]
    for path in args.check:
        data = FaceZip(path)
        errors = estimate_errors(data.labels, data.cameras, model)
        model["errors_in_degrees"] = {name: round(value, 2) for name, value in errors.items()}
        print(path, model["errors_in_degrees"])
    files.write_text(args.out, json.dumps(model) + "\n")


if __name__ == "__main__":
    main()
