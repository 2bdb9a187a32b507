"""The surface of the eyeballs: sclera, iris, pupil and catch-lights. Colors are sRGB 0..1."""

from __future__ import annotations

import numpy as np

from gantoolkit_annyfaces.parts import smoothstep, unit

SCLERA = np.array([0.90, 0.875, 0.85])
BLOODSHOT = np.array([0.04, 0.13, 0.13])  # taken off where it is reddest
LIGHT_COLLAR = np.array([1.25, 1.1, 0.85])  # about the pupils of light eyes
DARK_COLLAR = np.array([1.15, 1.05, 0.95])


def gaze_direction(f, side):
    """Decide where an eye looks: a unit vector [3]; `side` is +1 for the person's left eye."""
    x = 0.13 * np.tanh(f.n("gaze", 0)) - 0.02 * side
    y = 0.07 * np.tanh(f.n("gaze", 1)) - 0.02
    return unit(np.array([[x, y, 1.0]]))[0]


def angle_between(directions, axis):
    """Measure the angles [N] in radians between unit directions [N,3] and an axis [3]."""
    return np.arccos(np.clip(directions @ axis, -1, 1))


def paint_eye(chart, traits, f, side, light):
    """Paint points of an eyeball: colors [N,3].

    chart [N,3] are directions from its center; `side` is +1 for the person's left eye.
    """
    d = unit(chart)
    gaze = gaze_direction(f, side)
    angle = angle_between(d, gaze)
    white = paint_sclera(d)
    iris = paint_iris(d, gaze, angle, traits)
    color = white + (iris - white) * smoothstep(0.475, 0.425, angle)[:, None]
    pupil = 0.97 * smoothstep(0.20, 0.165, angle)
    color = color * (1 - pupil)[:, None]
    upper_lid = 0.58 * smoothstep(0.06, 0.38, d[:, 1])
    lower_lid = 0.15 * smoothstep(-0.12, -0.42, d[:, 1])
    corners = 0.15 * smoothstep(0.45, 0.9, abs(d[:, 0]))
    shadow = np.clip(upper_lid + lower_lid + corners, 0, 0.8)
    color = np.clip(color, 0, 1) * (1 - shadow)[:, None]
    return np.clip(add_sparks(color, d, gaze, light), 0, 1)


def paint_sclera(d):
    """Paint the white of an eye at directions [N,3], redder and veined towards its corners."""
    x = d[:, :1]
    y = d[:, 1:2]
    wave = 40 * y + 9 * np.sin(7 * x)
    veins = 0.5 + 0.5 * np.sin(wave)
    towards_corner = smoothstep(0.35, 0.95, abs(x))
    return SCLERA - BLOODSHOT * towards_corner * (0.8 + 0.2 * veins)


def paint_iris(d, gaze, angle, traits):
    """Paint the iris at directions [N,3]: fibers, a warm collar about the pupil, a dark rim."""
    x = d[:, 0] - gaze[0]
    y = d[:, 1] - gaze[1]
    turn = np.arctan2(y, x)
    wave = turn * 23 + 3 * np.sin(turn * 7)
    outside_pupil = smoothstep(0.14, 0.3, angle)
    inside_rim = smoothstep(0.44, 0.34, angle)
    fibers = 1 + 0.20 * np.sin(wave) * outside_pupil * inside_rim
    is_light = traits.eye[2] > 0.2
    collar = LIGHT_COLLAR if is_light else DARK_COLLAR
    warm = smoothstep(0.30, 0.17, angle)[:, None]
    tone = fibers * (1.12 - 0.42 * smoothstep(0.24, 0.40, angle))
    iris = traits.eye[None] * tone[:, None] * (1 - warm + warm * collar)
    dark_rim = 0.62 * smoothstep(0.385, 0.445, angle)
    iris = iris * (1 - dark_rim)[:, None]
    below = smoothstep(0.10, -0.22, y)[:, None]
    return iris * (1 + 0.22 * below)  # light gathers opposite the lamp


def add_sparks(color, d, gaze, light):
    """Add two reflections of lamps to colors [N,3] at directions [N,3]."""
    x = 0.16 * np.sign(light.key[0] + 1e-3)
    lamp = ((x, 0.17, 0), 0.085, 0.95)
    window = ((-0.8 * x, -0.16, 0), 0.045, 0.30)
    for offset, size, power in (lamp, window):
        spark = unit(gaze + np.array([offset]))[0]
        angle = angle_between(d, spark)
        strength = power * smoothstep(size, 0.6 * size, angle)
        color = color + strength[:, None]
    return color
