"""What a foreign checkpoint holds, in our names: networks ready to be built and written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Part:
    """One network of a checkpoint.

    >>> import torch
    >>> state = {"fc.weight": torch.zeros(2, 3), "fc.bias": torch.zeros(2)}
    >>> part = Part("network", {"type": "Mine", "width": 2}, state, "my format", "MyNetwork")
    >>> part.arch["type"], part.is_main, sorted(part.state)
    ('Mine', True, ['fc.bias', 'fc.weight'])
    """

    name: str  # what `--part` selects: generator, discriminator, encoder, network
    # {"type": name in registry.yaml, …constructor arguments}; another name for what a component
    # takes in another way (folders, trunks); {} for what is only recognized
    arch: dict[str, Any]
    state: dict[str, Any]  # our state dict
    format: str  # whose file it is, in words
    kind: str  # the class as the file or its publisher calls it
    facts: dict[str, str] = field(default_factory=dict)  # more to print: {"mean_w": "estimated"}
    is_main: bool = True  # what people usually load: converted without being asked for
    missing: list[str] = field(default_factory=list)  # tensors that the file lacks and ours needs
    unused: list[str] = field(default_factory=list)  # tensors of the file that ours does not take
    problem: str = ""  # why it cannot be taken; the other parts of the file can
