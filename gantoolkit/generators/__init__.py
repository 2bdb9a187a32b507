"""Generators: codes ws [B,L,w_dim] (and a camera) → Render; `load_generator` reads one.

stylegan2  mapping_network  synthesis   the 2D generator
stylegan3  alias_free_synthesis         the alias-free 2D generator
fourier_input  filtered_lrelu           its first layer and its leaky ReLU
lowpass  bands                          its filters, and which frequencies its layers hold
eg3d  osg_decoder  superresolution      the 3D generator
volume  ray_tracer                      rays through its feature planes
views  mesh                             several views of one code; its surface
inversion  sample_noise                 codes of given images; random numbers per sample
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from gantoolkit.core.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from gantoolkit.core.stages import Generator


def load_generator(name_or_path: str | os.PathLike) -> Generator:
    """Load the generator of a weights file, a name of registry.yaml or a foreign checkpoint.

    It is frozen and in eval mode, and offers:

    `.num_ws .w_dim .z_dim .resolution .mean_w [w_dim] .is_3d` (whether it is 3D)
    `.mapping(z, c=None, truncation_psi=1.0, truncation_cutoff=None)` → ws [B,num_ws,w_dim]
    `.render(ws, camera=None, noise='const'|'random'|'none', generator=None, deterministic=False)`
    → Render, with random numbers of `generator`: None, one torch.Generator, or a list of one per
    sample (sample_noise.py)

    In 3D also:
    `.frame` where its cameras stand (`camera.Frame`; optional: FFHQ's sphere)
    `.planes(ws, noise='const')` → [B,…], and
    `.render_planes(planes, ws, camera, deterministic=False)` → Render: cameras share planes
    (views.py)
    `.query(planes, points [B,P,3])` → (colors [B,P,·], density [B,P,1]), for meshes, in a cube of
    the side `.box_warp`
    `.render(…, chunk=None)`: rays of one sample rendered at a time

    >>> generator = load_generator("stylegan2")
    >>> generator.w_dim, generator.is_3d
    (128, False)
    """
    from gantoolkit import weights
    from gantoolkit.registry import manifest

    state, arch, _ = weights.load(name_or_path, kinds=manifest.load().components["generator"])
    generator = build_generator(arch, name_or_path)
    load_state(generator, state, name_or_path)
    return generator.eval().requires_grad_(False)


def build_generator(arch: dict[str, Any], source: object = "this file") -> Any:
    """Build a generator from {"type": name, …constructor arguments}.

    source  what an error calls the place that `arch` comes from
    """
    from gantoolkit.registry import contracts
    from gantoolkit.registry.registry import get

    if "type" not in arch:
        raise WeightsError(
            f"{source} does not say which generator it holds; "
            f"`gantoolkit weights convert {source}` shows what it is."
        )
    arguments = {key: value for key, value in arch.items() if key != "type"}
    generator = get("generator", arch["type"])(**arguments)
    contracts.check_members("generator", generator)
    return generator


def load_state(
    generator: nn.Module, state: dict[str, Tensor], source: object = "this file"
) -> None:
    """Copy `state` into `generator`; WeightsError unless every tensor fits.

    The constant FIR filters of published files are skipped.
    """
    from gantoolkit.weights.state_dict import load_state_dict

    state = {key: state[key] for key in state if not key.endswith("resample_filter")}
    load_state_dict(generator, state, source)
