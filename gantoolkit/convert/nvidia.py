"""NVIDIA's network pickles: StyleGAN2 (ada, and the StyleGAN2 configs of stylegan3) and EG3D."""

from __future__ import annotations

from dataclasses import dataclass, field

from gantoolkit.convert import eg3d, stylegan2
from gantoolkit.convert.source import MAX_TENSORS, Source
from gantoolkit.convert.unpickle import Stub
from gantoolkit.core.errors import WeightsError
from gantoolkit.core.parts import Part

FORMAT = "network pickle of NVIDIA"
NETWORKS = {
    "G_ema": "generator",
    "G": "raw",
    "D": "discriminator",
}  # key in the file → our name of the part
MAX_NESTING = 40  # modules within modules; EG3D has 5


@dataclass
class Network:
    """One network of a pickle: its class, tensors and the attributes of every module."""

    kind: str
    tensors: dict = field(default_factory=dict)
    attributes: dict[str, dict] = field(
        default_factory=dict
    )  # path → attributes; "" is the network
    kinds: dict[str, str] = field(default_factory=dict)  # path → class


def parts(source: Source) -> list[Part] | None:
    """The networks of a pickle; the moving average of the generator is the one that people want."""
    if source.form != "pickle":
        return None
    content = source.content
    if isinstance(content, (tuple, list)):
        raise WeightsError(
            f"{source.path} is a pickle of the TensorFlow era (a tuple of networks); convert it with "
            "legacy.py of stylegan2-ada-pytorch first."
        )
    if isinstance(content, Stub):
        content = {"G_ema": content}
    found = []
    for key, name in NETWORKS.items():
        if isinstance(content, dict) and isinstance(content.get(key), Stub):
            found.append(part(network(content[key]), name, is_main=key == "G_ema"))
    if not found:
        raise WeightsError(f"{source.path} is a pickle without the networks G_ema, G or D.")
    if not any(p.is_main for p in found):
        found[0].is_main = True
    return found


def network(root: Stub) -> Network:
    """The network of a stub: tensors by dotted name, as torch's `state_dict` gives them."""
    found = Network(root.name)
    _walk(root, "", found, MAX_NESTING)
    return found


def _walk(module: Stub, path: str, found: Network, nesting: int) -> None:
    if nesting == 0 or len(found.tensors) + len(found.attributes) > MAX_TENSORS:
        raise WeightsError("The pickle is refused: its modules are nested without end.")
    state = module.state
    found.kinds[path] = module.name
    found.attributes[path] = {
        k: v for k, v in state.items() if isinstance(k, str) and not k.startswith("_")
    }
    hidden = state.get("_non_persistent_buffers_set") or ()
    for group in ("_parameters", "_buffers"):
        for name, value in _items(state.get(group)):
            if value is not None and name not in hidden:
                if isinstance(value, (dict, Stub, str, bytes, int)):
                    raise WeightsError(f"The pickle is refused: {path}.{name} is no tensor.")
                found.tensors[f"{path}.{name}".lstrip(".")] = value
    for name, child in _items(state.get("_modules")):
        if isinstance(child, Stub):
            _walk(child, f"{path}.{name}".lstrip("."), found, nesting - 1)


def _items(group):
    if not isinstance(group, (dict, type(None))) or any(
        not isinstance(key, str) for key in group or ()
    ):
        raise WeightsError(
            "The pickle is refused: a module in it is not of the form that torch writes."
        )
    return (group or {}).items()


def part(net: Network, name: str, is_main: bool) -> Part:
    """Our form of a network, from its class."""
    state, facts = net.tensors, {}
    if "superresolution" in net.kinds:
        arch, facts = eg3d.arch(net)
        state = {k: v for k, v in state.items() if k != "superresolution.resample_filter"}
    elif "synthesis.b4.const" in state:
        arch = stylegan2.generator(state, net.attributes)
        state = silent(state, arch)
    elif "b4.out.weight" in state:
        doubled = net.kind in ("DualDiscriminator", "DummyDualDiscriminator")
        arch = stylegan2.discriminator(state, net.attributes, doubled)
    else:  # StyleGAN3's configs T and R, IDE-3D, something of one's own
        arch, facts = (
            {},
            {"note": "no component here builds this class; only its tensors can be written"},
        )
    return Part(name, arch, state, FORMAT, net.kind, facts, is_main)


def silent(state: dict, arch: dict) -> dict:
    """Layers that were built without noise get noise of strength 0."""
    import torch

    new = dict(state)
    for key in state:
        module = key.removesuffix(".affine.weight")
        if module != key and ".conv" in module and f"{module}.noise_strength" not in state:
            size = int(module.split(".b")[1].split(".")[0])
            new[f"{module}.noise_strength"], new[f"{module}.noise_const"] = (
                torch.zeros([]),
                torch.zeros(size, size),
            )
    return new
