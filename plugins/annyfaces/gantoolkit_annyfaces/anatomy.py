"""The head itself: factors to vertices, with eyeballs, teeth, and where all else attaches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gantoolkit_annyfaces.basis import REGIONS, coefficients, load_basis, name_index
from gantoolkit_annyfaces.parts import Part, smooth_normals, smoothstep, vectors
from gantoolkit_annyfaces.shapes import ball, grid_faces

EYE_RADIUS = 0.79  # of the distance between the two eye landmarks of the basis
# cm on the average head; heads are scaled to this size, keeping a third of the difference
EYE_TO_EYE = 6.16
EYE_TO_MOUTH = 7.1
EYE_CAVITIES = ("eye_cavity.L", "eye_cavity.R")
GOLDEN_ANGLE = 2.39996  # radians
# Means of local changes for women and men, beside what Anny's own gender does.
GENDERED = {
    "mouth-upperlip-volume-incr": (0.22, -0.05),
    "mouth-lowerlip-volume-incr": (0.2, -0.05),
    "chin-width-incr": (-0.40, 0.05),
    "chin-bones-incr": (-0.40, 0.10),
    "head-scale-horiz-incr": (-0.10, 0),
    "head-fat-incr": (-0.10, -0.05),
    "nose-scale-horiz-incr": (-0.22, 0),
    "neck-scale-horiz-incr": (-0.55, 0.0),
    "neck-scale-depth-incr": (-0.45, 0.0),
    "cheek-bones-incr": (0.15, 0.0),
    "ear-scale-incr": (-0.45, -0.30),
    "chin-height-incr": (-0.2, -0.05),
}


@dataclass
class Head:
    """Hold the deformed head of a person; lengths in cm."""

    vertices: np.ndarray  # [V,3] with expression
    neutral: np.ndarray  # [V,3] without
    normals: np.ndarray  # [V,3] unit, with expression
    eyes: np.ndarray  # [2,3] centers of the eyeballs: left, right
    eye_radius: float


@lru_cache(maxsize=1)
def canonical():
    """Compute the average adult head [V,3] in cm about the mid-point of its eyes.

    It is the chart for all masks and textures.
    """
    basis = load_basis()
    points = basis.vertices(coefficients({"age": 0.62})) * 100
    return points - (points[-4] + points[-3]) / 2


def sphere_points(height, turn):
    """Compute directions [N,3] of heights [N] −1..1 and angles [N] about the vertical."""
    flat = np.sqrt(1 - height**2)
    return vectors(np.cos(turn) * flat, height, np.sin(turn) * flat)


@lru_cache(maxsize=1)
def fields():
    """Compute what is known of every vertex and face of the average head.

    'ear' [V] 0..1, 'lid' [V] (1 at the rims of the eyes), 'open' [V] sky share 0..1, 'region' [F].
    """
    from gantoolkit_annyfaces.raycast import Mesh

    basis = load_basis()
    points = canonical()
    region = np.array(REGIONS)[basis.region]
    is_cavity = np.isin(region, EYE_CAVITIES)
    lid = np.zeros(len(points))
    cavities = basis.faces[is_cavity]
    lid[np.intersect1d(cavities, basis.faces[region == "head"])] = 1
    normals = smooth_normals(points, basis.faces)
    k = np.arange(96) + 0.5
    sky = sphere_points(1 - k / 48, k * GOLDEN_ANGLE)
    shell = Mesh(points, basis.faces[~is_cavity])
    sky_open = shell.ambient(points + normals * 0.12, normals, sky, 12.0)
    return {"ear": ear_field(basis, points), "lid": lid, "open": sky_open, "region": region}


def ear_field(basis, points):
    """Tell which vertices [V] belong to the ears, 0..1: those that a change of their size moves."""
    index = name_index()
    ear = np.zeros(len(points))
    for side in "lr":
        move = np.linalg.norm(basis.deltas[index[f"{side}-ear-scale-incr"]], axis=1)
        ear = np.maximum(ear, move / move.max())
    return smoothstep(0.06, 0.22, ear) * (abs(points[:, 0]) > 6.9)


@lru_cache(maxsize=1)
def bust_faces():
    """Sort the faces inside the box by material: {'skin', 'cavity', 'tongue': faces [F,3]}."""
    basis = load_basis()
    corner = canonical()[basis.faces]
    is_high = corner[..., 1].min(1) > -25.5
    is_inside = is_high & (abs(corner[..., 0]).max(1) < 29)
    region = fields()["region"]
    is_cavity = np.isin(region, ["mouth_cavity", *EYE_CAVITIES])
    is_tongue = region == "tongue"
    return {
        "skin": basis.faces[is_inside & ~is_cavity & ~is_tongue],
        "cavity": basis.faces[is_inside & is_cavity],
        "tongue": basis.faces[is_inside & is_tongue],
    }


def phenotype(traits, f):
    """Choose Anny's phenotype values 0..1 for a person."""
    african, asian, caucasian = traits.race
    age = 0.6 + (traits.years - 18) / 60 * 0.37
    weight = 0.5 + 0.17 * f.n("weight")
    return {
        "gender": traits.gender,
        "age": float(np.clip(age, 0.55, 1)),
        "muscle": f.u("muscle", 0, 0.3, 0.75),
        "weight": float(np.clip(weight, 0.12, 0.95)),
        "height": 0.5,
        "proportions": 0.7,
        "african": african,
        "asian": asian,
        "caucasian": caucasian,
    }


