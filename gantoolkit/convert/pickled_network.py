"""A network as NVIDIA's pickles keep it: tensors and attributes of nested modules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from gantoolkit.convert.inert import MAX_TENSORS, Stub
from gantoolkit.core.errors import WeightsError
from gantoolkit.weights.state_dict import below

MAX_NESTING = 40  # modules within modules; EG3D has 5


@dataclass
class PickledNetwork:
    """One network of a pickle; paths are dotted as in torch, "" is the network itself."""

    kind: str  # its class
    tensors: dict = field(default_factory=dict)
    attributes: dict[str, dict] = field(default_factory=dict)  # path of a module → its attributes
    kinds: dict[str, str] = field(default_factory=dict)  # path of a module → its class

    def below(self, prefix: str) -> PickledNetwork:
        """Return what lies below a module, e.g. "backbone."."""
        return PickledNetwork(
            self.kinds.get(prefix.rstrip("."), ""),
            below(self.tensors, prefix),
            below(self.attributes, prefix),
            below(self.kinds, prefix),
        )


def flatten_network(root: Stub) -> PickledNetwork:
    """Collect the network of a stub: tensors by dotted name, as torch's `state_dict` gives them."""
    network = PickledNetwork(root.name)
    _add_module(network, root, "", MAX_NESTING)
    return network


def _add_module(network: PickledNetwork, module: Stub, path: str, nesting: int) -> None:
    """Add a module and those within it, at most `nesting` levels deep."""
    if nesting == 0 or len(network.tensors) + len(network.attributes) > MAX_TENSORS:
        raise WeightsError("The pickle is refused: its modules are nested without end.")
    state = module.state
    network.kinds[path] = module.name
    network.attributes[path] = {
        key: value
        for key, value in state.items()
        if isinstance(key, str) and not key.startswith("_")
    }
    not_saved = state.get("_non_persistent_buffers_set") or ()
    for group in ("_parameters", "_buffers"):
        for name, value in _items_of(state.get(group)):
            if value is None or name in not_saved:
                continue
            if isinstance(value, (dict, Stub, str, bytes, int)):
                raise WeightsError(f"The pickle is refused: {path}.{name} is not a tensor.")
            network.tensors[_join(path, name)] = value
    for name, child in _items_of(state.get("_modules")):
        if isinstance(child, Stub):
            _add_module(network, child, _join(path, name), nesting - 1)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}".lstrip(".")


def _items_of(group) -> Iterable[tuple[str, object]]:
    """Return the items of a dict with names as keys; None counts as empty."""
    if group is None:
        return ()
    if not isinstance(group, dict) or any(not isinstance(key, str) for key in group):
        raise WeightsError(
            "The pickle is refused: a module in it is not of the form that torch writes."
        )
    return group.items()
