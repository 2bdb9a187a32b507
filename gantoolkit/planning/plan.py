"""What a run will need, and how that is printed (`gantoolkit run CONFIG --dry-run`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor, nn

TRAINED_BYTES = 16  # of a trained parameter: weight, gradient and two moments of Adam in fp32


class NetworkSize(NamedTuple):
    """What one network takes in the memory of one process."""

    name: str
    parameters: int
    bytes: int
    remark: str


class CacheSize(NamedTuple):
    """What one cache takes on disk."""

    rows: int
    row_bytes: int


@dataclass
class Plan:
    """What a run will need in one process."""

    networks: list[NetworkSize] = field(default_factory=list)
    peaks: dict[str, int] = field(default_factory=dict)  # bytes that are alive beside the networks
    flops: dict[str, float] = field(default_factory=dict)  # per sample
    cache: dict[str, CacheSize] = field(default_factory=dict)  # by kind of content
    notes: list[str] = field(default_factory=list)  # what had to be assumed
    processes: int = 1
    train_batch: int = 1  # samples of one process at a time while training,
    cache_batch: int = 1  # while caches are filled,
    score_batch: int = 1  # and while scoring

    @property
    def network_bytes(self) -> int:
        """Bytes of all networks in one process."""
        return sum(network.bytes for network in self.networks)

    def add(self, name: str, module: nn.Module, remark: str, size: int | None = None) -> None:
        """Note a frozen network.

        `size` replaces its bytes, for one that is not kept on the device.
        """
        parameters = list(module.parameters())
        count = sum(parameter.numel() for parameter in parameters)
        if size is None:
            tensors = [*parameters, *module.buffers()]
            size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        self.networks.append(NetworkSize(name, count, size, remark))

    def add_trained(self, name: str, parameters: Iterable[Tensor]) -> None:
        """Note a network that is trained."""
        count = sum(parameter.numel() for parameter in parameters)
        remark = "trained: weights, gradients, Adam"
        self.networks.append(NetworkSize(name, count, TRAINED_BYTES * count, remark))


def format_plan(plan: Plan) -> str:
    """Format a plan as the text that `--dry-run` prints."""
    width = max(len(network.name) for network in plan.networks) + 2
    lines = [f"{'':{width}}{'parameters':>12}{'memory':>11}"]
    for network in plan.networks:
        millions = network.parameters / 1e6
        memory = _gigabytes(network.bytes)
        lines.append(f"{network.name:{width}}{millions:>10.1f} M{memory}  {network.remark}")

    where = "in one process"
    if plan.processes > 1:
        where = f"in each of {plan.processes} processes"
    lines.append(f"{'all networks':{width}}{'':>12}{_gigabytes(plan.network_bytes)}  {where}")

    batches = {
        "training": plan.train_batch,
        "caching": plan.cache_batch,
        "scoring": plan.score_batch,
    }
    for what, live in plan.peaks.items():
        batch = batches[what]
        samples = f"{batch} sample" if batch == 1 else f"{batch} samples"
        lines.append(
            f"{'peak of ' + what:{width}}{'':>12}{_gigabytes(plan.network_bytes + live)}  "
            f"of it {live / 1e9:.2f} GB live tensors at {samples}, in fp32 outside the encoder"
        )
    for what, work in plan.flops.items():
        lines.append(f"{'work of ' + what:{width}}{work / 1e12:>10.2f} TFLOP per sample")

    lines.append("")
    for kind, size in plan.cache.items():
        total = size.rows * size.row_bytes / 1e9
        lines.append(f"{kind}: {size.rows:,} rows × {size.row_bytes:,} bytes = {total:.1f} GB")
    if plan.notes:
        lines += ["", *plan.notes]
    return "\n".join(lines)


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:>8.2f} GB"
