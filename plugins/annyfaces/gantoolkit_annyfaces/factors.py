"""The flat factor vector: every choice of a sample is a function of these standard normals and nothing else.

Identity factors come first, then those of a state (hair, clothes, expression, light, …); the camera has its own
draw. A uniform is Φ(z); a category is argmax(log p + g) with g = −log(−log Φ(z)), whose choice probabilities are
exactly p; so vectors are exactly N(0, I) whatever the marginals of the attributes.
"""
from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from gantoolkit_annyfaces.basis import LOCAL_CHANGES

IDENTITY = (('ancestry', 3), ('gender', 1), ('age', 1), ('weight', 1), ('muscle', 1), ('shape', 26), ('skin', 3),
            ('freckles', 1), ('eye_colour', 5), ('eye_shade', 1), ('brow', 3), ('natural_hair', 6))
STATE = (('years', 1), ('hair_style', 12), ('hair_dye', 2), ('hair_shade', 2), ('hair_shape', 6),
         ('balding', 1), ('fringe', 1), ('beard', 5), ('beard_shape', 2), ('glasses', 3),
         ('glasses_shape', 4), ('hat', 4), ('hat_shape', 3), ('earrings', 3), ('jewel', 2), ('necklace', 3),
         ('lipstick', 1), ('lip_colour', 2), ('make_up', 2), ('smile', 1), ('mouth_open', 1),
         ('brows_up', 1), ('squint', 1), ('gaze', 2), ('expression', 4),
         ('collar', 6), ('cloth', 6), ('backdrop', 7), ('key_light', 4), ('ambient', 3))
WOMEN = 0.21                 # Φ(0.21) = 0.583
SHAPE_SCALE = 0.30           # standard deviation of a local change, in Anny's −1..1 units
GENTLE = {'head-': .5, 'forehead-': .6, 'neck-': .6, 'nose-scale-vert': .5, 'mouth-angles': .3,
          'eyebrows-angle': .5, 'mouth-trans': .6}


def _slices():
    """{name: slice} of the flat vector, in order."""
    table, start = {}, 0
    for name, count in IDENTITY + STATE:
        table[name] = slice(start, start + count)
        start += count
    return table


SLICES = _slices()
IDENTITY_FACTORS = sum(count for _, count in IDENTITY)
COUNT = IDENTITY_FACTORS + sum(count for _, count in STATE)
NAMES = tuple(f'{name}.{i}' for name, count in IDENTITY + STATE for i in range(count))


def stream(seed, *key):
    """A random generator that depends on nothing but `seed` and `key` (non-negative integers)."""
    return np.random.default_rng(np.random.SeedSequence([int(seed), *map(int, key)]))


def draw(seed, identity, state, attempt=0):
    """Factor vector [COUNT] float32 of one state of one identity; `attempt` numbers other draws of the same state."""
    who = stream(seed, identity, 0).standard_normal(IDENTITY_FACTORS)
    key = (identity, 1, state, attempt) if attempt else (identity, 1, state)
    how = stream(seed, *key).standard_normal(COUNT - IDENTITY_FACTORS)
    return np.concatenate([who, how]).astype(np.float32)


def draw_camera(seed, identity, state, view):
    """Two standard normals for the camera of one view."""
    return stream(seed, identity, 2, state, view).standard_normal(2)


class Factors:
    """Reads a flat vector [COUNT] by name: `n` normals, `u` uniforms in 0..1, `pick` a category."""

    def __init__(self, vector):
        self.vector = np.asarray(vector, np.float64)

    def n(self, name, i=0):
        """The i-th standard normal of a named slice."""
        return float(self.vector[SLICES[name]][i])

    def u(self, name, i=0, low=0.0, high=1.0):
        """Uniform in low..high."""
        return low + (high - low) * float(ndtr(self.n(name, i)))

    def pick(self, name, odds):
        """A key of `odds` {category: weight}; the slice must be at least as long as `odds`."""
        z = self.vector[SLICES[name]][:len(odds)]
        if len(z) < len(odds):
            raise ValueError(f"The factor '{name}' has {len(z)} numbers but {len(odds)} categories were asked for.")
        gumbel = -np.log(-np.log(np.clip(ndtr(z), 1e-12, 1 - 1e-12)))
        weights = np.log(np.maximum(np.array(list(odds.values()), np.float64), 1e-9))
        return list(odds)[int(np.argmax(weights + gumbel))]

    def female(self):
        """Gender presentation; 58 % are women, as in CelebA."""
        return self.n('gender') > -WOMEN

    def shape_changes(self):
        """{local change: amount}: 26 normals spread over all local shape changes by a fixed orthonormal mixing."""
        z = self.vector[SLICES['shape']]
        mixing = stream(20240, 7).standard_normal((len(LOCAL_CHANGES), len(z)))
        mixing /= np.linalg.norm(mixing, axis=1, keepdims=True)
        amount = np.clip(mixing @ z * SHAPE_SCALE, -1, 1)
        gentle = [min([v for k, v in GENTLE.items() if name.startswith(k)], default=1.0) for name in LOCAL_CHANGES]
        return dict(zip(LOCAL_CHANGES, amount * gentle))
