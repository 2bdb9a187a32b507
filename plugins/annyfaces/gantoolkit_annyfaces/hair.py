"""Hair as closed shells: a cap over the scalp that dives under the skin at the hairline, and lofts for long hair."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gantoolkit_annyfaces import scalp
from gantoolkit_annyfaces.parts import Part, ball, grid_faces, smoothstep, tube, waves

# Hairline as (azimuth°, elevation°) seen from scalp.CENTRE, left half; mirrored for the right.
HAIRLINE = ((0, 33), (20, 34), (36, 32), (47, 22), (55, 11), (61, 0), (66, -14), (72, -17), (78, -9), (98, -8),
            (108, -18), (122, -32), (150, -42), (180, -44))


@dataclass(frozen=True)
class Style:
    """Thickness in cm at top, side and back; wave and curl amplitude in cm; lengths in cm below the eyes."""
    top: float
    side: float
    back: float
    wave: float = 0.0
    curl: float = 0.0
    length: float = 0.0          # of the curtain; 0 for none
    pole: tuple = (0.0, 0.75, -0.66)   # strands run away from here


STYLES = {
    'buzz': Style(.22, .14, .18),
    'short': Style(1.7, .75, 1.0, wave=.10),
    'side part': Style(2.0, .85, 1.1, pole=(.42, .80, .42)),
    'swept back': Style(2.3, .6, 1.0, wave=.08, pole=(0.0, .30, .95)),
    'bob': Style(1.9, 1.9, 1.9, length=9.0, pole=(.22, .92, .3)),
    'long straight': Style(1.6, 1.7, 1.6, length=22.0, pole=(.1, .95, .3)),
    'long wavy': Style(2.0, 2.0, 1.9, wave=.30, length=20.0, pole=(.25, .92, .3)),
    'curly': Style(2.7, 2.3, 2.3, wave=.2, curl=.42, length=8.5),
    'afro': Style(4.2, 4.0, 4.2, curl=.3),
    'bun': Style(.8, .55, .8, pole=(0.0, .75, -.66)),
    'ponytail': Style(.9, .55, .8, pole=(0.0, .5, -.86)),
}


@dataclass
class Hair:
    """Parts to render, and `depth` [G] cm of hair above the skin on the scalp grid (negative where there is none)."""
    parts: list
    depth: np.ndarray


def hairline(traits, f):
    """Closed hairline [N,2] (azimuth, elevation in degrees) for a person."""
    half = np.array(HAIRLINE, np.float64)
    half[:3, 1] += 2.0 * f.n('hair_shape', 0)
    if traits.balding == 'receding':
        half[:4, 1] += np.array([5, 13, 18, 12])
    if traits.fringe:
        half[:5, 1] = [10, 9.5, 8, 2, -4]
    if traits.style in ('long straight', 'long wavy', 'bob', 'curly') and traits.female:
        half[5:7, 1] -= 5                                       # no sideburn gap under a curtain
    if traits.style in ('buzz', 'short') or traits.female:
        half[6:8, 1] += 4
    fine = np.linspace(0, 180, 61)
    line = np.interp(fine, half[:, 0], half[:, 1])
    line = np.convolve(np.pad(line, 2, mode='reflect'), [.1, .2, .4, .2, .1], 'valid')
    both = np.concatenate([fine, -fine[1:-1][::-1]]), np.concatenate([line, line[1:-1][::-1]])
    if traits.fringe:                                           # swept to one side
        both[1][:] += 7 * np.tanh(f.n('hair_shape', 2)) * np.sin(np.radians(both[0] * 2)) * (abs(both[0]) < 90) * smoothstep(75, 45, abs(both[0]))
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


def thickness(style, traits, f):
    """Wanted hair thickness [G] in cm, ignoring the hairline."""
    g = scalp.grid()
    up = smoothstep(-.1, .75, g.unit[:, 1])
    back = smoothstep(.2, -.7, g.unit[:, 2])
    low = style.side * (1 - back) + style.back * back
    depth = (low * (1 - up) + style.top * up) * np.exp(.16 * f.n('hair_shape', 1))
    if style.pole[0] and not traits.fringe:                      # a parting: a valley along a line over the head
        side = np.sign(f.n('hair_shape', 2))
        away = abs(g.unit[:, 0] - side * style.pole[0])
        depth *= 1 - .62 * np.exp(-(away / .075) ** 2) * smoothstep(-.35, .1, g.unit[:, 2]) * smoothstep(.3, .6, g.unit[:, 1])
        depth *= 1 + .12 * np.tanh(3 * (side * style.pole[0] - g.unit[:, 0]) * side)
    if traits.style == 'swept back':
        depth *= 1 + .35 * np.exp(-((g.elevation - 48) / 22) ** 2) * (np.cos(np.radians(g.azimuth)) > 0)
    key = int(abs(f.n('hair_shape', 3)) * 1000) % 97
    depth += style.wave * waves(g.canon, .55, key) * min(1, style.top)
    return depth + style.curl * waves(g.canon, 2.2, key + 1, 10) * .8


def cap(style, traits, f, ground):
    """The shell over the scalp: (Part, depth [G])."""
    g = scalp.grid()
    inside = edge_distance(hairline(traits, f))
    if traits.balding == 'bald top':
        crown = np.array([0, .86, .5]) / np.linalg.norm([0, .86, .5])
        inside = np.minimum(inside, (np.degrees(np.arccos(np.clip(g.unit @ crown, -1, 1))) - f.u('balding', 0, 58, 66)) * .16)
    rough = .35 * waves(g.canon, 1.1, 5) * (.3 if traits.style == 'buzz' else 1) + .18 * waves(g.canon, 2.6, 6)
    wanted = thickness(style, traits, f) * (.55 if traits.balding == 'bald top' else 1)
    rise = smoothstep(-.15, .5 + .55 * min(wanted.max(), 2.2), inside + rough * .5)
    if traits.fringe:
        front = smoothstep(70, 50, abs(g.azimuth)) * smoothstep(45, 20, g.elevation)
        rise = rise * (1 - front) + front * smoothstep(-.2, .25, inside + .5 * rough)
        wanted = wanted * (1 - .45 * front)
    depth = (wanted + .3) * rise - .3
    if traits.hat != 'none':
        depth = np.where((abs(g.azimuth) < 52) & (g.elevation > hat_line(g.azimuth) - 14), -.3, depth)
        depth = np.where(g.elevation > hat_line(g.azimuth) - 3, np.minimum(depth, .45), depth)
    points = ground + g.unit * depth[:, None]
    faces = g.faces[(inside + .5 * rough)[g.faces].max(1) > -1.2]
    extra = np.zeros((len(points), 4))
    extra[:, 1] = depth
    return Part(points, faces, 'hair', g.unit.copy(), extra), depth


def hat_line(azimuth):
    """Elevation in degrees of a hat's lower rim."""
    return 9 + 13 * np.cos(np.radians(azimuth)) - 3 * np.cos(np.radians(2 * azimuth))


