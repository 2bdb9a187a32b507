"""Build networks whose first weights are read from a file, without drawing any before that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from gantoolkit.core.errors import WeightsError

Network = TypeVar("Network", bound=nn.Module)

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


def build_blank(build: Callable[[], Network], name: str, config: Path) -> Network:
    """Build a network as a folder's config.json says, without first weights.

    build   () → the network
    name    of its class, in the error
    config  the file that describes it

    WeightsError, which names the file, whatever a wrong setting leads the library to.
    """
    try:
        with without_first_weights():
            return build()
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise WeightsError(
            f"{config} does not describe a {name} ({type(error).__name__}: {reason})."
        ) from None


class _NoDraws(TorchFunctionMode):
    """Skip the functions that initialize nearly all parameters."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in DRAWS:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)
