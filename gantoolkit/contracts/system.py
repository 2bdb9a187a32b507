"""The contract of systems: anything that turns a Condition into images."""

from __future__ import annotations

from dataclasses import replace

import torch

from gantoolkit.bench.systems import NEEDS, restrict_condition
from gantoolkit.contracts.contract import Contract
from gantoolkit.contracts.encoder import condition

SIZE = 64


@torch.no_grad()
def check(contract: Contract, system, arch: dict) -> None:
    """Test a system on two random conditions."""
    unknown = [need for need in system.needs if need not in NEEDS]
    contract.require(not unknown, f"needs has {unknown[:1]}", f"choose of {NEEDS}")
    given = condition(SIZE)
    camera = system.frame.side(0.0, len(given))
    given = restrict_condition(replace(given, camera=camera), system.needs)
    photo = torch.zeros(len(given), 3, SIZE, SIZE) if "image" in system.needs else None
    with contract.calling("solve(condition, image)"):
        solution = system.solve(given, photo)
    with contract.calling("render(solution, camera)"):
        image = system.render(solution, camera).image
    contract.require_shape("the image of render", image, len(given), 3, *image.shape[-2:])
