"""Which caption and which noise stand for a sample: one rule for all that draws a data set.

Sample i is drawn from its caption number 7·i, modulo how many it has, and from the noise of the
seed 1000003·s + i, where s is the seed of the command or run. `generate --data`, records of runs,
`bench`, `figure` and `compare` follow it, so that their pictures and scores are of the same pairs.
Training on c captions a sample also takes the next ones: caption 7·i + k with the noise of s + k.
"""

from __future__ import annotations

from torch import Tensor

from gantoolkit.core.suggest import check_choice

CAPTION_STEP = 7  # neighbors differ in more than their caption's first words
SEED_STRIDE = 1_000_003
CAPTION_RULES = ("rotating", "first")  # which caption stands for a sample where there are several
# How the conditions of scores and the keys of caches call the rules.
CAPTIONS = {"rotating": f"{CAPTION_STEP} i modulo their number", "first": "the first"}
SEEDS = f"{SEED_STRIDE} s + i"


def caption_numbers(indices: Tensor, rule: str = "rotating") -> Tensor:
    """Return the caption number [B] of samples, to be taken modulo how many each has."""
    check_choice("caption", rule, CAPTION_RULES)
    return indices * (CAPTION_STEP if rule == "rotating" else 0)


def noise_seeds(seed: int | Tensor, indices: Tensor) -> Tensor:
    """Return the seed [B] of the noise of samples, for one seed of all or of each."""
    return seed * SEED_STRIDE + indices
