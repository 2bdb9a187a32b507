"""The flat factor vector: every choice of a sample is a function of these standard normals.

Identity factors come first, then those of a state (hair, clothes, expression, light, …); the camera
has its own draw. A uniform is Φ(z); a category is argmax(log p + g) with g = −log(−log Φ(z)), whose
choice probabilities are exactly p; so vectors are exactly N(0, I) whatever the marginals of the
attributes. The names are stored in data sets, so they keep their spelling.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from gantoolkit_annyfaces.basis import LOCAL_CHANGES

IDENTITY = (
    ("ancestry", 3),
    ("gender", 1),
    ("age", 1),
    ("weight", 1),
    ("muscle", 1),
    ("shape", 26),
    ("skin", 3),
    ("freckles", 1),
    ("eye_colour", 5),
    ("eye_shade", 1),
    ("brow", 3),
    ("natural_hair", 6),
)
STATE = (
    ("years", 1),
    ("hair_style", 12),
    ("hair_dye", 2),
    ("hair_shade", 2),
    ("hair_shape", 6),
    ("balding", 1),
    ("fringe", 1),
    ("beard", 5),
    ("beard_shape", 2),
    ("glasses", 3),
    ("glasses_shape", 4),
    ("hat", 4),
    ("hat_shape", 3),
    ("earrings", 3),
    ("jewel", 2),
    ("necklace", 3),
    ("lipstick", 1),
    ("lip_colour", 2),
    ("make_up", 2),
    ("smile", 1),
    ("mouth_open", 1),
    ("brows_up", 1),
    ("squint", 1),
    ("gaze", 2),
    ("expression", 4),
    ("collar", 6),
    ("cloth", 6),
    ("backdrop", 7),
    ("key_light", 4),
    ("ambient", 3),
)
WOMEN = 0.21  # Φ(0.21) = 0.583
SHAPE_SCALE = 0.30  # standard deviation of a local change, in Anny's −1..1 units
GENTLE = {
    "head-": 0.5,
    "forehead-": 0.6,
    "neck-": 0.6,
    "nose-scale-vert": 0.5,
    "mouth-angles": 0.3,
    "eyebrows-angle": 0.5,
    "mouth-trans": 0.6,
}


def _slices():
    """Map every name to its slice of the flat vector, in order."""
    table = {}
    start = 0
    for name, count in IDENTITY + STATE:
        table[name] = slice(start, start + count)
        start += count
    return table


SLICES = _slices()
IDENTITY_FACTORS = sum(count for _, count in IDENTITY)
COUNT = IDENTITY_FACTORS + sum(count for _, count in STATE)
NAMES = tuple(f"{name}.{i}" for name, count in IDENTITY + STATE for i in range(count))


def stream(seed, *key):
    """Make a random generator that depends only on `seed` and `key` (non-negative integers)."""
    entropy = [int(seed), *map(int, key)]
    return np.random.default_rng(np.random.SeedSequence(entropy))


def draw(seed, identity, state, attempt=0):
    """Draw the factor vector [COUNT] float32 of one state of one identity.

    attempt numbers further draws of the same state.
    """
    who = stream(seed, identity, 0).standard_normal(IDENTITY_FACTORS)
    key = (identity, 1, state, attempt) if attempt else (identity, 1, state)
    how = stream(seed, *key).standard_normal(COUNT - IDENTITY_FACTORS)
    return np.concatenate([who, how]).astype(np.float32)


def draw_camera(seed, identity, state, view):
    """Draw two standard normals for the camera of one view."""
    return stream(seed, identity, 2, state, view).standard_normal(2)


class Factors:
    """Read a flat vector [COUNT] by name: `n` normals, `u` uniforms, `pick` a category."""

    def __init__(self, vector):
        self.vector = np.asarray(vector, np.float64)

    def n(self, name, i=0):
        """Read the i-th standard normal of a named slice."""
        return float(self.vector[SLICES[name]][i])

    def u(self, name, i=0, low=0.0, high=1.0):
        """Read the i-th number of a named slice as a uniform in low..high."""
        return low + (high - low) * float(ndtr(self.n(name, i)))

    def pick(self, name, odds):
        """Choose a key of `odds` {category: weight} by the numbers of a named slice.

        Raises ValueError where the slice is shorter than `odds`.
        """
        z = self.vector[SLICES[name]][: len(odds)]
        if len(z) < len(odds):
            raise ValueError(
                f"The factor '{name}' has {len(z)} numbers; {len(odds)} categories were asked for."
            )
        uniform = np.clip(ndtr(z), 1e-12, 1 - 1e-12)
        gumbel = -np.log(-np.log(uniform))
        weights = np.array(list(odds.values()), np.float64)
        best = np.argmax(np.log(np.maximum(weights, 1e-9)) + gumbel)
        return list(odds)[int(best)]

    def female(self):
        """Tell the gender presentation; 58 % are women, as in CelebA."""
        return self.n("gender") > -WOMEN

    def shape_changes(self):
        """Spread 26 normals over all local shape changes: {local change: amount −1..1}.

        The mixing is fixed, its rows of length 1.
        """
        z = self.vector[SLICES["shape"]]
        mixing = stream(20240, 7).standard_normal((len(LOCAL_CHANGES), len(z)))
        mixing /= np.linalg.norm(mixing, axis=1, keepdims=True)
        amount = np.clip(mixing @ z * SHAPE_SCALE, -1, 1)
        gentle = [gentleness(name) for name in LOCAL_CHANGES]
        return dict(zip(LOCAL_CHANGES, amount * gentle, strict=True))


def gentleness(change):
    """Look up the factor 0..1 by which a local change is held back."""
    fitting = [factor for start, factor in GENTLE.items() if change.startswith(start)]
    return min(fitting, default=1.0)
