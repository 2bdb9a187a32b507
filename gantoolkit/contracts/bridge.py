"""The contract of bridges: Features → codes, with separate parameters of M and T."""

from __future__ import annotations

from dataclasses import replace

import torch

from gantoolkit.contracts.contract import Contract
from gantoolkit.core.types import Features, FeatureShapes, Latent

SHAPES = FeatureShapes(h=(8, 4, 4), f=((6, 8, 8), (4, 16, 16)), tokens=5, steps=(900, 500, 100))
SAMPLES = 2
NUM_WS = 4
W_DIM = 16


def arguments() -> dict:
    """What a bridge is given of its encoder and generator."""
    torch.manual_seed(0)
    return dict(feature_shapes=SHAPES, num_ws=NUM_WS, w_dim=W_DIM, mean_w=torch.randn(W_DIM))


def features() -> Features:
    """Random features of two samples at two steps."""
    torch.manual_seed(1)
    return Features(
        h=torch.randn(SAMPLES, *SHAPES.h),
        f=tuple(torch.randn(SAMPLES, *shape) for shape in SHAPES.f),
        attn_out=tuple(torch.rand(SAMPLES, *shape) for shape in SHAPES.f),
        attn_prob=tuple(torch.rand(SAMPLES, SHAPES.tokens, *shape[1:]) for shape in SHAPES.f),
        words=torch.ones(SAMPLES, SHAPES.tokens, dtype=torch.bool),
        t=torch.tensor([900, 100]),
    )


def check(contract: Contract, bridge, arch: dict) -> None:
    """Test an untrained bridge."""
    mapping = list(bridge.mapping_parameters())
    modulation = list(bridge.modulation_parameters())
    contract.require(
        bool(mapping), "mapping_parameters() is empty", "return those that phase M trains"
    )
    shared = {id(parameter) for parameter in mapping} & {id(parameter) for parameter in modulation}
    contract.require(
        not shared,
        "mapping_parameters() and modulation_parameters() share parameters",
        "give each to one of the two",
    )
    given = features()
    if not getattr(bridge, "reads_f", False):  # then the encoder stops at h in phase M
        given = replace(given, f=(), attn_out=(), attn_prob=())
    _check_phase(contract, bridge, given, mapping, mapping_only=True)
    if modulation:
        _check_phase(contract, bridge, features(), modulation, mapping_only=False)


def _check_phase(
    contract: Contract, bridge, given: Features, parameters: list, mapping_only: bool
) -> None:
    """Require codes of the generator's shape, and gradients for the parameters of a phase."""
    call = f"bridge(features, mapping_only={mapping_only})"
    bridge.train()
    with contract.calling(call):
        latent = bridge(given, mapping_only=mapping_only)
    is_latent = isinstance(latent, Latent)
    problem = f"{call} is a {type(latent).__name__}"
    contract.require(is_latent, problem, "return a gantoolkit.core.types.Latent")
    contract.require_shape(f"ws of {call}", latent.ws, SAMPLES, NUM_WS, W_DIM)

    bridge.zero_grad()
    with contract.calling(f"the gradient of {call}"):
        latent.ws.square().mean().backward()
    reached = all(parameter.grad is not None for parameter in parameters)
    name = "mapping_parameters()" if mapping_only else "modulation_parameters()"
    contract.require(
        reached,
        f"no gradient of {call} reaches some of {name}",
        "leave out those that the phase does not use, or use them",
    )
