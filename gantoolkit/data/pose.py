"""The camera of a label map: yaw and pitch fitted to where the parts of a face lie.

A face's parts give about a hundred numbers (places and sizes relative to the face, left against right). A mirror
negates the odd part of these numbers and keeps the even part, so yaw is a linear function of odd
terms and pitch of even terms; both may use products of the strongest principal components. The weights are
one ridge regression in closed form over rendered label maps with known cameras:

    python -m gantoolkit.data.pose FIT.zip --check OTHER.zip

writes pose.json beside this file and prints the errors. Angles are radians: yaw > 0 when the camera stands on
the side of +x, pitch as in EG3D's LookAtPoseSampler; (0, 0) is level with the face and straight ahead.
"""

from __future__ import annotations

import argparse
import json
import math
from functools import lru_cache
from importlib.resources import files as package_files

import torch
from torch import Tensor

from gantoolkit.core.images import flip_labels, one_hot

# Parts as groups of labels; pairs are (person's left, person's right).
GROUPS = {
    "face": (1, 2, 3, 4, 5, 6, 7, 10, 11, 12),
    "skin": (1,),
    "nose": (2,),
    "mouth": (10, 11, 12),
    "glasses": (3,),
    "l_eye": (4,),
    "r_eye": (5,),
    "l_brow": (6,),
    "r_brow": (7,),
    "l_ear": (8,),
    "r_ear": (9,),
    "hair": (13, 14),
    "neck": (17,),
}
PAIRS = ("eye", "brow", "ear")
ODD, EVEN = 8, 12  # principal components that enter products
LIMIT = 4.0  # standard deviations: a mask beyond what was rendered counts as this far
FITTED = (
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
YAW, PITCH = 1.0, 0.6  # radians: estimates stay within these


def angles(label: Tensor) -> tuple[Tensor, Tensor]:
    """Yaw and pitch [B] of camera labels [B,25] on EG3D's sphere; the inverse of `orbit_camera`."""
    x, y, z = label[:, 3], label[:, 7], label[:, 11]
    radius = torch.stack([x, y, z]).norm(dim=0)
    return torch.atan2(x, z), -(math.pi / 2) * y / radius


def part_numbers(labels: Tensor) -> Tensor:
    """[B,F] numbers of label maps [B,H,W]: shares, places and spreads of the parts, left against right."""
    mask = one_hot(labels)
    groups = torch.stack([mask[:, list(g)].sum(1) for g in GROUPS.values()], 1)  # [B,G,H,W]
    height, width = labels.shape[-2:]
    y = ((torch.arange(height) + 0.5) / height * 2 - 1).to(mask)
    x = ((torch.arange(width) + 0.5) / width * 2 - 1).to(mask)
    rows, columns = groups.sum(3), groups.sum(2)  # [B,G,H], [B,G,W]
    area = rows.sum(2)
    safe = area.clamp_min(1)
    cx, cy = (columns * x).sum(2) / safe, (rows * y).sum(2) / safe
    sx = ((columns * x.square()).sum(2) / safe - cx.square()).clamp_min(0).sqrt()
    sy = ((rows * y.square()).sum(2) / safe - cy.square()).clamp_min(0).sqrt()
    seen = (area > 0).to(mask)
    scale = sy[:, :1].clamp_min(0.05)  # the face's height turns less than its width
    dx, dy = (cx - cx[:, :1]) / scale * seen, (cy - cy[:, :1]) / scale * seen
    size = (area / (height * width)).sqrt() * 2 / scale
    place = dict(zip(GROUPS, range(len(GROUPS))))
    return torch.cat(
        [
            dx[:, 1:],
            dy[:, 1:],
            size,
            sx / scale,
            sy[:, 1:] / scale,
            seen[:, 1:],
            *_between(dx, dy, size, seen, place),
        ],
        1,
    )


def _between(
    dx: Tensor, dy: Tensor, size: Tensor, seen: Tensor, place: dict[str, int]
) -> list[Tensor]:
    """Left against right, and nose and mouth against eyes and brows; 0 where a part is missing."""
    numbers = []
    for pair in PAIRS:
        left, right = place[f"l_{pair}"], place[f"r_{pair}"]
        numbers.append(
            (size[:, left] - size[:, right]) / (size[:, left] + size[:, right]).clamp_min(1e-3)
        )
    eyes, brows = (_middle(dx, dy, seen, place[f"l_{p}"], place[f"r_{p}"]) for p in ("eye", "brow"))
    nose, mouth = place["nose"], place["mouth"]
    for middle, apart, both in (eyes, brows):
        for part in (nose, mouth):
            known = both * seen[:, part]
            numbers.append((dx[:, part] - middle[0]) / apart * known)
            numbers.append((dy[:, part] - middle[1]) / apart * known)
        length = (dy[:, mouth] - middle[1]).clamp_min(0.2)
        numbers.append((dy[:, nose] - middle[1]) / length * both * seen[:, nose] * seen[:, mouth])
    return [n[:, None] for n in numbers]


def _middle(dx: Tensor, dy: Tensor, seen: Tensor, left: int, right: int):
    """((x, y) between a left and a right part, their distance, whether both are seen)."""
    middle = (dx[:, left] + dx[:, right]) / 2, (dy[:, left] + dy[:, right]) / 2
    return middle, (dx[:, left] - dx[:, right]).abs().clamp_min(0.2), seen[:, left] * seen[:, right]


def split(labels: Tensor) -> tuple[Tensor, Tensor]:
    """(odd, even) [B,F]: the parts of the numbers that change and keep their sign under a mirror."""
    here = torch.cat([part_numbers(part) for part in labels.split(128)])
    mirrored = torch.cat([part_numbers(flip_labels(part)) for part in labels.split(128)])
    return (here - mirrored) / 2, (here + mirrored) / 2


def terms(odd: Tensor, even: Tensor, model: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Terms for yaw [B,·] (odd, odd × even) and for pitch [B,·] (1, even, even × even, odd × odd)."""
    odd = (odd[:, model["odd"]] / model["odd_scale"]).clamp(-LIMIT, LIMIT)
    even = ((even[:, model["even"]] - model["even_mean"]) / model["even_scale"]).clamp(
        -LIMIT, LIMIT
    )
    strong, firm = odd @ model["odd_axes"].T, even @ model["even_axes"].T

    def squares(a: Tensor) -> Tensor:
        i, j = torch.triu_indices(a.shape[1], a.shape[1])
        return a[:, i] * a[:, j]

    return (
        torch.cat([odd, (strong[:, :, None] * firm[:, None]).flatten(1)], 1),
        torch.cat([even.new_ones(len(even), 1), even, squares(firm), squares(strong)], 1),
    )


def fit(labels: Tensor, cameras: Tensor, ridge: float = 10.0) -> dict:
    """The regression for label maps [N,H,W] and camera labels [N,25], as JSON-able lists."""
    odd, even = (part.double() for part in split(labels))
    used = [(part.std(0) > 1e-4).nonzero().flatten() for part in (odd, even)]
    model = {
        "odd": used[0],
        "even": used[1],
        "odd_scale": odd[:, used[0]].square().mean(0).sqrt(),
        "even_mean": even[:, used[1]].mean(0),
        "even_scale": even[:, used[1]].std(0),
    }
    model["odd_axes"] = _axes(odd[:, used[0]] / model["odd_scale"], ODD)
    model["even_axes"] = _axes((even[:, used[1]] - model["even_mean"]) / model["even_scale"], EVEN)
    for name, design, angle in zip(
        ("yaw", "pitch"), terms(odd, even, model), angles(cameras.double())
    ):
        penalty = ridge * torch.eye(design.shape[1], dtype=design.dtype)
        model[name] = torch.linalg.solve(design.T @ design + penalty, design.T @ angle)
    return {name: _rounded(value.tolist()) for name, value in model.items()}


def _axes(values: Tensor, count: int) -> Tensor:
    """The strongest principal directions [count,F] of values [N,F] that are centred and scaled."""
    return torch.linalg.svd(values.clamp(-LIMIT, LIMIT), full_matrices=False)[2][:count]


def _rounded(value):
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    return value if isinstance(value, int) else float(f"{value:.5g}")


@lru_cache(maxsize=1)
def shipped() -> dict:
    """The weights that come with the package."""
    return json.loads(
        package_files("gantoolkit.data").joinpath("pose.json").read_text(encoding="utf-8")
    )


def estimate(labels: Tensor, model: dict | None = None) -> tuple[Tensor, Tensor]:
    """Yaw and pitch [B] in radians of label maps [B,H,W] of any size."""
    model = {
        name: torch.tensor(value) for name, value in (model or shipped()).items() if name in FITTED
    }
    yaw, pitch = (t @ model[n] for t, n in zip(terms(*split(labels), model), ("yaw", "pitch")))
    return yaw.clamp(-YAW, YAW), pitch.clamp(-PITCH, PITCH)


def errors(labels: Tensor, cameras: Tensor, model: dict | None = None) -> dict[str, float]:
    """Errors of the estimate in degrees: means and 95th percentiles, beside the spread of the angles."""
    found = {}
    for name, guess, truth in zip(("yaw", "pitch"), estimate(labels, model), angles(cameras)):
        off = torch.rad2deg((guess - truth).abs())
        found |= {
            f"{name}_mean": float(off.mean()),
            f"{name}_p95": float(off.quantile(0.95)),
            f"{name}_spread": float(torch.rad2deg(truth.std())),
        }
    return found


def main() -> None:
    """Fit on one data set zip, check on others, write pose.json."""
    from gantoolkit.core import files
    from gantoolkit.data.face_zip import FaceZip

    parser = argparse.ArgumentParser(description="Fit the camera estimate to rendered label maps.")
    parser.add_argument("fit", metavar="FIT.zip", nargs="+")
    parser.add_argument("--check", metavar="ZIP", nargs="*", default=[])
    parser.add_argument("--ridge", type=float, default=10.0)
    parser.add_argument(
        "--out", metavar="FILE", default=str(package_files("gantoolkit.data") / "pose.json")
    )
    args = parser.parse_args()
    zips = [FaceZip(path) for path in args.fit]
    model = fit(
        torch.cat([z.labels for z in zips]), torch.cat([z.cameras for z in zips]), args.ridge
    )
    model["fitted_on"] = [f"{z.meta.get('name', '?')} ({len(z)})" for z in zips]
    for path in args.check:
        data = FaceZip(path)
        found = errors(data.labels, data.cameras, model)
        model["errors_in_degrees"] = {name: round(value, 2) for name, value in found.items()}
        print(path, model["errors_in_degrees"])
    files.write_text(args.out, json.dumps(model) + "\n")


if __name__ == "__main__":
    main()
