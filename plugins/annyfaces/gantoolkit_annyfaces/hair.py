"""A head of hair: a dark closed cap over the scalp, and thousands of locks that grow out of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gantoolkit_annyfaces import scalp
from gantoolkit_annyfaces.hairline import hat_line, inside_hair, parting, thickness
from gantoolkit_annyfaces.locks import bun, locks, tail
from gantoolkit_annyfaces.parts import Part, bell, smoothstep, waves
from gantoolkit_annyfaces.styles import STYLES


@dataclass
class Hair:
    """Hold all hair of a person."""

    parts: list  # to render
    depth: np.ndarray  # [G] cm of hair above the skin on the scalp's grid, negative for none


def cap(style, traits, inside, wanted, ground, side):
    """Make the closed shell below the locks: (`Part`, depth [G] in cm).

    On the scalp's grid: inside [G] cm from the hairline, wanted [G] cm of hair, ground [G,3] cm.
    side is the person's side of the parting, ±1. Extra column 3 holds the depth.
    """
    g = scalp.grid()
    rough = 0.22 * waves(g.canon, 1.1, 5)
    rough = rough + 0.10 * waves(g.canon, 2.6, 6)
    edge = cap_edge(style, inside, wanted, side, rough)
    depth = (wanted + 0.3) * edge - 0.3
    if style.comb == "part":
        from_line = abs(g.unit[:, 0] - side * style.part)
        behind = smoothstep(0.1, -0.4, g.unit[:, 2])
        depth = np.minimum(depth, 0.05 + 6 * from_line**1.3 + 9 * behind)
    elif style.wave:
        bumps = waves(g.canon, 2.4, 7, 10)
        depth += 0.12 * style.wave / 0.34 * bumps * smoothstep(0.2, 1, depth)
    if traits.hat != "none":
        over = g.elevation - hat_line(g.azimuth)
        is_forehead = (abs(g.azimuth) < 52) & (over > -14)
        depth = np.where(is_forehead, -0.3, depth)
        depth = np.where(over > -3, np.minimum(depth, 0.35), depth)
    is_hairy = (inside + 0.5 * rough)[g.faces].max(1) > -1.2
    points = ground + g.unit * depth[:, None]
    extra = np.zeros((len(points), 4))
    extra[:, 3] = depth
    return Part(points, g.faces[is_hairy], "cap", g.unit.copy(), extra), depth


def cap_edge(style, inside, wanted, side, rough):
    """Let the cap rise [G] 0..1 from the hairline inwards.

    Locks hide what it leaves bare at its edge, but not where they part.
    """
    g = scalp.grid()
    bare = 0.9 * (style.locks > 0)
    reach = 0.5 + 0.75 * min(wanted.max(), 2.2) if style.locks else 3.4
    if style.comb == "part":
        away = abs(g.unit[:, 0] - side * style.part)
        parted = bell(away / 0.10) * (g.unit[:, 2] > 0)
        bare = 0.9 - 0.85 * parted
        reach = reach * (1 - 0.75 * parted)
    return smoothstep(-0.1, reach, inside - bare + 0.4 * rough)


def cap_share(style):
    """Choose how much of the hair's thickness lies below the locks, 0..1."""
    if not style.locks:
        return 1
    if style.comb == "out":
        return 0.86
    return 0.76 if style.length[0] < 5 else 0.66


def build_hair(traits, f, head, cloth):
    """Make all hair of a person, as `Hair`; the shirt stands `cloth` [V] cm off the skin."""
    g = scalp.grid()
    ground = g.place(head.neutral)
    if traits.style == "bald":
        return Hair([], np.full(len(ground), -2.0))
    style = STYLES[traits.style]
    inside = inside_hair(traits, f)
    wanted = thickness(style, traits, f)
    below = wanted * cap_share(style)
    shell, depth = cap(style, traits, inside, below, ground, parting(f))
    parts = [shell]
    if style.locks:
        lift = g.carry(cloth)
        parts.append(locks(style, traits, f, inside, wanted, ground, lift))
    if traits.style == "bun" and traits.hat == "none":
        parts.append(bun(f, ground))
    elif traits.style == "ponytail":
        parts.append(tail(f, ground))
    return Hair(parts, depth)