def curtain(style, traits, f, ground, depth):
    """Long hair: a horseshoe-shaped closed sheet around the back and sides, from above the ears downwards."""
    g = scalp.grid()
    columns, rows = 61, 34
    front = f.u('hair_shape', 4, 56, 72) + (6 if traits.style == 'curly' else 0)
    arc = np.linspace(-1, 1, columns)
    azimuth = 180 + arc * (180 - front)
    top = ring_at(ground + g.unit * np.maximum(depth, .3)[:, None], azimuth, 4.0)
    length = min(style.length * np.exp(.16 * f.n('hair_shape', 5)) - 1.0, 24.5)
    v = np.linspace(0, 1, rows)[:, None]
    down = top[None, :, 1] - v * (4.0 + length) * (1 - .10 * smoothstep(.8, 1.0, abs(arc)))[None]
    fall = np.clip((top[None, :, 1] - down) / 14, 0, 1.6)
    flare = f.u('hair_shape', 1, .0, .22)
    widen = 1 + flare * fall + (.05 if traits.style == 'curly' else 0)
    if traits.style == 'bob':
        widen = widen + .10 * np.sin(np.pi * v) - .06 * v
    key = int(abs(f.n('hair_shape', 3)) * 1000) % 97
    x, z = top[None, :, 0] * widen, (top[None, :, 2] + 8) * widen - 8
    tuck = smoothstep(2.0, -9.0, down) * smoothstep(.55, .95, abs(arc))[None]
    x = x * (1 - .05 * tuck) - 0
    z = z + tuck * (1.2 + 2.6 * smoothstep(-9, -17, down))              # front locks lie before the shoulders
    middle = np.stack([x, down, z], -1)
    outward = np.stack([x, 0 * x, z + 8], -1)
    outward /= np.linalg.norm(outward, axis=-1, keepdims=True)
    ripple = style.wave * 1.5 * np.sin(down * .95 + 2.1 * np.sin(arc * 5 + key))
    ripple = ripple + style.curl * 1.3 * waves(middle.reshape(-1, 3), 1.5, key + 2, 8).reshape(x.shape)
    half = (.15 + 1.45 * np.sqrt(np.clip(1 - abs(arc) ** 6, 0, 1)))[None] * taper(v, arc, f, key)
    loose = smoothstep(0, .25, v)
    outer = middle + outward * (half * (.1 + .6 * smoothstep(.05, .5, v)) + ripple * loose - .4 * smoothstep(.16, 0, v))[..., None]
    inner = middle - outward * (half * (1.7 - .6 * smoothstep(.05, .5, v)) - ripple * .5 * loose)[..., None]
    shell = np.concatenate([outer, inner[:, ::-1]], 1)
    chart = np.stack(np.broadcast_arrays(np.concatenate([arc, arc[::-1]])[None] * 1.9, -down.mean(1, keepdims=True) / 9, ripple.repeat(2, 1)[:, :2 * columns] * 0), -1)
    extra = np.zeros((rows * 2 * columns, 4))
    extra[:, 0], extra[:, 1] = 1, 1.5
    extra[:, 2] = np.concatenate([ripple, ripple[:, ::-1]], 1).ravel() * .5
    return Part(shell.reshape(-1, 3), grid_faces(rows, 2 * columns, wrap=True), 'hair', chart.reshape(-1, 3), extra)


