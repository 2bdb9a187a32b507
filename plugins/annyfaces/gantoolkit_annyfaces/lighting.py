"""Light: a lamp with fill and rim light, sky and ground, and the camera's curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# How far red, green and blue light wraps around skin, glows at the edge of shadows, fills folds.
WRAP = np.array([0.30, 0.16, 0.12])
GLOW = np.array([0.10, 0.02, 0.0])
FOLD = np.array([1, 0, 0])
# Highlights along strands: (shift towards the tip, sharpness, strength).
SHEENS = (
    (0.10, 30, 0.46),
    (-0.16, 9, 0.26),
)


@dataclass
class Light:
    """Hold the light of one state: unit directions [3] to lamps, and linear RGB colors [3]."""

    key: np.ndarray  # direction to the main lamp
    fill: np.ndarray
    key_color: np.ndarray
    fill_color: np.ndarray
    rim: np.ndarray
    rim_color: np.ndarray
    sky: np.ndarray  # color of light from above
    ground: np.ndarray  # color of light from below
    name: str  # for captions: 'soft', 'left', 'right', 'front'


def linear(srgb):
    """Turn sRGB 0..1 into linear light (power 2.2)."""
    return np.clip(srgb, 0, 1) ** 2.2


def decide_light(f):
    """Decide the `Light` of one state."""
    turn = 0.68 * f.n("key_light", 0)
    rise = np.clip(0.55 + 0.25 * f.n("key_light", 1), -0.1, 1.15)
    level = np.cos(rise)
    key = np.array([np.sin(turn) * level, np.sin(rise), np.cos(turn) * level])
    power = np.exp(0.22 * f.n("key_light", 2))
    warm = 0.10 * f.n("key_light", 3)
    tint = np.array([1 + warm, 1.0, 1 - warm])
    soft = f.u("ambient", 0, 0.55, 1.25)
    cool = 0.07 * f.n("ambient", 1)
    bounce = np.exp(0.15 * f.n("ambient", 2))
    edge = max(0.0, f.n("ambient", 2) - 0.1)
    fill = np.array([-np.sin(turn) * 0.8, 0.15, 0.6])
    rim = np.array([-np.sign(turn) * 0.75, 0.35, -0.55])
    return Light(
        key=key,
        fill=fill / np.linalg.norm(fill),
        key_color=tint * 0.92 * power,
        fill_color=(2 - tint) * 0.18 * soft,
        rim=rim / np.linalg.norm(rim),
        rim_color=(2 - tint) * 0.55 * edge,
        sky=np.array([1 - cool, 1.0, 1 + cool]) * 0.46 * soft,
        ground=np.array([1 + 0.08, 1.0, 0.92]) * 0.28 * soft * bounce,
        name=light_name(turn, soft / power),
    )


def light_name(turn, softness):
    """Name a light by its angle `turn` in radians and the strength of the sky beside the lamp."""
    if softness > 1.05:
        return "soft"
    if turn > 0.35:
        return "left"
    return "right" if turn < -0.35 else "front"


def illuminate(
    normal,
    view,
    gloss,
    open_sky,
    shade,
    light,
    scatter,
):
    """Compute (light received [N,3], shine [N,3]), linear, at surface points.

    normal, view unit [N,3]; gloss [N]; open_sky [N] 0..1; shade [N] (1: in shadow of the lamp);
    scatter [N,1] how far light wraps around (skin 1, else 0).
    """
    lit = normal @ light.key
    wrap = scatter * WRAP
    clear = 1 - shade[:, None]
    wrapped = (lit[:, None] + wrap) / (1 + wrap)
    glow = scatter * GLOW * clear * (1 - clear) * 4
    diffuse = np.clip(wrapped, 0, 1) * (clear + glow)
    up = (0.5 + 0.5 * normal[:, 1])[:, None]
    hidden = open_sky[:, None] ** (1 - 0.25 * scatter * FOLD)  # red gets farther into folds
    ambient = (light.ground + (light.sky - light.ground) * up) * hidden
    openness = 0.3 + 0.7 * open_sky[:, None]
    from_fill = np.clip(normal @ light.fill * 0.8 + 0.2, 0, 1)
    fill = from_fill[:, None] * light.fill_color * openness
    from_rim = np.clip(normal @ light.rim, 0, 1)
    behind = from_rim[:, None] * light.rim_color * openness
    received = diffuse * light.key_color + ambient + fill + behind
    shine = shine_of(normal, view, gloss, open_sky, shade, light, lit)
    return received, shine


def shine_of(
    normal,
    view,
    gloss,
    open_sky,
    shade,
    light,
    lit,
):
    """Compute highlights [N,3] of the lamp and, at grazing angles, of the sky.

    lit [N] is the cosine of the lamp's direction; the rest as in `illuminate`.
    """
    half = light.key - view
    half /= np.linalg.norm(half, axis=1, keepdims=True) + 1e-9
    facing = np.clip((normal * half).sum(1), 0, 1)
    tilt = 1 + (normal * view).sum(1)
    grazing = np.clip(tilt, 0, 1) ** 5
    fresnel = 0.35 + 0.65 * grazing
    lobe = 0.13 * facing**12 + 0.42 * gloss * facing**48
    highlight = gloss * lobe * fresnel * 1.8 * (1 - shade) * (lit > 0)
    reflection = 0.10 * gloss * grazing * open_sky
    return highlight[:, None] * light.key_color + reflection[:, None] * light.sky * 2


def hair_sheen(direction, normal, view, height, light, shade):
    """Compute two shifted highlights [N,1] along strands (after Kajiya and Kay, 1989).

    direction, normal, view unit [N,3]; height [N] −1..1 across the strand; shade [N].
    """
    half = light.key - view
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    shine = 0.0
    for shift, power, amount in SHEENS:
        tangent = direction + normal * (shift + 0.05 * height)[:, None]
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-9
        cosine = (tangent * half).sum(1)
        sine = np.sqrt(np.clip(1 - cosine**2, 0, 1))
        shine = shine + amount * sine**power
    facing = np.clip(normal @ light.key + 0.25, 0, 1)
    return (shine * (1 - 0.8 * shade) * facing)[:, None]


def develop(color):
    """Turn linear light into sRGB 0..1; what is bright approaches white without clipping."""
    color = np.clip(color, 0, None)
    color = color * (1 + color * 0.12) / (1 + color * 0.42)
    color = color * 1.18
    bright = np.maximum(color - 0.65, 0)
    shoulder = 0.65 + 0.35 * (1 - np.exp(-bright / 0.35))
    color = np.where(bright > 0, shoulder, color)
    return color ** (1 / 2.2)
