"""The contract of generators: codes → images, with gradients, from weights of their own."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from gantoolkit import weights
from gantoolkit.contracts.contract import Contract
from gantoolkit.core.camera import frame_of
from gantoolkit.core.types import Camera, Render

FACES = 2
SIZES = ("num_ws", "w_dim", "z_dim", "resolution")


def check(contract: Contract, generator, arch: dict) -> None:
    """Test an initialized generator; `arch` is {"type": name, …constructor arguments}."""
    generator = generator.eval()
    _check_facts(contract, generator)
    torch.manual_seed(0)
    z = torch.randn(FACES, generator.z_dim)
    with contract.calling("mapping(z)"):
        ws = generator.mapping(z)
    contract.require_shape("mapping(z)", ws, FACES, generator.num_ws, generator.w_dim)

    camera = frame_of(generator).side(0.0, FACES) if generator.is_3d else None
    ws = ws.detach().requires_grad_()
    render = _render(contract, generator, ws, camera)
    size = generator.resolution
    contract.require_shape("the image of render(ws)", render.image, FACES, 3, size, size)
    _check_gradient(contract, render, ws)
    _check_repeatable(contract, generator, ws.detach(), camera, render)
    if generator.is_3d:
        _check_depth(contract, render)
    _check_weights(contract, generator, arch, ws.detach(), camera, render)


def _check_facts(contract: Contract, generator) -> None:
    for name in SIZES:
        value = getattr(generator, name)
        is_size = isinstance(value, int) and value > 0
        contract.require(is_size, f"{name} is {value!r}", "make it an int of at least 1")
    is_3d = generator.is_3d
    contract.require(isinstance(is_3d, bool), f"is_3d is {is_3d!r}", "say True or False")
    contract.require_shape("mean_w", generator.mean_w, generator.w_dim)


def _render(contract: Contract, generator, ws, camera: Camera | None) -> Render:
    with contract.calling("render(ws, camera, noise='const', deterministic=True)"):
        render = generator.render(ws, camera, noise="const", deterministic=True)
    is_render = isinstance(render, Render)
    problem = f"render(ws) is a {type(render).__name__}"
    contract.require(is_render, problem, "return a gantoolkit.core.types.Render")
    return render


def _check_gradient(contract: Contract, render: Render, ws: torch.Tensor) -> None:
    reaches = render.image.requires_grad
    if reaches:
        render.image.square().mean().backward()
        reaches = ws.grad is not None and bool(ws.grad.abs().sum() > 0)
    contract.require(
        reaches,
        "no gradient of the image reaches ws",
        "compute it from ws by operations that torch differentiates, outside torch.no_grad",
    )


def _check_repeatable(
    contract: Contract, generator, ws, camera: Camera | None, render: Render
) -> None:
    again = _render(contract, generator, ws, camera).image
    contract.require_equal(
        "two renders of the same codes differ",
        "use no random numbers with noise='const' and deterministic=True",
        again,
        render.image,
    )
    alone = _render(contract, generator, ws[:1], camera and camera[0]).image
    contract.require_equal(
        "an image depends on the others of its batch",
        "use no statistics over a batch in eval mode",
        alone,
        render.image[:1],
    )


def _check_depth(contract: Contract, render: Render) -> None:
    has_depth = render.depth is not None and render.depth.shape[:2] == (FACES, 1)
    contract.require(
        has_depth,
        "is_3d is True, but render(ws) has no depth",
        "give Render(depth=…) [B,1,r,r], or say is_3d = False",
    )


def _check_weights(
    contract: Contract, generator, arch: dict, ws, camera: Camera | None, render: Render
) -> None:
    """Write the weights as a run exports them, and load them as a bridge does."""
    from gantoolkit.generators import load_generator

    with tempfile.TemporaryDirectory() as folder, contract.calling("load_generator(its weights)"):
        path = weights.save(Path(folder) / "it.safetensors", generator.state_dict(), arch)
        loaded = load_generator(path)
        image = loaded.render(ws, camera, noise="const", deterministic=True).image
    contract.require_equal(
        "it renders other images after its weights were saved and loaded",
        "register all that it learns as parameters or persistent buffers",
        image,
        render.image,
    )
