"""A head of hair: a dark closed cap over the scalp, and thousands of locks that grow out of it."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gantoolkit_annyfaces import scalp
from gantoolkit_annyfaces.combing import KNOT, Growth, grow, sample, spread
from gantoolkit_annyfaces.parts import Part, smoothstep, waves
from gantoolkit_annyfaces.strands import coils, ribbons, tapered, unit
from gantoolkit_annyfaces.styles import HANGING, STYLES

# Hairline as (azimuth°, elevation°) seen from scalp.CENTRE, left half; mirrored for the right.
HAIRLINE = ((0, 32.5), (20, 33), (36, 31), (47, 21), (55, 11), (61, 0), (66, -12), (72, -15), (78, -9), (98, -8),
            (108, -18), (122, -32), (150, -42), (180, -44))


@dataclass
class Hair:
    """Parts to render, and `depth` [G] cm of hair above the skin on the scalp grid (negative where there is none)."""
    parts: list
    depth: np.ndarray


def hairline(traits, f):
    """Closed hairline [N,2] (azimuth, elevation in degrees) for a person."""
    half = np.array(HAIRLINE, np.float64)
    half[:3, 1] += 2.0 * f.n('hair_shape', 0)
    half[1:3, 1] += 3 * max(0, f.n('hair_shape', 3)) * (not traits.female) - 3 * traits.female
    if traits.balding == 'receding':
        half[:4, 1] += np.array([4, 12, 17, 12])
    if traits.balding == 'bald top':
        half[3:6, 1] += np.array([14, 16, 14])                   # no tuft before the temples
    if traits.style in HANGING and traits.female:
        half[5:7, 1] -= 5                                       # no sideburn gap under a curtain
    if traits.female or traits.style == 'buzz':
        half[6:8, 1] += 5
    fine = np.linspace(0, 180, 61)
    line = np.interp(fine, half[:, 0], half[:, 1])
    for _ in range(2):
        line = np.convolve(np.pad(line, 3, mode='reflect'), [.1, .15, .16, .18, .16, .15, .1], 'valid')
    both = np.concatenate([fine, -fine[1:-1][::-1]]), np.concatenate([line, line[1:-1][::-1]])
    return np.stack(both, 1)


def edge_distance(line):
    """Signed distance [G] in cm on the average head from the hairline, positive inside the hair."""
    g = scalp.grid()
    order = np.argsort(line[:, 0])
    limit = np.interp(g.azimuth, line[order, 0], line[order, 1], period=360)
    radius = np.linalg.norm(g.canon - scalp.CENTRE, axis=1)
    edge = scalp.directions(line[:, 0], line[:, 1])
    cosine = np.clip(g.unit @ edge.T, -1, 1).max(1)
    return np.where(g.elevation > limit, 1, -1) * np.arccos(cosine) * radius


def inside_hair(traits, f):
    """Distance [G] cm inside the hairline, with a bald crown where there is one."""
    inside = edge_distance(hairline(traits, f))
    if traits.balding == 'bald top':
        crown = unit(np.array([0, .86, .5]))
        bare = np.degrees(np.arccos(np.clip(scalp.grid().unit @ crown, -1, 1))) - f.u('balding', 0, 58, 66)
        inside = np.minimum(inside, bare * .16)
    return inside


def thickness(style, traits, f):
    """Wanted hair thickness [G] in cm, ignoring the hairline."""
    g = scalp.grid()
    up = smoothstep(-.05, .72, g.unit[:, 1])
    back = smoothstep(.2, -.7, g.unit[:, 2])
    low = style.side * (1 - back) + style.back * back
    depth = (low * (1 - up) + style.top * up) * np.exp(.20 * f.n('hair_shape', 1))
    if style.comb == 'part' and not traits.fringe:               # a parting: a valley along a line over the head
        side = parting(f)
        away = abs(g.unit[:, 0] - side * style.part)
        depth *= (1 - .55 * np.exp(-(away / .07) ** 2) * smoothstep(-.35, .1, g.unit[:, 2])
                  * smoothstep(.3, .6, g.unit[:, 1]))
        depth *= 1 + .14 * np.tanh(3 * (side * style.part - g.unit[:, 0]) * side)
    if style.comb == 'back' or (traits.style == 'short' and f.n('hair_shape', 4) > 0):      # a quiff
        depth *= 1 + .4 * np.exp(-((g.elevation - 46) / 20) ** 2) * (np.cos(np.radians(g.azimuth)) > 0)
    return depth * (.45 if traits.balding == 'bald top' else 1)


def parting(f):
    """+1 or −1: the person's side of the parting."""
    return 1.0 if f.n('hair_shape', 2) > 0 else -1.0


def hat_line(azimuth):
    """Elevation in degrees of a hat's lower rim."""
    return 9 + 13 * np.cos(np.radians(azimuth)) - 3 * np.cos(np.radians(2 * azimuth))


