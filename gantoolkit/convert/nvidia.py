"""NVIDIA's network pickles: StyleGAN2 (of ada and of stylegan3), StyleGAN3 and EG3D."""

from __future__ import annotations

from functools import partial

from gantoolkit.convert import eg3d, stylegan2, stylegan3
from gantoolkit.convert.attempt import attempt
from gantoolkit.convert.inert import Stub
from gantoolkit.convert.pickled_network import PickledNetwork, flatten_network
from gantoolkit.convert.source import Source
from gantoolkit.core.errors import WeightsError
from gantoolkit.core.parts import Part

FORMAT = "network pickle of NVIDIA"
PART_NAMES = {"G_ema": "generator", "G": "raw", "D": "discriminator"}  # key in the file → ours
# Of the generators, of a discriminator.
KNOWN_TENSORS = ("synthesis.b4.const", stylegan3.MARK, "b4.out.weight")
DUAL_DISCRIMINATORS = ("DualDiscriminator", "DummyDualDiscriminator")


def find_parts(source: Source) -> list[Part] | None:
    """Find the networks of a pickle; the main one is the moving average of the generator.

    Whole networks that torch.save wrote are found as well.
    """
    if source.form not in ("pickle", "torch"):
        return None
    content = source.content
    if source.form == "pickle" and isinstance(content, (tuple, list)):
        raise WeightsError(
            f"{source.path} is a pickle of the TensorFlow era (a tuple of networks); convert it "
            "with legacy.py of stylegan2-ada-pytorch first."
        )
    if isinstance(content, Stub):
        content = {"G_ema": content}
    parts = []
    for key, name in PART_NAMES.items():
        if isinstance(content, dict) and isinstance(content.get(key), Stub):
            stub = content[key]
            is_main = key == "G_ema"
            if source.form == "torch" and not is_known(flatten_network(stub)):
                continue
            unmade = Part(name, {}, {}, FORMAT, stub.name, is_main=is_main)
            parts.append(attempt(unmade, partial(read_part, stub, name, is_main)))
    if parts and not any(part.is_main for part in parts):
        parts[0].is_main = True
    return parts or None


def read_part(stub: Stub, name: str, is_main: bool) -> Part:
    """Convert the network of a stub."""
    return make_part(flatten_network(stub), name, is_main)


def is_known(network: PickledNetwork) -> bool:
    """Whether a network is one that is built here."""
    names = network.tensors
    return any(key in names for key in KNOWN_TENSORS) or "superresolution" in network.kinds


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
    elif stylegan3.MARK in state:
        arch = stylegan3.generator_arch(state, network.attributes)
    elif "b4.out.weight" in state:
        is_dual = network.kind in DUAL_DISCRIMINATORS
        arch = stylegan2.discriminator_arch(state, network.attributes, is_dual)
    else:  # IDE-3D, something of one's own
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
