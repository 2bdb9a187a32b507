"""The contract of losses: a differentiable distance, a scalar mean over the batch."""

from __future__ import annotations

import torch

from gantoolkit.contracts.contract import Contract

COMPARES = ("image", "identity", "code")
SAMPLES = 2
SIZE = 64
NUM_WS, W_DIM = 4, 16


def check(contract: Contract, loss, arch: dict) -> None:
    """Test a loss on random images in −1..1, or on random codes."""
    compares = loss.compares
    contract.require(compares in COMPARES, f"compares is {compares!r}", f"choose of {COMPARES}")
    is_number = isinstance(loss.weight, (int, float))
    contract.require(is_number, f"weight is {loss.weight!r}", "make it a number")
    torch.manual_seed(0)
    if compares == "code":
        given = torch.randn(SAMPLES, NUM_WS, W_DIM)
        prepared = torch.randn(W_DIM)
    else:
        given = torch.rand(SAMPLES, 3, SIZE, SIZE) * 2 - 1
        with contract.calling("prepare(target)"):
            prepared = loss.prepare(torch.rand(SAMPLES, 3, SIZE, SIZE) * 2 - 1)

    given.requires_grad_()
    with contract.calling("forward"):
        value = loss(given, prepared)
    contract.require_shape("the value of forward", value)
    if value.requires_grad:
        value.backward()
    reaches = given.grad is not None and bool(given.grad.abs().sum() > 0)
    contract.require(
        reaches,
        "no gradient reaches what it judges",
        "compute the value by operations that torch differentiates, outside torch.no_grad",
    )
    trained = [name for name, parameter in loss.named_parameters() if parameter.requires_grad]
    contract.require(
        not trained, f"its parameter {trained[:1]} would be trained", "call requires_grad_(False)"
    )