def cap(style, traits, inside, wanted, ground, side):
    """The closed shell below the locks: (Part, depth [G])."""
    g = scalp.grid()
    rough = .22 * waves(g.canon, 1.1, 5) + .10 * waves(g.canon, 2.6, 6)
    bare = .9 * (style.locks > 0)                                # locks hide what the shell leaves bare at its edge
    if style.comb == 'part':                                     # but not where they part
        away = abs(g.unit[:, 0] - side * style.part)
        parted = np.exp(-(away / .10) ** 2) * (g.unit[:, 2] > 0)
        bare = .9 - .85 * parted
    reach = .5 + .75 * min(wanted.max(), 2.2) if style.locks else 3.4
    if style.comb == 'part':
        reach = reach * (1 - .75 * parted)
    edge = smoothstep(-.1, reach, inside - bare + .4 * rough)
    depth = (wanted + .3) * edge - .3
    if style.comb == 'part':
        depth = np.minimum(depth, .05 + 6 * abs(g.unit[:, 0] - side * style.part) ** 1.3
                           + 9 * smoothstep(.1, -.4, g.unit[:, 2]))
    if style.wave and style.comb != 'part':
        depth += .12 * style.wave / .34 * waves(g.canon, 2.4, 7, 10) * smoothstep(.2, 1, depth)
    if traits.hat != 'none':
        over = g.elevation - hat_line(g.azimuth)
        depth = np.where((abs(g.azimuth) < 52) & (over > -14), -.3, depth)
        depth = np.where(over > -3, np.minimum(depth, .35), depth)
    points = ground + g.unit * depth[:, None]
    faces = g.faces[(inside + .5 * rough)[g.faces].max(1) > -1.2]
    extra = np.zeros((len(points), 4))
    extra[:, 3] = depth
    return Part(points, faces, 'cap', g.unit.copy(), extra), depth


def growth(style, traits, f, ground, cloth):
    """The `Growth` of a person: what locks are combed over."""
    g = scalp.grid()
    radius = np.linalg.norm(ground - scalp.CENTRE, axis=1) + cloth
    covered = smoothstep(16, 4, abs(abs(g.azimuth) - 88)) * smoothstep(14, 4, abs(g.elevation + 4)) * 1.1
    if style.length[1] > 3.5:
        radius = radius + covered                                # over the ears
    fringe = (f.u('fringe', 0, 1.9, 3.4) if traits.fringe else None)
    return Growth(radius, style, traits.style, parting(f), fringe, np.tanh(1.5 * f.n('hair_shape', 2)))


def rooted(style, traits, f, inside):
    """Where locks grow, denser at edges and partings.

    Returns directions [N,3], random numbers [N,8] and cm inside the hairline [N].
    """
    root, random = spread(int(style.locks * 3.2))
    depth = sample(inside, root)
    line = abs(root[:, 0] - parting(f) * style.part) if style.comb == 'part' else np.full(len(root), 9.0)
    dense = np.maximum(smoothstep(2.6, .4, depth), smoothstep(.22, .06, line) * smoothstep(.2, .6, root[:, 1]))
    dense = np.maximum(dense, .8 * (traits.hat != 'none'))
    keep = (depth > .9 * (random[:, 7] - .5)) & (np.roll(random[:, 7], 1) < .55 + .45 * dense)
    if traits.hat != 'none':
        azimuth = np.degrees(np.arctan2(root[:, 0], root[:, 2]))
        over = np.degrees(np.arcsin(root[:, 1])) - hat_line(azimuth)
        keep &= (over < -1) & ~((abs(azimuth) < 50) & (over > -14))
    return root[keep], random[keep], depth[keep]


def locks(style, traits, f, inside, wanted, ground, cloth):
    """The locks as one `Part`."""
    root, random, depth = rooted(style, traits, f, inside)
    start = sample(ground, root) + root * .02
    up, back = smoothstep(-.05, .72, root[:, 1]), smoothstep(.2, -.7, root[:, 2])
    length = (style.length[1] * (1 - back) + style.length[2] * back) * (1 - up) + style.length[0] * up
    ragged = .18 if traits.style in ('bob', 'long straight') else .35
    length = length * np.exp(.16 * f.n('hair_shape', 5)) * (.975 + ragged * (random[:, 3] - .5))
    thick = sample(wanted, root) * smoothstep(-.3, .8 + .5 * min(style.top, 2.2), depth)
    layer = random[:, 5] ** .7
    points = grow(growth(style, traits, f, ground, cloth), root, start, length,
                  thick * (.62 + .55 * layer) + .05, random)
    if style.wave:
        points = wind(style, points, random, f)
    if style.length[0] > 10 and not traits.fringe:               # no single lock across the face
        astray = ((abs(points[..., 0]) < 5.4) & (points[..., 1] < 2.8) & (points[..., 2] > -1)).any(1)
        points, random, depth, layer = points[~astray], random[~astray], depth[~astray], layer[~astray]
    outward = unit((points - scalp.CENTRE) * ([1, .35, 1] if traits.style in HANGING else 1))
    tip, thin = (.8, .25) if style.comb == 'knot' else (.36 if traits.style in HANGING else .22, .6)
    width = tapered(len(points), style.steps,
                    style.width * (.65 + .7 * random[:, 6]) * (.5 + .5 * smoothstep(.0, 1.6, depth)), tip, thin)
    deep = np.repeat(layer[:, None], style.steps, 1)
    return ribbons(points, width, outward, 'hair', random[:, 0], deep, twist=(random[:, 1] - .5) * 1.2)