def local_changes(traits, f):
    """Choose Anny's local changes for a person: {name: amount −1..1}."""
    local = f.shape_changes()
    eye_size = 0.42 if traits.female else 0.28
    local["eye-scale-incr"] = local.get("eye-scale-incr", 0) * 0.6 + eye_size
    local["eye-height2-incr"] = local.get("eye-height2-incr", 0) * 0.5 + 0.25
    for name, (of_women, of_men) in GENDERED.items():
        mean = of_women if traits.female else of_men
        amount = local.get(name, 0) + mean
        local[name] = float(np.clip(amount, -1, 1))
    return local


def build_head(traits, f):
    """Deform the head for a person in one state, as `Head`."""
    basis = load_basis()
    base = coefficients(phenotype(traits, f), None, local_changes(traits, f))
    neutral = basis.vertices(base) * 100
    face = coefficients_of_actions(traits.actions)
    active = face != 0
    moved = neutral + np.tensordot(face[active], basis.deltas[active], 1) * 100
    middle = (neutral[-4] + neutral[-3]) / 2
    scale = head_scale(neutral)
    neutral = relax_shoulders((neutral - middle) * scale)
    moved = relax_shoulders((moved - middle) * scale)
    moved[-4:] = neutral[-4:]
    radius = EYE_RADIUS * np.linalg.norm(neutral[-2] - neutral[-4])
    return Head(
        vertices=moved,
        neutral=neutral,
        normals=smooth_normals(moved, basis.faces),
        eyes=moved[-4:-2],
        eye_radius=float(radius),
    )


def relax_shoulders(points):
    """Let Anny's spread arms hang: points [V,3] beyond 14 cm from the middle come in and down.

    They stay inside the box of the scene.
    """
    points = points.copy()
    x = points[:, 0]
    y = points[:, 1]
    out = np.maximum(abs(x) - 14, 0) * (y < -10)
    x -= np.sign(x) * np.minimum(0.35 * out, abs(x))
    x[:] = np.clip(x, -23.5, 23.5)
    lowered = y - 0.10 * out**2
    lowered = np.maximum(lowered, np.minimum(y, -24.0))
    y[:] = np.maximum(lowered, -25.5)
    return points


def coefficients_of_actions(actions):
    """Turn {facial action: amount} into a coefficient vector [K]."""
    index = name_index()
    vector = np.zeros(len(load_basis().names))
    for name, value in actions.items():
        vector[index[name]] = value
    return vector


@lru_cache(maxsize=1)
def anchors():
    """List vertices of the average head: 'upper' and 'lower' lip, 'chin', 'lobe_l', 'lobe_r'."""
    x, y, z = canonical().T
    is_face = np.zeros(len(x), bool)
    faces_of_head = load_basis().faces[fields()["region"] == "head"]
    is_face[np.unique(faces_of_head)] = True
    is_lip = is_face & (abs(x) < 0.8) & (z > 2)
    is_chin = is_face & (abs(x) < 1) & (z > 1)
    is_lobe = is_face & (fields()["ear"] > 0.5) & (y < -4.2)
    return {
        "upper": np.flatnonzero(is_lip & (y > -7.1) & (y < -6.4)),
        "lower": np.flatnonzero(is_lip & (y < -7.2) & (y > -8.1)),
        "chin": np.flatnonzero(is_chin & (y < -9.5) & (y > -11)),
        "lobe_l": np.flatnonzero(is_lobe & (x > 0)),
        "lobe_r": np.flatnonzero(is_lobe & (x < 0)),
    }


def head_scale(neutral):
    """Compute the factor that brings a head [V,3] in cm to the common size."""
    between_eyes = np.linalg.norm(neutral[-4] - neutral[-3])
    middle = (neutral[-4] + neutral[-3]) / 2
    lips = np.concatenate([anchors()["upper"], anchors()["lower"]])
    to_mouth = middle[1] - neutral[lips, 1].mean()
    size = 0.5 * between_eyes / EYE_TO_EYE + 0.5 * to_mouth / EYE_TO_MOUTH
    return float(size ** (-0.8))


def eyeballs(head):
    """Make two spheres, as parts, whose chart is the direction from the center."""
    parts = []
    for center, name in zip(head.eyes, ("eye_l", "eye_r"), strict=True):
        part = ball(center, head.eye_radius, name, rows=19, columns=24)
        part.normals = part.chart
        parts.append(part)
    return parts


def teeth(head):
    """Make the upper and lower dental arch, as parts; the lower one moves with the jaw.

    The chart is (arc length in cm, 0 at the gum … 1 at the edge, height of the gum).
    """
    here = anchors()
    lip = head.neutral[here["upper"]].mean(0)
    drop = (head.vertices - head.neutral)[here["chin"]].mean(0)
    upper = dental_arch(lip, gum=0.9, edge=-0.62, back=-1.25, shift=0.0)
    lower = dental_arch(lip, gum=-2.2, edge=-0.78, back=-1.55, shift=drop)
    return [upper, lower]


def dental_arch(lip, gum, edge, back, shift):
    """Make one arch behind the upper lip [3]; heights `gum` and `edge`, depth `back` in cm."""
    across = np.linspace(-1.35, 1.35, 25)
    upwards = np.linspace(0, 1, 5)
    turn, rise = np.meshgrid(across, upwards, indexing="ij")
    x = 2.25 * np.sin(turn)
    y = gum + (edge - gum) * rise
    bulge = 0.12 * np.sin(rise * np.pi)
    z = -2.6 * (1 - np.cos(turn)) + back + bulge
    points = lip + vectors(x, y, z).reshape(-1, 3) + shift
    chart = vectors(turn * 2.25, rise, np.full_like(rise, gum))
    return Part(points, grid_faces(25, 5), "teeth", chart.reshape(-1, 3))
