"""What a run will need, and how that is printed (`gantoolkit run CONFIG --dry-run`)."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import nn


@dataclass
class Plan:
    """What a run will need; sizes in bytes, `flops` per sample."""

    parts: list[tuple[str, int, int, str]] = field(
        default_factory=list
    )  # name, parameters, bytes, remark
    peaks: dict[str, int] = field(default_factory=dict)  # what is alive beside the parts
    flops: dict[str, float] = field(default_factory=dict)
    cache: dict[str, tuple[int, int]] = field(default_factory=dict)  # kind → rows, bytes per row
    notes: list[str] = field(default_factory=list)
    world: int = 1
    batch: int = 1  # samples of one process at a time while training
    cached: int = 1  # and while caching
    scored: int = 1  # and while scoring

    @property
    def fixed(self) -> int:
        """Bytes of all networks in one process."""
        return sum(size for _, _, size, _ in self.parts)

    def add(self, name: str, module: nn.Module, remark: str, size: int | None = None) -> None:
        """Note a network."""
        count = sum(p.numel() for p in module.parameters())
        held = sum(t.numel() * t.element_size() for t in (*module.parameters(), *module.buffers()))
        self.parts.append((name, count, held if size is None else size, remark))


def lines(found: Plan) -> list[str]:
    """The plan as text."""
    width = max(len(name) for name, *_ in found.parts) + 2
    rows = [f"{'':{width}}{'parameters':>12}{'memory':>11}"]
    rows += [
        f"{name:{width}}{count / 1e6:>10.1f} M{size / 1e9:>8.2f} GB  {remark}"
        for name, count, size, remark in found.parts
    ]
    rows += [
        f"{'all networks':{width}}{'':>12}{found.fixed / 1e9:>8.2f} GB  "
        + ("in one process" if found.world == 1 else f"in each of {found.world} processes")
    ]
    for what, size in found.peaks.items():
        count = dict(training=found.batch, caching=found.cached, scoring=found.scored)[what]
        samples = f"{count} sample" + "s" * (count != 1)
        rows.append(
            f"{'peak of ' + what:{width}}{'':>12}{(found.fixed + size) / 1e9:>8.2f} GB  "
            f"of it {size / 1e9:.2f} GB live tensors at {samples}, in fp32 outside the encoder"
        )
    for what, work in found.flops.items():
        rows.append(f"{'work of ' + what:{width}}{work / 1e12:>10.2f} TFLOP per sample")
    rows += [""] + [
        f"{kind}: {count:,} rows × {size:,} bytes = {count * size / 1e9:.1f} GB"
        for kind, (count, size) in found.cache.items()
    ]
    return rows + [""] * bool(found.notes) + found.notes
