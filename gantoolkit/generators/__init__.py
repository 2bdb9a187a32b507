"""Generators: codes ws [B,L,w_dim] (and a camera) → Render. `load_generator` reads one from its file."""

from __future__ import annotations

import os

from gantoolkit.core.errors import WeightsError
from gantoolkit.weights.state_dict import load_state_dict


def load_generator(name_or_path: str | os.PathLike):
    """The frozen generator of a weights file, a name of registry.yaml or a foreign checkpoint, in eval mode.

    `.num_ws .w_dim .z_dim .resolution .mean_w [w_dim] .is_3d` (whether it is 3D)
    `.mapping(z, c=None, truncation_psi=1.0, truncation_cutoff=None)` → ws [B,num_ws,w_dim]
    `.render(ws, camera=None, noise='const'|'random'|'none', generator=None, deterministic=False)` → Render,
    with random numbers of `generator`: None, one torch.Generator, or a list of one per sample (draws.py)

    In 3D also:
    `.frame` where its cameras stand (`camera.Frame`; optional: FFHQ's sphere)
    `.planes(ws)` → [B,…], and `.render_planes(planes, ws, camera, deterministic=False)` → Render: cameras share planes
    `.query(planes, points [B,P,3])` → (colours [B,P,·], density [B,P,1]), for meshes, in a cube of the side `.box_warp`
    `.render(…, chunk=None)`: rays of one sample rendered at a time
    """
    from gantoolkit import weights
    from gantoolkit.registry import manifest

    state, arch, _ = weights.load(name_or_path, kinds=manifest.load().components["generator"])
    generator = build_generator(arch, name_or_path)
    load_state(generator, state, name_or_path)
    return generator.eval().requires_grad_(False)


def build_generator(arch: dict, source="this file"):
    """A generator from {"type": name, …constructor arguments}."""
    from gantoolkit.registry.registry import get

    kwargs = {k: v for k, v in arch.items() if k != "type"}
    if "type" not in arch:
        raise WeightsError(
            f"{source} does not say which generator it holds; `gantoolkit weights convert {source}` "
            "shows what it is."
        )
    return get("generator", arch["type"])(**kwargs)


def load_state(generator, state: dict, source="this file") -> None:
    """Copy `state` into `generator`; every tensor must fit (the constant FIR filters are skipped)."""
    state = {key: value for key, value in state.items() if not key.endswith("resample_filter")}
    load_state_dict(generator, state, source)
