"""Show rare things more often: choose every state among several draws.

A person (the identity factors) stays as drawn. Of `CANDIDATES` draws of the state one is kept, with
a chance that is proportional to the product of the boosts of the rare things in it. Where `rare` is
1 the first draw is kept, which is the ordinary one, so that vectors are exactly N(0, I); otherwise
those of states over-represent what is rare.
"""

from __future__ import annotations

import numpy as np

from gantoolkit_annyfaces.backdrop import backdrop_colors
from gantoolkit_annyfaces.colors import is_colored
from gantoolkit_annyfaces.factors import Factors, draw, stream
from gantoolkit_annyfaces.traits import decide

CANDIDATES = 32

# {thing: (power, test of traits and factors)}; its odds grow by rare ** power.
RARE_THINGS = {
    "glasses": (2.0, lambda traits, f: traits.glasses != "none"),
    "hat": (2.0, lambda traits, f: traits.hat != "none"),
    "bald": (2.0, lambda traits, f: traits.style == "bald"),
    "dyed hair": (2.0, lambda traits, f: traits.hair_name in ("pink", "blue")),
    "beard": (1.5, lambda traits, f: traits.beard in ("mustache", "goatee", "beard")),
    "earrings": (1.0, lambda traits, f: traits.earrings != "none"),
    "necklace": (1.0, lambda traits, f: traits.necklace != "none" and traits.collar != "high"),
    "tied or round hair": (1.0, lambda traits, f: traits.style in ("bun", "ponytail", "afro")),
    "fringe": (0.5, lambda traits, f: traits.fringe),
    "balding": (1.0, lambda traits, f: traits.balding != "none"),
    "smile": (0.5, lambda traits, f: traits.smile > 0.25),
    "open mouth": (1.0, lambda traits, f: traits.actions.get("jawOpen", 0) > 0.15),
    "colored background": (1.0, lambda traits, f: is_colored(sum(backdrop_colors(f)) / 2)),
}


def rare_power(traits, f):
    """Sum the powers of the rare things that a state shows."""
    return sum(power for power, shows in RARE_THINGS.values() if shows(traits, f))


def draw_state(seed, identity, state, rare=1.0):
    """Draw the factor vector [COUNT] float32 of one state of one identity.

    rare multiplies the odds of rare things; 1 leaves them.
    """
    first = draw(seed, identity, state)
    if rare == 1:
        return first
    vectors = [first]
    for attempt in range(1, CANDIDATES):
        vectors.append(draw(seed, identity, state, attempt))
    powers = []
    for vector in vectors:
        f = Factors(vector)
        powers.append(rare_power(decide(f), f))
    weights = float(rare) ** np.array(powers)
    hand = stream(seed, identity, 5, state)
    return vectors[hand.choice(CANDIDATES, p=weights / weights.sum())]
