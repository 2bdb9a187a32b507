"""NVIDIA's network pickles: StyleGAN2 (ada, and the StyleGAN2 configs of stylegan3) and EG3D."""

from __future__ import annotations

from gantoolkit.convert import eg3d, stylegan2
from gantoolkit.convert.pickled_network import PickledNetwork, flatten_network
from gantoolkit.convert.source import Source
from gantoolkit.convert.unpickle import Stub
from gantoolkit.core.errors import WeightsError
from gantoolkit.core.parts import Part

FORMAT = "network pickle of NVIDIA"
PART_NAMES = {"G_ema": "generator", "G": "raw", "D": "discriminator"}  # key in the file → ours
DUAL_DISCRIMINATORS = ("DualDiscriminator", "DummyDualDiscriminator")


def find_parts(source: Source) -> list[Part] | None:
    """Find the networks of a pickle; the main one is the moving average of the generator."""
    if source.form != "pickle":
        return None
    content = source.content
    if isinstance(content, (tuple, list)):
        raise WeightsError(
            f"{source.path} is a pickle of the TensorFlow era (a tuple of networks); convert it "
            "with legacy.py of stylegan2-ada-pytorch first."
        )
    if isinstance(content, Stub):
        content = {"G_ema": content}
    parts = []
    for key, name in PART_NAMES.items():
        if isinstance(content, dict) and isinstance(content.get(key), Stub):
            network = flatten_network(content[key])
            parts.append(make_part(network, name, is_main=key == "G_ema"))
    if not parts:
        raise WeightsError(f"{source.path} is a pickle without the networks G_ema, G or D.")
    if not any(part.is_main for part in parts):
        parts[0].is_main = True
    return parts


def make_part(network: PickledNetwork, name: str, is_main: bool) -> Part:
    """Convert a network to our form, by its class and tensors."""
    state = network.tensors
    facts = {}
    if "superresolution" in network.kinds:
        arch, facts = eg3d.read_arch(network)
        constant = "superresolution.resample_filter"
        state = {key: value for key, value in state.items() if key != constant}
    elif "synthesis.b4.const" in state:
        arch = stylegan2.generator_arch(state, network.attributes)
        state = add_silent_noise(state)
    elif "b4.out.weight" in state:
        is_dual = network.kind in DUAL_DISCRIMINATORS
        arch = stylegan2.discriminator_arch(state, network.attributes, is_dual)
    else:  # StyleGAN3's configs T and R, IDE-3D, something of one's own
        arch = {}
        facts = {"note": "no component here builds this class; only its tensors can be written"}
    return Part(name, arch, state, FORMAT, network.kind, facts, is_main)


def add_silent_noise(state: dict) -> dict:
    """Give layers that were built without noise a noise of strength 0."""
    import torch

    filled = dict(state)
    for key in state:
        module = key.removesuffix(".affine.weight")
        is_conv = module != key and ".conv" in module
        if is_conv and f"{module}.noise_strength" not in state:
            size = int(module.split(".b")[1].split(".")[0])
            filled[f"{module}.noise_strength"] = torch.zeros([])
            filled[f"{module}.noise_const"] = torch.zeros(size, size)
    return filled
