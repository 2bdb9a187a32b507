"""The head itself: factors to vertices, with eyeballs, teeth, and where everything else attaches."""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gantoolkit_annyfaces.basis import REGIONS, coefficients, load_basis, name_index
from gantoolkit_annyfaces.parts import Part, ball, grid_faces, smooth_normals, smoothstep

EYE_RADIUS = 0.79        # of the distance between the two eye landmarks of the basis
# cm on the average head; heads are scaled to this size, keeping a third of the difference
EYE_TO_EYE, EYE_TO_MOUTH = 6.16, 7.1
# Means of local changes for women and men, beside what Anny's own gender does.
GENDERED = {'mouth-upperlip-volume-incr': (.22, -.05), 'mouth-lowerlip-volume-incr': (.2, -.05),
            'chin-width-incr': (-.40, .05), 'chin-bones-incr': (-.40, .10), 'head-scale-horiz-incr': (-.10, 0),
            'head-fat-incr': (-.10, -.05), 'nose-scale-horiz-incr': (-.22, 0),
            'neck-scale-horiz-incr': (-.55, .0), 'neck-scale-depth-incr': (-.45, .0),
            'cheek-bones-incr': (.15, .0), 'ear-scale-incr': (-.45, -.30), 'chin-height-incr': (-.2, -.05)}


@dataclass
class Head:
    """`vertices` [V,3] cm with expression, `neutral` without; `normals`; `eyes` [2,3] (left, right), `eye_radius`."""
    vertices: np.ndarray
    neutral: np.ndarray
    normals: np.ndarray
    eyes: np.ndarray
    eye_radius: float


@lru_cache(maxsize=1)
def canonical():
    """The average adult head [V,3] in cm about the mid-point of its eyes; the chart for all masks and textures."""
    basis = load_basis()
    points = basis.vertices(coefficients({'age': 0.62})) * 100
    return points - (points[-4] + points[-3]) / 2


@lru_cache(maxsize=1)
def fields():
    """Numbers per vertex of the average head: 'ear', 'lid' (1 at the rims of the eyes), 'open' sky share 0..1."""
    from gantoolkit_annyfaces.raycast import Mesh
    basis, points = load_basis(), canonical()
    index = name_index()
    ear = np.zeros(len(points))
    for side in 'lr':
        move = np.linalg.norm(basis.deltas[index[f'{side}-ear-scale-incr']], axis=1)
        ear = np.maximum(ear, move / move.max())
    ear = smoothstep(0.06, 0.22, ear) * (abs(points[:, 0]) > 6.9)
    region = np.array(REGIONS)[basis.region]
    lid = np.zeros(len(points))
    cavity = np.isin(region, ['eye_cavity.L', 'eye_cavity.R'])
    lid[np.intersect1d(basis.faces[cavity], basis.faces[region == 'head'])] = 1
    normals = smooth_normals(points, basis.faces)
    z = np.arange(96) + 0.5
    sky = np.stack([np.cos(z * 2.39996) * np.sqrt(1 - (1 - z / 48) ** 2), 1 - z / 48,
                    np.sin(z * 2.39996) * np.sqrt(1 - (1 - z / 48) ** 2)], 1)
    sky_open = Mesh(points, basis.faces[~cavity]).ambient(points + normals * 0.12, normals, sky, 12.0)
    return {'ear': ear, 'lid': lid, 'open': sky_open, 'region': region}


@lru_cache(maxsize=1)
def bust_faces():
    """Index of the basis faces inside the box, and their materials."""
    basis, points = load_basis(), canonical()
    corner = points[basis.faces]
    inside = (corner[..., 1].min(1) > -25.5) & (abs(corner[..., 0]).max(1) < 29)
    region = fields()['region']
    material = np.where(region == 'mouth_cavity', 'cavity', np.where(region == 'tongue', 'tongue', 'skin'))
    material = np.where(np.isin(region, ['eye_cavity.L', 'eye_cavity.R']), 'cavity', material)
    return {name: basis.faces[inside & (material == name)] for name in ('skin', 'cavity', 'tongue')}


def phenotype(traits, f):
    """Anny's 0..1 phenotype values for a person."""
    african, asian, caucasian = traits.race
    age = 0.6 + (traits.years - 18) / 60 * 0.37
    return dict(gender=traits.gender, age=float(np.clip(age, 0.55, 1)), muscle=f.u('muscle', 0, .3, .75),
                weight=float(np.clip(.5 + .17 * f.n('weight'), .12, .95)), height=.5, proportions=.7,
                african=african, asian=asian, caucasian=caucasian)


