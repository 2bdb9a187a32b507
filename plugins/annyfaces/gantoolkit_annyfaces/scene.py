"""One state of one person as a single mesh for ray queries, with the lenses as another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gantoolkit_annyfaces import accessories, anatomy, scalp
from gantoolkit_annyfaces.fuzz import build_fuzz
from gantoolkit_annyfaces.garment import cloth_lift, collar_part
from gantoolkit_annyfaces.hair import build_hair
from gantoolkit_annyfaces.hats import hat
from gantoolkit_annyfaces.parts import MATERIALS, Part, smooth_normals, to_world
from gantoolkit_annyfaces.raycast import Mesh


@dataclass
class Scene:
    """Hold merged parts: V vertices, F faces, and a mesh of them for ray queries."""

    vertices: np.ndarray  # [V,3] world
    faces: np.ndarray  # [F,3]
    normals: np.ndarray  # [V,3]
    chart: np.ndarray  # [V,3]
    extra: np.ndarray  # [V,4]
    material: np.ndarray  # [F] index into MATERIALS
    mesh: Mesh
    lens: Scene | None = None  # of glasses


@lru_cache(maxsize=1)
def scalp_lookup():
    """Find the cell of the scalp's grid of every head vertex: (index [V,4], weight [V,4])."""
    offset = anatomy.canonical() - scalp.CENTER
    return scalp.corners(offset / np.linalg.norm(offset, axis=1, keepdims=True))


def bust(traits, head, hair):
    """Make skin with shirt, mouth and eye sockets, as parts.

    Columns of extra: ear, eyelid rim, open sky share, cm of hair above.
    """
    canon = anatomy.canonical()
    fields = anatomy.fields()
    index, weight = scalp_lookup()
    covered = (hair.depth[index] * weight).sum(1)
    covered = np.where(fields["ear"] > 0.3, -2.0, covered)
    lift = cloth_lift(traits, canon)
    vertices = head.vertices + head.normals * lift[:, None]
    columns = [fields["ear"], fields["lid"], fields["open"], covered]
    extra = np.stack(columns, 1)
    parts = []
    for name, faces in anatomy.bust_faces().items():
        used = np.unique(faces)
        local = np.searchsorted(used, faces)
        normals = smooth_normals(vertices, faces) if name == "skin" else head.normals
        part = Part(
            vertices=vertices[used],
            faces=local,
            material=name,
            chart=canon[used],
            extra=extra[used],
            normals=normals[used],
        )
        parts.append(part)
    return parts


def build_parts(traits, f):
    """Make all parts of a person in one state: (opaque parts, skin first; lens parts)."""
    head = anatomy.build_head(traits, f)
    hair = build_hair(traits, f, head, cloth_lift(traits, anatomy.canonical()))
    parts = bust(traits, head, hair)
    parts += anatomy.eyeballs(head)
    parts += anatomy.teeth(head)
    parts += hair.parts
    parts += build_fuzz(traits, f, head)
    lenses = []
    if traits.collar in ("shirt", "suit"):
        parts.append(collar_part(traits, head))
    if traits.hat != "none":
        parts += hat(traits, f, scalp.grid().place(head.neutral))
    if traits.glasses != "none":
        frames, lenses = accessories.glasses(traits, f, head)
        parts += frames
    if traits.earrings != "none":
        parts += accessories.earrings(traits, f, head)
    if traits.necklace != "none" and traits.collar != "high":
        parts += accessories.necklace(traits, f, head)
    return parts, lenses


def normals_of(part):
    """Give the normals [V,3] of a part, computed from its faces where it has none."""
    if part.normals is not None:
        return part.normals
    return smooth_normals(part.vertices, part.faces)


def extra_of(part):
    """Give the extra numbers [V,4] of a part, zeros where it has none."""
    if part.extra is not None:
        return part.extra
    return np.zeros((len(part.vertices), 4))


def joined(arrays):
    """Concatenate arrays as float32."""
    return np.concatenate(arrays).astype(np.float32)


def merge(parts):
    """Concatenate parts into a `Scene` without lenses."""
    faces = []
    material = []
    first_vertex = 0
    for part in parts:
        faces.append(part.faces + first_vertex)
        code = MATERIALS.index(part.material)
        material.append(np.full(len(part.faces), code))
        first_vertex += len(part.vertices)
    vertices = joined([to_world(part.vertices) for part in parts])
    faces = np.concatenate(faces)
    return Scene(
        vertices=vertices,
        faces=faces,
        normals=joined([normals_of(part) for part in parts]),
        chart=joined([part.chart for part in parts]),
        extra=joined([extra_of(part) for part in parts]),
        material=np.concatenate(material),
        mesh=Mesh(vertices, faces),
    )


def shade_folds(scene, skin):
    """Measure the open sky share of every skin vertex, hair and clothes included.

    Averages it with its neighbors and stores it in column 2 of the scene's extra; `skin` is the
    scene's first part.
    """
    count = len(skin.vertices)
    k = np.arange(40)
    height = 1 - 2 * ((k + 0.5) / 40)
    sky = anatomy.sphere_points(height, k * anatomy.GOLDEN_ANGLE)
    ahead = np.flatnonzero(skin.chart[:, 2] > -9)
    normals = scene.normals[ahead]
    start = scene.vertices[ahead] + normals * 0.004
    value = np.ones(count)
    value[ahead] = scene.mesh.ambient(start, normals, sky, 0.16)
    faces = skin.faces
    here = faces.T.ravel()
    there = np.roll(faces, -1, 1).T.ravel()
    neighbors = np.maximum(np.bincount(here, minlength=count), 1)
    for _ in range(2):
        near = np.bincount(here, value[there], count) / neighbors
        value = 0.5 * value + 0.5 * near
    scene.extra[:count, 2] = value


def build_scene(traits, f, fast=False):
    """Build the `Scene` of one state, for any camera.

    fast keeps the average head's open sky in place of the person's own.
    """
    parts, lenses = build_parts(traits, f)
    scene = merge(parts)
    if not fast:
        shade_folds(scene, parts[0])
    if lenses:
        scene.lens = merge(lenses)
    return scene
