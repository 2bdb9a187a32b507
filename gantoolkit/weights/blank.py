"""Build networks whose first weights are read from a file, without drawing any before that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

# By these nearly all parameters are filled. They do nothing but draw, once a parameter; a rejection
# sampler such as trunc_normal_ must draw, or it would never end.
DRAWS = (nn.init.uniform_, nn.init.normal_, nn.init.kaiming_uniform_)


@contextmanager
def without_first_weights() -> Iterator[None]:
    """Leave parameters that modules draw at random as they lie in memory.

    Every parameter must be loaded afterwards, as `state_dict.load_state_dict` sees to. Buffers that
    are computed, such as position ids, are there. torch's random stream is left as it was, also
    where a module draws in another way than by filling a tensor.
    """
    with torch.random.fork_rng(devices=[]), _NoDraws():
        yield


class _NoDraws(TorchFunctionMode):
    """Skip the functions that initialize nearly all parameters."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in DRAWS:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)