def build_head(traits, f):
    """The deformed head of a person in one state."""
    basis = load_basis()
    local = f.shape_changes()
    local['eye-scale-incr'] = local.get('eye-scale-incr', 0) * .6 + (.42 if traits.female else .28)
    local['eye-height2-incr'] = local.get('eye-height2-incr', 0) * .5 + 0.25
    for name, (woman, man) in GENDERED.items():
        local[name] = float(np.clip(local.get(name, 0) + (woman if traits.female else man), -1, 1))
    who = phenotype(traits, f)
    base = coefficients(who, None, local)
    neutral = basis.vertices(base) * 100
    face = coefficients_of_actions(traits.actions)
    moved = neutral + np.tensordot(face[face != 0], basis.deltas[face != 0], 1) * 100
    middle = (neutral[-4] + neutral[-3]) / 2
    scale = head_scale(neutral)
    neutral, moved = (neutral - middle) * scale, (moved - middle) * scale
    moved, neutral = relax_shoulders(moved), relax_shoulders(neutral)
    moved[-4:] = neutral[-4:]
    radius = EYE_RADIUS * np.linalg.norm(neutral[-2] - neutral[-4])
    return Head(moved, neutral, smooth_normals(moved, basis.faces), moved[-4:-2], float(radius))


def relax_shoulders(points):
    """Let Anny's spread arms hang: beyond 14 cm from the middle, points come inwards and down [V,3], inside the box."""
    points = points.copy()
    out = np.maximum(abs(points[:, 0]) - 14, 0) * (points[:, 1] < -10)
    points[:, 0] -= np.sign(points[:, 0]) * np.minimum(.35 * out, abs(points[:, 0]))
    points[:, 0] = np.clip(points[:, 0], -23.5, 23.5)
    points[:, 1] = np.maximum(points[:, 1] - .10 * out ** 2, np.minimum(points[:, 1], -24.0))
    points[:, 1] = np.maximum(points[:, 1], -25.5)
    return points


def coefficients_of_actions(actions):
    """{facial action: amount} to a coefficient vector [K]."""
    vector, index = np.zeros(len(load_basis().names)), name_index()
    for name, value in actions.items():
        vector[index[name]] = value
    return vector


@lru_cache(maxsize=1)
def anchors():
    """Vertex indices of lips, chin and ear lobes on the average head."""
    points, open_face = canonical(), np.zeros(len(canonical()), bool)
    open_face[np.unique(load_basis().faces[fields()['region'] == 'head'])] = True
    x, y, z = points.T
    lobe = lambda side: np.flatnonzero(open_face & (fields()['ear'] > .5) & (x * side > 0) & (y < -4.2))
    return {'upper': np.flatnonzero(open_face & (abs(x) < .8) & (y > -7.1) & (y < -6.4) & (z > 2)),
            'lower': np.flatnonzero(open_face & (abs(x) < .8) & (y < -7.2) & (y > -8.1) & (z > 2)),
            'chin': np.flatnonzero(open_face & (abs(x) < 1) & (y < -9.5) & (y > -11) & (z > 1)),
            'lobe_l': lobe(1), 'lobe_r': lobe(-1)}


def head_scale(neutral):
    """Factor that brings a head (cm, any origin) to the common size."""
    eyes = np.linalg.norm(neutral[-4] - neutral[-3])
    middle = (neutral[-4] + neutral[-3]) / 2
    mouth = middle[1] - neutral[np.concatenate([anchors()['upper'], anchors()['lower']]), 1].mean()
    return float((0.5 * eyes / EYE_TO_EYE + 0.5 * mouth / EYE_TO_MOUTH) ** (-0.8))


def eyeballs(head):
    """Two spheres whose chart is the direction from the centre."""
    parts = []
    for centre, name in zip(head.eyes, ('eye_l', 'eye_r')):
        part = ball(centre, head.eye_radius, name, rows=19, columns=24)
        part.normals = part.chart
        parts.append(part)
    return parts


def teeth(head):
    """Upper and lower dental arches; chart x is the arc length in cm, chart y is 0 at the gum and 1 at the edge."""
    here = anchors()
    lip = head.neutral[here['upper']].mean(0)
    drop = (head.vertices - head.neutral)[here['chin']].mean(0)
    parts = []
    for gum, edge, back, shift in ((0.9, -0.62, -1.25, 0.0), (-2.2, -0.78, -1.55, drop)):
        turn, rise = np.meshgrid(np.linspace(-1.35, 1.35, 25), np.linspace(0, 1, 5), indexing='ij')
        x, z = 2.25 * np.sin(turn), -2.6 * (1 - np.cos(turn)) + back + .12 * np.sin(rise * np.pi)
        y = gum + (edge - gum) * rise
        points = lip + np.stack([x, y, z], -1).reshape(-1, 3) + shift
        chart = np.stack([turn * 2.25, rise, np.full_like(rise, gum)], -1).reshape(-1, 3)
        parts.append(Part(points, grid_faces(25, 5), 'teeth', chart))
    return parts
