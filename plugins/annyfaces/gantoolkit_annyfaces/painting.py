"""Paint and label what rays see, material by material, before any light."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gantoolkit.core.labels import index
from gantoolkit_annyfaces import materials
from gantoolkit_annyfaces.eyes import paint_eye
from gantoolkit_annyfaces.parts import MATERIALS
from gantoolkit_annyfaces.skin import brow_color, paint_skin
from gantoolkit_annyfaces.surface import STRANDS

PART_LABELS = {
    "cavity": "mouth",
    "tongue": "mouth",
    "teeth": "mouth",
    "eye_l": "l_eye",
    "eye_r": "r_eye",
    "hat": "hat",
    "frame": "eye_g",
    "earring": "ear_r",
    "necklace": "neck_l",
    "collar": "cloth",
}
SOCKET = (0.55, 0.30, 0.28)  # sRGB of the cavity around an eyeball


@dataclass
class Painted:
    """Hold what is painted at each of N hits."""

    color: np.ndarray  # [N,3] sRGB
    gloss: np.ndarray  # [N]
    label: np.ndarray  # [N]
    scatter: np.ndarray  # [N] how far light wraps around: skin 1
    sky: np.ndarray  # [N] open sky share 0..1
    strands: list = field(default_factory=list)  # of (rows, directions, heights)

    def joined_strands(self):
        """Join all strands: rows [S], directions [S,3] and heights [S]; only rows where none is."""
        if not self.strands:
            return np.zeros(0, np.int64), None, None
        rows, directions, heights = zip(*self.strands, strict=True)
        return np.concatenate(rows), np.concatenate(directions), np.concatenate(heights)


def paint(surface, traits, f, light):
    """Paint all hits of a `Surface`, as `Painted`."""
    count = len(surface.ray)
    painted = Painted(
        color=np.zeros((count, 3)),
        gloss=np.zeros(count),
        label=np.zeros(count, np.int64),
        scatter=np.zeros(count),
        sky=np.full(count, 0.85),
    )
    for code in np.unique(surface.material):
        name = MATERIALS[code]
        rows = np.flatnonzero(surface.material == code)
        chart = surface.chart[rows].astype(np.float64)
        extra = surface.extra[rows].astype(np.float64)
        if name == "skin":
            add_skin(painted, rows, chart, extra, traits, f)
        elif name in STRANDS:
            is_left = surface.is_left()[rows]
            add_strands(painted, rows, chart, extra, traits, name, is_left)
        elif name in ("eye_l", "eye_r"):
            side = 1 if name == "eye_l" else -1
            painted.color[rows] = paint_eye(chart, traits, f, side, light)
            painted.gloss[rows] = 0.9
            painted.label[rows] = index(PART_LABELS[name])
        elif name == "cap":
            painted.color[rows] = materials.paint_cap(chart, extra, traits)
            painted.sky[rows] = cap_sky(traits)
            painted.label[rows] = index("hair")
        else:
            add_part(painted, rows, chart, extra, traits, f, name)
    return painted


def add_skin(painted, rows, chart, extra, traits, f):
    """Paint rows of skin and shirt."""
    skin = paint_skin(chart, extra, traits, f)
    painted.color[rows] = skin.color
    painted.gloss[rows] = skin.gloss
    painted.label[rows] = skin.label
    painted.scatter[rows] = np.where(skin.is_cloth, 0, 1 - 0.5 * skin.hairy)
    painted.sky[rows] = 0.12 + 0.88 * extra[:, 2]


def add_strands(
    painted,
    rows,
    chart,
    extra,
    traits,
    name,
    is_left,
):
    """Paint rows of hair, beard, brows or lashes; is_left tells the person's side of each."""
    look = materials.strand_color(traits, brow_color(traits), name)
    color, direction, height = materials.paint_hair(chart, extra, traits, look)
    layer = extra[:, 3]
    through = 0.16 * materials.lightness(look)
    painted.color[rows] = color
    painted.sky[rows] = 0.42 + 0.52 * layer + through * (1 - layer)
    if name == "brow":
        painted.label[rows] = np.where(is_left, index("l_brow"), index("r_brow"))
        height = 0 * height
    elif name == "lash":
        painted.label[rows] = np.where(is_left, index("l_eye"), index("r_eye"))
    else:
        painted.label[rows] = index("hair" if name == "hair" else "skin")
    painted.strands.append((rows, direction, height))


def cap_sky(traits):
    """Choose the open sky share of the shell below the locks; cropped hair lies open like skin."""
    if traits.style == "buzz":
        return 0.85
    return 0.55 + 0.2 * materials.lightness(traits.hair)


def add_part(
    painted,
    rows,
    chart,
    extra,
    traits,
    f,
    name,
):
    """Paint rows of any other material."""
    color, gloss = materials.paint_part(name, chart, extra, traits, f)
    painted.color[rows] = color
    painted.gloss[rows] = gloss
    painted.label[rows] = index(PART_LABELS[name])
    if name == "teeth":
        painted.sky[rows] = 0.95
    elif name in ("cavity", "tongue"):
        painted.sky[rows] = 0.5
    if name == "cavity":
        add_sockets(painted, rows, chart)


def add_sockets(painted, rows, chart):
    """Paint the cavity around an eyeball pink; it belongs to the eye."""
    is_socket = chart[:, 1] > -4
    sockets = rows[is_socket]
    painted.color[sockets] = SOCKET
    is_left = chart[is_socket, 0] > 0
    painted.label[sockets] = np.where(is_left, index("l_eye"), index("r_eye"))