def taper(v, arc, f, key):
    """Relative thickness [rows, columns] along the fall: rounded start, ragged thin tips."""
    ragged = .12 * np.sin(arc * 23 + key) + .08 * np.sin(arc * 51 + 2 * key)
    return smoothstep(-.02, .16, v) * (1 - smoothstep(.74 + ragged[None], 1.0, v)) + .02


def ring_at(points, azimuth, height):
    """Outline [N,3] of grid points where they reach `height` cm, at the given azimuths in degrees."""
    rows = points.reshape(scalp.ELEVATIONS, scalp.AZIMUTHS, 3)
    index = (rows[..., 1] > height).sum(0).clip(1, scalp.ELEVATIONS - 1)      # elevation falls along the rows
    column = np.arange(scalp.AZIMUTHS)
    above, below = rows[index - 1, column], rows[index, column]
    share = ((above[:, 1] - height) / (above[:, 1] - below[:, 1] + 1e-6)).clip(0, 1)[:, None]
    outline = above * (1 - share) + below * share
    degrees = column / scalp.AZIMUTHS * 360 - 180
    wrapped = (np.asarray(azimuth) + 180) % 360 - 180
    return np.stack([np.interp(wrapped, degrees, outline[:, k], period=360) for k in range(3)], 1) * np.array([1, 0, 1]) + np.array([0, height, 0])


def knot(traits, f, ground):
    """Bun or ponytail parts."""
    crown = ground[np.argmax(scalp.grid().unit @ np.array([0, .88, -.47]))]
    if traits.style == 'bun':
        part = ball(crown + [0, 1.6, -.4], f.u('hair_shape', 5, 2.4, 3.6) * np.array([1.1, .9, 1.0]), 'hair', 15, 24)
        part.vertices = part.vertices + .22 * waves(part.vertices, 1.4, 3)[:, None] * part.chart
    else:
        back, side = ground[np.argmax(scalp.grid().unit @ np.array([0, .3, -.95]))], np.sign(f.n('hair_shape', 2))
        path = np.array([back, back + [side, 1.5, -2.2], back + [side * 4, -3, -3.2], [side * 7.5, -6, -13], [side * 9, -12, -8], [side * 9, -20, -4]])
        fine = np.stack([np.interp(np.linspace(0, 5, 26), range(6), path[:, k]) for k in range(3)], 1)
        for _ in range(3):
            fine[1:-1] = (fine[:-2] + 2 * fine[1:-1] + fine[2:]) / 4
        part = tube(fine, 1.9 * np.sin(np.linspace(.35, 3.0, 26)) ** .6, 'hair', 14)
        part.chart = part.chart * [0.35, 2.5, 0]
    part.extra = np.zeros((len(part.vertices), 4))
    part.extra[:, 0], part.extra[:, 1] = (1.0 if traits.style == 'ponytail' else 0.0), 1.5
    return part


def build_hair(traits, f, head):
    """All hair of a person, as `Hair`."""
    ground = scalp.grid().place(head.neutral)
    if traits.style == 'bald':
        return Hair([], np.full(len(ground), -2.0))
    style = STYLES[traits.style]
    shell, depth = cap(style, traits, f, ground)
    parts = [shell]
    if style.length and (traits.female or traits.style != 'curly') and traits.balding == 'none':
        parts.append(curtain(style, traits, f, ground, depth))
    if traits.style in ('bun', 'ponytail') and (traits.hat == 'none' or traits.style == 'ponytail'):
        parts.append(knot(traits, f, ground))
    return Hair(parts, depth)
