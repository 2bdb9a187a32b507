"""The weights that some golden files of networks describe instead of storing."""

from __future__ import annotations

import math
import zlib

import numpy as np
import torch


def by_recipe(module: torch.nn.Module, seed: int, bn_lo: float, bn_span: float, weight_gain: float):
    """Fill a module by the files' recipe: uniform draws keyed by the tensor's name."""
    norms = {k.rsplit(".", 1)[0] for k in module.state_dict() if k.endswith("running_mean")}
    state = {}
    for key, value in module.state_dict().items():
        u = np.random.RandomState((zlib.crc32(key.encode()) + seed) % 2**32).random_sample(
            tuple(value.shape)
        )
        if key.endswith("num_batches_tracked"):
            new = np.zeros((), np.int64)
        elif key.endswith("running_mean"):
            new = 0.2 * (u - 0.5)
        elif key.endswith("running_var"):
            new = 0.5 + u
        elif value.ndim >= 2:
            new = (2 * u - 1) * math.sqrt(3 * weight_gain / np.prod(value.shape[1:]))
        elif key.endswith(".weight"):
            new = bn_lo + bn_span * u if key.rsplit(".", 1)[0] in norms else 0.05 + 0.4 * u
        else:
            new = 0.4 * (u - 0.5)
        state[key] = torch.as_tensor(np.asarray(new)).to(value.dtype)
    module.load_state_dict(state)
    return module.eval()
