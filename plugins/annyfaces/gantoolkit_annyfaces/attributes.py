"""Attributes of a sample, from the decisions that were rendered (never guessed from pixels)."""

from __future__ import annotations

from gantoolkit_annyfaces.backdrop import backdrop_colors
from gantoolkit_annyfaces.colors import color_name
from gantoolkit_annyfaces.lighting import decide_light
from gantoolkit_annyfaces.masks import brow_half
from gantoolkit_annyfaces.styles import LENGTHS, TEXTURES


def age_group(years):
    """Name an age: 'young', 'middle-aged' or 'elderly'."""
    if years < 40:
        return "young"
    return "middle-aged" if years < 58 else "elderly"


def brow_word(f):
    """Name the thickness of the brows: 'bushy', 'medium' or 'thin'."""
    thickness = brow_half(f)
    if thickness > 0.50:
        return "bushy"
    return "thin" if thickness < 0.27 else "medium"


def face_shape(f):
    """Name the outline of the face from the shape factors that matter most."""
    change = f.shape_changes()
    width = change["head-scale-horiz-incr"] + 0.6 * f.n("weight") * 0.5
    height = change["head-scale-vert-incr"]
    if width - height > 0.28:
        return "round"
    if height - width > 0.28:
        return "long"
    chin = change["chin-bones-incr"] + change["chin-width-incr"]
    return "angular" if chin > 0.12 else "oval"


def describe(traits, f):
    """Describe a state of a person as {attribute: value}, ready for JSON."""
    who = person(traits) | hair(traits) | face(traits, f)
    return who | outfit(traits) | scene(f)


def person(traits):
    """Describe who it is."""
    return {
        "gender": "female" if traits.female else "male",
        "age": round(traits.years, 1),
        "age_group": age_group(traits.years),
        "skin_tone": traits.skin_name,
    }


def hair(traits):
    """Describe hair and beard."""
    is_bald = traits.style == "bald"
    return {
        "hair_color": "none" if is_bald else traits.hair_name,
        "hair_length": LENGTHS[traits.style],
        "hair_style": traits.style,
        "hair_texture": TEXTURES.get(traits.style, "straight"),
        "fringe": bool(traits.fringe),
        "bald": is_bald,
        "balding": traits.balding,
        "beard": traits.beard,
        "mustache": traits.beard in ("mustache", "goatee", "beard"),
    }


def face(traits, f):
    """Describe the face, its expression and its make-up."""
    jaw_open = float(traits.actions.get("jawOpen", 0))
    return {
        "eye_color": traits.eye_name,
        "brows": brow_word(f),
        "smile": round(traits.smile, 3),
        "smiling": traits.smile > 0.25,
        "mouth_open": round(jaw_open, 3),
        "mouth_slightly_open": jaw_open > 0.06,
        "glasses": traits.glasses,
        "hat": traits.hat,
        "earrings": traits.earrings,
        "necklace": traits.necklace if traits.collar != "high" else "none",
        "lipstick": traits.lipstick > 0.15,
        "heavy_makeup": traits.shadow > 0.12 and traits.lipstick > 0.15,
        "rosy_cheeks": traits.blush > 0.8,
        "face_shape": face_shape(f),
    }


def outfit(traits):
    """Describe the clothes."""
    return {
        "collar": traits.collar,
        "necktie": traits.collar == "suit" and not traits.female,
        "cloth_pattern": traits.pattern,
        "cloth_color": color_name(traits.cloth),
    }


def scene(f):
    """Describe background and light."""
    return {
        "background_color": color_name(sum(backdrop_colors(f)) / 2),
        "lighting": decide_light(f).name,
    }
