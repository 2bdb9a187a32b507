"""One state of one person as a single mesh for ray queries, plus the lenses of glasses as a second one."""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gantoolkit_annyfaces import accessories, anatomy, scalp
from gantoolkit_annyfaces.combing import cells
from gantoolkit_annyfaces.fuzz import build_fuzz
from gantoolkit_annyfaces.garment import cloth_lift, collar_part
from gantoolkit_annyfaces.hair import build_hair
from gantoolkit_annyfaces.parts import MATERIALS, Part, smooth_normals, to_world
from gantoolkit_annyfaces.raycast import Mesh


@dataclass
class Scene:
    """Merged arrays per vertex (`vertices` world, `normals`, `chart` [V,3], `extra` [V,4]), face (`material` [F])."""
    vertices: np.ndarray
    faces: np.ndarray
    normals: np.ndarray
    chart: np.ndarray
    extra: np.ndarray
    material: np.ndarray
    mesh: object
    lens: object


@lru_cache(maxsize=1)
def scalp_lookup():
    """Nearest scalp grid cell of every head vertex: (index [V,4], weight [V,4])."""
    offset = anatomy.canonical() - scalp.CENTRE
    return cells(offset / np.linalg.norm(offset, axis=1, keepdims=True))


def bust(traits, head, hair):
    """Skin with shirt, mouth and eye sockets, as parts that share the head's vertices."""
    canon, fields = anatomy.canonical(), anatomy.fields()
    index, weight = scalp_lookup()
    covered = (hair.depth[index] * weight).sum(1)
    covered = np.where(fields['ear'] > .3, -2.0, covered)
    lift = cloth_lift(traits, canon)
    vertices = head.vertices + head.normals * lift[:, None]
    extra = np.stack([fields['ear'], fields['lid'], fields['open'], covered], 1)
    parts = []
    for name, faces in anatomy.bust_faces().items():
        used = np.unique(faces)
        local = np.searchsorted(used, faces)
        normals = smooth_normals(vertices, faces)[used] if name == 'skin' else head.normals[used]
        parts.append(Part(vertices[used], local, name, canon[used], extra[used], normals))
    return parts


def build_parts(traits, f):
    """(opaque parts, lens parts) of a person in one state."""
    head = anatomy.build_head(traits, f)
    hair = build_hair(traits, f, head, cloth_lift(traits, anatomy.canonical()))
    parts = (bust(traits, head, hair) + anatomy.eyeballs(head) + anatomy.teeth(head) + hair.parts
             + build_fuzz(traits, f, head))
    lenses = []
    if traits.collar in ('shirt', 'suit'):
        parts += collar_part(traits, head)
    if traits.hat != 'none':
        parts += accessories.hat(traits, f, scalp.grid().place(head.neutral))
    if traits.glasses != 'none':
        frames, lenses = accessories.glasses(traits, f, head)
        parts += frames
    if traits.earrings != 'none':
        parts += accessories.earrings(traits, f, head)
    if traits.necklace != 'none' and traits.collar not in ('high',):
        parts += accessories.necklace(traits, f, head)
    return parts, lenses


def merge(parts):
    """Concatenate parts into a `Scene` without lenses."""
    start, rows = 0, {key: [] for key in ('vertices', 'faces', 'normals', 'chart', 'extra', 'material')}
    for part in parts:
        normals = part.normals if part.normals is not None else smooth_normals(part.vertices, part.faces)
        extra = part.extra if part.extra is not None else np.zeros((len(part.vertices), 4))
        for key, value in dict(vertices=to_world(part.vertices), faces=part.faces + start, normals=normals,
                               chart=part.chart, extra=extra,
                               material=np.full(len(part.faces), MATERIALS.index(part.material))).items():
            rows[key].append(value)
        start += len(part.vertices)
    arrays = {key: np.concatenate(value) for key, value in rows.items()}
    for key in ('vertices', 'normals', 'chart', 'extra'):
        arrays[key] = arrays[key].astype(np.float32)
    return Scene(**arrays, mesh=Mesh(arrays['vertices'], arrays['faces']), lens=None)


def shade_folds(scene, skin):
    """Open sky share of every skin vertex, hair and clothes included, averaged with its neighbours; in extra[:, 2]."""
    count = len(skin.vertices)
    turn, k = np.arange(40) * 2.39996, (np.arange(40) + .5) / 40
    sky = np.stack([np.cos(turn) * np.sqrt(1 - (1 - 2 * k) ** 2), 1 - 2 * k,
                    np.sin(turn) * np.sqrt(1 - (1 - 2 * k) ** 2)], 1)
    normals = scene.normals[:count]
    ahead = np.flatnonzero(skin.chart[:, 2] > -9)
    seen = scene.mesh.ambient(scene.vertices[ahead] + normals[ahead] * .004, normals[ahead], sky, .16)
    value = np.ones(count)
    value[ahead] = seen
    pairs = np.concatenate([skin.faces[:, [0, 1]], skin.faces[:, [1, 2]], skin.faces[:, [2, 0]]])
    for _ in range(2):
        near = (np.bincount(pairs[:, 0], value[pairs[:, 1]], count)
                / np.maximum(np.bincount(pairs[:, 0], minlength=count), 1))
        value = .5 * value + .5 * near
    scene.extra[:count, 2] = value


def build_scene(traits, f, fast=False):
    """Everything to render one state from any camera; `fast` keeps the average head's folds, not the person's own."""
    parts, lenses = build_parts(traits, f)
    scene = merge(parts)
    if not fast:
        shade_folds(scene, parts[0])
    if lenses:
        scene.lens = merge(lenses)
    return scene
