"""Attributes of a sample, from the decisions that were rendered (never guessed from pixels)."""
from __future__ import annotations

from gantoolkit_annyfaces.colours import colour_name
from gantoolkit_annyfaces.lighting import backdrop_colours, decide_light
from gantoolkit_annyfaces.skin import brow_half
from gantoolkit_annyfaces.styles import LENGTHS, TEXTURES


def age_group(years):
    """'young', 'middle-aged' or 'elderly'."""
    return 'young' if years < 40 else 'middle-aged' if years < 58 else 'elderly'


def face_shape(f):
    """Word for the outline of the face from the shape factors that matter most."""
    change = f.shape_changes()
    width, height = change['head-scale-horiz-incr'] + .6 * f.n('weight') * .5, change['head-scale-vert-incr']
    if width - height > .28:
        return 'round'
    if height - width > .28:
        return 'long'
    return 'angular' if change['chin-bones-incr'] + change['chin-width-incr'] > .12 else 'oval'


def describe(traits, f):
    """{attribute: value}, JSON-ready."""
    hair_length = LENGTHS[traits.style]
    mouth = float(traits.actions.get('jawOpen', 0))
    thick = brow_half(f)
    return {
        'gender': 'female' if traits.female else 'male', 'age': round(traits.years, 1),
        'age_group': age_group(traits.years), 'skin_tone': traits.skin_name,
        'hair_color': traits.hair_name if traits.style != 'bald' else 'none', 'hair_length': hair_length,
        'hair_style': traits.style, 'hair_texture': TEXTURES.get(traits.style, 'straight'),
        'fringe': bool(traits.fringe), 'bald': traits.style == 'bald', 'balding': traits.balding, 'beard': traits.beard,
        'mustache': traits.beard in ('mustache', 'goatee', 'beard'), 'eye_color': traits.eye_name,
        'brows': 'bushy' if thick > .50 else 'thin' if thick < .27 else 'medium',
        'smile': round(traits.smile, 3), 'smiling': traits.smile > .25, 'mouth_open': round(mouth, 3),
        'mouth_slightly_open': mouth > .06, 'glasses': traits.glasses, 'hat': traits.hat, 'earrings': traits.earrings,
        'necklace': traits.necklace if traits.collar != 'high' else 'none', 'lipstick': traits.lipstick > .15,
        'heavy_makeup': traits.shadow > .12 and traits.lipstick > .15, 'rosy_cheeks': traits.blush > .8,
        'face_shape': face_shape(f), 'collar': traits.collar,
        'necktie': traits.collar == 'suit' and not traits.female, 'cloth_pattern': traits.pattern,
        'cloth_color': colour_name(traits.cloth), 'background_color': colour_name(sum(backdrop_colours(f)) / 2),
        'lighting': decide_light(f).name}
