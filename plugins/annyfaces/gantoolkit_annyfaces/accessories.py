"""Glasses, hats, earrings, necklaces and shirt collars as simple meshes placed on a given head."""
from __future__ import annotations

import numpy as np

from gantoolkit_annyfaces import scalp
from gantoolkit_annyfaces.anatomy import anchors, canonical
from gantoolkit_annyfaces.hair import hat_line
from gantoolkit_annyfaces.parts import Part, ball, grid_faces, smoothstep, tube


def rim_outline(f, sunglasses):
    """One lens outline [N,2] in cm about the eye, x away from the nose: between round, oval and rectangular."""
    turn = np.linspace(0, 2 * np.pi, 257)
    power = 2 / f.u('glasses_shape', 0, 2.0, 5.0)
    wide, high = f.u('glasses_shape', 1, 2.35, 2.75), f.u('glasses_shape', 2, 1.45, 2.3) + .25 * sunglasses
    x = wide * np.sign(np.cos(turn)) * abs(np.cos(turn)) ** power
    y = high * np.sign(np.sin(turn)) * abs(np.sin(turn)) ** power
    length = np.concatenate([[0], np.hypot(np.diff(x), np.diff(y)).cumsum()])
    even = np.linspace(0, length[-1], 33)[:-1]
    x, y = np.interp(even, length, x), np.interp(even, length, y)
    return np.stack([x * (1 + .03 * y / high) + .12, y - .2], 1)


def glasses(traits, f, head):
    """(frame parts, lens parts) before the eyes, with temples to the ears."""
    thick = f.u('glasses_shape', 3, .09, .26)
    dark = traits.glasses == 'sunglasses'                        # larger, so they stand before the brows
    plane = max(head.eyes[:, 2].max() + head.eye_radius + 1.0, nose_bridge(head)) + .35 * dark
    outline = rim_outline(f, dark)
    frames, lenses, hinge = [], [], []
    for side, eye in zip((1, -1), head.eyes):
        x = eye[0] + side * outline[:, 0]
        bend = plane - .045 * (abs(x) - 3).clip(0) ** 2
        path = np.stack([x, eye[1] + outline[:, 1], bend], 1)
        frames.append(tube(path, thick, 'frame', 8, closed=True))
        fan = np.stack([np.zeros(32, int), np.arange(1, 33), np.roll(np.arange(1, 33), -1)], 1)
        lenses.append(Part(np.concatenate([path.mean(0, keepdims=True), path]), fan, 'lens',
                           np.concatenate([[[0, 0, 0]], np.c_[outline / 2.5, np.zeros(32)]])))
        outer = path[np.argmax(x * side)]
        level = eye[1] + .55 * outline[:, 1].max()
        hinge.append((path[np.argmin(x * side)], np.array([outer[0], level, outer[2]])))
        ear = np.array([side * (ear_width(head) + .25), .2, -8.0])
        frames.append(tube(np.linspace(hinge[-1][1], ear, 10), max(.12, thick * .9), 'frame', 6))
    bridge = np.linspace(hinge[0][0] + [0, .35, 0], hinge[1][0] + [0, .35, 0], 9)
    bridge[:, 1] += .35 * np.sin(np.linspace(0, np.pi, 9))
    bridge[:, 2] += .25 * np.sin(np.linspace(0, np.pi, 9))
    frames.append(tube(bridge, thick * 1.05, 'frame', 6))
    return frames, lenses


def nose_bridge(head):
    """Front of the nose's root, z in cm."""
    c = canonical()
    bridge = (abs(c[:, 0]) < .7) & (c[:, 1] > -.8) & (c[:, 1] < .4) & (c[:, 2] > 1)
    return float(head.vertices[bridge][:, 2].max() - .25)


def ear_width(head):
    """Half the head's width above the ears in cm."""
    c = canonical()
    return float(abs(head.vertices[(abs(c[:, 1] - .8) < .6) & (abs(c[:, 2] + 7) < 1.5)][:, 0]).mean())


def dome(ground, rim, height, material, band):
    """A shell over the scalp above the elevations `rim` [G]; `height` [G] cm above the skin."""
    g = scalp.grid()
    over = (g.elevation - rim) / 6
    depth = ((height + .5) * smoothstep(-.9, -.1, over) - .5
             + band * (smoothstep(-.5, -.3, over) - smoothstep(1.6, 2.0, over)))
    points = ground + g.unit * depth[:, None]
    keep = (over[g.faces].max(1) > -1.0)
    extra = np.zeros((len(points), 4))
    extra[:, 0] = over
    return Part(points, g.faces[keep], material, g.unit.copy(), extra)


def hat(traits, f, ground):
    """Beanie, cap with a visor, or a hat with a brim."""
    g = scalp.grid()
    tilt = hat_line(g.azimuth) + 3 * f.n('hat_shape', 0)
    up = smoothstep(-.1, .9, g.unit[:, 1])
    if traits.hat == 'beanie':
        return [dome(ground, tilt - 3, 1.1 + f.u('hat_shape', 1, .2, 1.6) * up, 'hat', .35)]
    if traits.hat == 'cap':
        crown = .7 + 1.2 * up * (.55 + .45 * np.cos(np.radians(g.azimuth)))
        return [dome(ground, tilt, crown, 'hat', 0.0), visor(ground, tilt, 38, f.u('hat_shape', 1, 5.5, 7.0), 2.4)]
    crown = 1.1 + f.u('hat_shape', 1, 1.0, 2.4) * smoothstep(.2, .7, g.unit[:, 1])
    return [dome(ground, tilt + 3, crown, 'hat', 0.0),
            visor(ground, tilt + 3, 180, f.u('hat_shape', 2, 4.0, 6.0), f.u('hat_shape', 0, .3, 1.6))]


