"""State dicts whose names are NVIDIA's (and ours) but which say nothing about their architecture."""

from __future__ import annotations

from gantoolkit.convert import stylegan2
from gantoolkit.convert.source import Source
from gantoolkit.weights.parts import Part

FORMAT = "state dict with NVIDIA's names"


def parts(source: Source) -> list[Part] | None:
    """A StyleGAN2, as `gantoolkit weights export --to nvidia` writes it."""
    for keys in ((), ("state_dict",), ("G_ema", "g_ema")):
        state = source.state(*keys)
        if "synthesis.b4.const" in state and "mapping.fc0.weight" in state:
            return [Part("generator", stylegan2.generator(state), state, FORMAT, "Generator",
                         {"clamp and learning rate": "not in the file; as in configs without fp16 layers"})]
    return None