def wind(style, points, random, f):
    """Waves or curls, alike among neighbours for waves and each lock's own for curls."""
    own = .30 if style.length[0] > 20 else .6
    place = points[:, 0] @ np.array([.45, .25, .3])
    phase = (1 - own) * place + own * random[:, 2] * 6.28 + f.n('hair_shape', 3)
    size = style.wave * np.exp(.2 * f.n('hair_shape', 4)) * (.7 + .6 * random[:, 3])
    return coils(points, size, style.pitch * (.85 + .3 * random[:, 4]), phase, ease=5.0 if own < .5 else 2.0)


def bun(f, ground):
    """A coiled bun: ribbons wound over a flattened ball at the crown."""
    centre = sample(ground, KNOT['bun'][None])[0] + KNOT['bun'] * 1.4
    hand = spread(260)[1]
    size = f.u('hair_shape', 5, 2.3, 3.3)
    t = np.linspace(0, 1, 10)[None]
    turn = hand[:, :1] * 6.28 + t * (2.2 + hand[:, 1:2])
    tilt = np.pi * (.12 + .76 * hand[:, 2:3]) + .35 * np.sin(t * 3 + hand[:, 3:4] * 6)
    axis = unit(np.array([0, .55, -.83]))
    first, second = np.array([1.0, 0, 0]), np.cross(axis, [1.0, 0, 0])
    flat = np.cos(turn)[..., None] * first + np.sin(turn)[..., None] * second
    ball = np.sin(tilt)[..., None] * flat + .8 * np.cos(tilt)[..., None] * axis
    points = centre + ball * (size * (.82 + .2 * hand[:, 4:5]))[..., None]
    return ribbons(points, tapered(260, 10, np.full(260, .55), .7), ball, 'hair', hand[:, 5],
                   np.repeat(hand[:, 4:5], 10, 1))


def tail(f, ground):
    """A ponytail: locks that leave the tie at the back of the head and fall behind or over one shoulder."""
    tie = sample(ground, KNOT['ponytail'][None])[0] + KNOT['ponytail'] * .9
    hand = spread(420)[1]
    side = parting(f)
    path = np.array([tie, tie + [0, 1.2, -2.2], tie + [side * 2.5, -2.5, -3.4], [side * 8, -6, -12.5],
                     [side * 9.5, -12, -6.5], [side * 8.5, -19, -1.5], [side * 8, -23, 0]])
    t = np.linspace(0, 6, 16)
    spine = np.stack([np.interp(t, range(7), path[:, k]) for k in range(3)], 1)
    for _ in range(3):
        spine[1:-1] = (spine[:-2] + 2 * spine[1:-1] + spine[2:]) / 4
    fat = np.interp(np.linspace(0, 1, 16), (0, .12, .4, .8, 1), (.6, 1.5, 2.1, 1.7, .9))
    turn, out = hand[:, 0] * 6.28, np.sqrt(hand[:, 1])
    off = np.stack([np.cos(turn) * out, .4 * np.sin(turn) * out, np.sin(turn) * out], 1)
    sway = .25 * np.sin(np.linspace(0, 7, 16) + hand[:, 2:3] * 6)
    points = spine[None] + off[:, None] * (fat[None] + sway)[..., None]
    outward = unit(points - spine[None] + 1e-3)
    return ribbons(points, tapered(420, 16, np.full(420, .55), .3), outward, 'hair', hand[:, 3],
                   np.repeat(out[:, None], 16, 1))


def build_hair(traits, f, head, cloth=None):
    """All hair of a person, as `Hair`; `cloth` [V] cm that the shirt stands off the skin."""
    g = scalp.grid()
    ground = g.place(head.neutral)
    if traits.style == 'bald':
        return Hair([], np.full(len(ground), -2.0))
    style = STYLES[traits.style]
    lift = g.carry(np.zeros(len(head.vertices)) if cloth is None else cloth)
    inside, wanted = inside_hair(traits, f), thickness(style, traits, f)
    share = 1 if not style.locks else .86 if style.comb == 'out' else .76 if style.length[0] < 5 else .66
    shell, depth = cap(style, traits, inside, wanted * share, ground, parting(f))
    parts = [shell]
    if style.locks:
        parts.append(locks(style, traits, f, inside, wanted, ground, lift))
    if traits.style == 'bun' and traits.hat == 'none':
        parts.append(bun(f, ground))
    elif traits.style == 'ponytail':
        parts.append(tail(f, ground))
    return Hair(parts, depth)