def visor(ground, rim, half, reach, droop):
    """A brim: a thin closed sheet from the rim outwards over azimuths −half..half degrees."""
    g = scalp.grid()
    count = 25 if half < 180 else 49
    turn = np.linspace(-half, half, count)
    table = rim.reshape(scalp.ELEVATIONS, scalp.AZIMUTHS)[0]
    level = np.interp(turn, g.azimuth[:scalp.AZIMUTHS], table, period=360)
    start = ground.reshape(scalp.ELEVATIONS, scalp.AZIMUTHS, 3)
    inner = np.stack([sample(start, t, e) for t, e in zip(turn, level)])
    ahead = scalp.directions(turn, np.zeros(count))
    profile = np.linspace(0, 1, 6)[:, None, None]
    fade = np.cos(np.radians(turn) * 90 / half).clip(0) ** .35 if half < 180 else np.ones(count)
    out = inner[None] + ahead[None] * (.4 + reach * fade[None, :, None] * profile)
    bend = (turn / half)[None] ** 2 * (1.2 if half < 180 else 0)
    out[..., 1] += .2 - droop * profile[..., 0] * (.25 + bend)
    under = out[::-1] - [0, .3, 0]
    loop = np.concatenate([out, under])
    faces = grid_faces(len(loop), count)
    extra = np.zeros((loop.shape[0] * count, 4))
    extra[:, 0] = 3
    return Part(loop.reshape(-1, 3), faces, 'hat', (loop.reshape(-1, 3) / 12), extra)


def sample(rows, azimuth, elevation):
    """Point of grid rows [E,A,3] at one azimuth and elevation in degrees (bilinear)."""
    r = np.clip((90 - elevation) / (90 - scalp.LOWEST) * (scalp.ELEVATIONS - 1), 0, scalp.ELEVATIONS - 1.001)
    c = (azimuth + 180) / 360 * scalp.AZIMUTHS % scalp.AZIMUTHS
    r0, c0 = int(r), int(c) % scalp.AZIMUTHS
    c1, a, b = (c0 + 1) % scalp.AZIMUTHS, r - int(r), c - int(c)
    return ((1 - a) * ((1 - b) * rows[r0, c0] + b * rows[r0, c1])
            + a * ((1 - b) * rows[r0 + 1, c0] + b * rows[r0 + 1, c1]))


def earrings(traits, f, head):
    """A pair of hoops or drops below the ear lobes."""
    parts, size = [], f.u('jewel', 0, .8, 1.5)
    for name, side in (('lobe_l', 1), ('lobe_r', -1)):
        lobe = head.vertices[anchors()[name]]
        hook = np.array([lobe[:, 0].mean() + side * .25, lobe[:, 1].min() + .1, lobe[:, 2].mean() + .3])
        if traits.earrings == 'hoop':
            turn = np.linspace(0, 2 * np.pi, 25)[:-1]
            ring = np.stack([.25 * np.sin(turn), np.cos(turn), np.sin(turn) * .8], 1) * size * 1.1
            parts.append(tube(hook - [0, size * 1.05, 0] + ring, .2, 'earring', 8, closed=True))
        else:
            parts.append(ball(hook - [0, .25, 0], .42, 'earring'))
            parts.append(ball(hook - [0, .7 + size * .9, 0], np.array([.5, .85 * size, .5]), 'earring'))
    return parts


def neck_loop(head, height, tilt, count=48):
    """Points [count,3] on the skin around the neck: at `height` cm on the average head, lower in front by `tilt`."""
    from gantoolkit_annyfaces.jewellery import neck_ring
    corner, weight = neck_ring(height, tilt, count)
    return (head.vertices[corner] * weight[..., None]).sum(1)


def necklace(traits, f, head):
    """A chain or a row of beads around the base of the neck."""
    drop = f.u('jewel', 1, 1.5, 3.0)
    loop = neck_loop(head, -12.6, drop)
    centre = np.array([0, 0, loop[:, 2].mean()])
    out = (loop - centre) * [1, 0, 1]
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    path = loop + out * .35
    for _ in range(3):
        path = (np.roll(path, 1, 0) + 2 * path + np.roll(path, -1, 0)) / 4 + out * .06
    if traits.necklace == 'chain':
        front = path[np.argmax(path[:, 2])]
        return [tube(path, .17, 'necklace', 8, closed=True),
                ball(front + [0, -.6, .15], np.array([.5, .75, .3]), 'necklace')]
    swell = .34 + .14 * np.cos(np.arange(96) * np.pi)
    fine = np.stack([np.interp(np.linspace(0, 48, 97)[:-1], np.arange(49), np.append(path[:, k], path[0, k]))
                     for k in range(3)], 1)
    return [tube(fine, swell, 'necklace', 8, closed=True)]
