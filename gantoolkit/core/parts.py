"""What a foreign checkpoint holds, in our names: networks that are ready to be built and written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Part:
    """One network of a checkpoint.

    name     what `--part` selects: generator, discriminator, encoder, network
    arch     {"type": name in registry.yaml, …constructor arguments}; another name for what a component takes in
             another way (folders, trunks); {} for what is only recognised
    state    our state dict
    format   whose file it is, in words
    kind     the class as the file or its publisher calls it
    facts    further things to tell about it: {"where mean_w is from": "…"}
    is_main  what people usually load: `weights convert` writes it without being asked
    """

    name: str
    arch: dict[str, Any]
    state: dict[str, Any]
    format: str
    kind: str
    facts: dict[str, str] = field(default_factory=dict)
    is_main: bool = True
    missing: list[str] = field(default_factory=list)  # tensors that the file lacks and ours needs
    unused: list[str] = field(
        default_factory=list
    )  # tensors of the file that nothing of ours takes
