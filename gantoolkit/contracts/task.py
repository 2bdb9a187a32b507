"""The contract of tasks: losses that are a function of batch and parameters, checkpoints."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from torch import Tensor

from gantoolkit.contracts.contract import Contract
from gantoolkit.core.progress import Progress
from gantoolkit.training.batch import SeededBatch

ITERATIONS = 10
SAMPLES = 2


def check(contract: Contract, task, arch: dict) -> None:
    """Test a task before its first iteration."""
    task.plan(ITERATIONS)
    with tempfile.TemporaryDirectory() as folder:
        with contract.calling("prepare(folder, progress)"):
            task.prepare(Path(folder), Progress(quiet=True))
        _check_facts(contract, task)
        for phase in task.phases(0):
            _check_phase(contract, task, phase)
        with contract.calling("export(folder)"):
            paths = task.export(Path(folder))
        missing = [str(path) for path in paths if not Path(path).exists()]
        contract.require(not missing, f"export names {missing[:1]}", "return what it has written")


def _check_facts(contract: Contract, task) -> None:
    size = task.size()
    is_size = isinstance(size, int) and size > 0
    contract.require(is_size, f"size() is {size!r}", "return the number of training samples")
    unknown = [phase for phase in task.phases(0) if phase not in task.optimizers]
    contract.require(
        not unknown, f"phases(0) has {unknown[:1]}", f"name phases of {list(task.optimizers)}"
    )
    saved = {id(p) for module in task.modules.values() for p in module.parameters()}
    for phase, optimizer in task.optimizers.items():
        trained = [p for group in optimizer.param_groups for p in group["params"]]
        contract.require(
            all(id(parameter) in saved for parameter in trained),
            f"the optimizer '{phase}' trains parameters of no module in `modules`",
            "add the module, or checkpoints lose it",
        )


def _check_phase(contract: Contract, task, phase: str) -> None:
    losses = _losses(contract, task, phase)
    contract.require(bool(losses), f"losses('{phase}', …) is empty", "return one loss at least")
    for name, value in losses.items():
        contract.require_shape(f"the loss '{name}'", value)
    parameters = [p for group in task.optimizers[phase].param_groups for p in group["params"]]
    total = sum(value for name, value in losses.items() if not name.startswith("_"))
    with contract.calling(f"the gradient of losses('{phase}', …)"):
        total.backward()
    contract.require(
        any(parameter.grad is not None for parameter in parameters),
        f"no gradient of losses('{phase}', …) reaches the parameters of its optimizer",
        "compute the losses from them",
    )
    task.optimizers[phase].zero_grad(set_to_none=True)
    again = _losses(contract, task, phase)
    for name, value in losses.items():
        contract.require_equal(
            f"the loss '{name}' of the same batch is another the second time",
            "draw random numbers from the batch (batch.normal, batch.uniform), for exact resume",
            again[name].detach(),
            value.detach(),
        )


def _losses(contract: Contract, task, phase: str) -> dict[str, Tensor]:
    """Compute the losses of the first batch, as the loop does."""
    batch = SeededBatch.of_iteration(seed=0, iteration=0, phase=0, batch=SAMPLES, size=task.size())
    torch.manual_seed(0)
    with contract.calling(f"losses('{phase}', batch, 0)"):
        return task.losses(phase, batch, 0)
