"""The constructor arguments of an EG3D, from the attributes and shapes that its pickle keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from gantoolkit.convert import stylegan2
from gantoolkit.core.camera import FFHQ_LEVEL, FOCAL, PIVOT, RADIUS
from gantoolkit.core.errors import WeightsError
from gantoolkit.generators.superresolution import VARIANTS

if TYPE_CHECKING:
    from gantoolkit.convert.nvidia import Network

THIRD_PLANE = {
    "eg3d": [[0, 0, 1], [1, 0, 0], [0, 1, 0]],
    "fixed": [[0, 0, 1], [0, 1, 0], [1, 0, 0]],
}


def arch(net: Network) -> tuple[dict, dict]:
    """(arch, facts) of a TriPlaneGenerator. What may have been edited after construction is read as it is now."""
    backbone = {
        k.removeprefix("backbone."): v for k, v in net.tensors.items() if k.startswith("backbone.")
    }
    inner = {
        k.removeprefix("backbone."): v
        for k, v in net.attributes.items()
        if k.startswith("backbone.")
    }
    flat = stylegan2.generator(backbone, inner)
    if flat.get("architecture", "skip") != "skip":
        raise WeightsError(
            "The backbone of this EG3D has an unusual architecture, which is not built here."
        )
    found = {
        "type": "EG3D",
        **{key: flat[key] for key in flat if key not in NOT_FLAT},
        "plane_resolution": flat["resolution"],
        "plane_channels": flat["img_channels"] // 3,
        "plane_axes": plane_axes(net),
        **_decoder(net),
        **_rendering(net),
        **_frame(net),
        **_superresolution(net),
    }
    aim = ", ".join(f"{v:g}" for v in found["pivot"])
    return found, {
        "cameras": f"{found['radius']:g} from the origin, aimed at ({aim}), focal length "
        f"{found['focal']:g} of the width, level at a pitch of {found['level']:g}",
        "rendering": f"{found['rays']}² rays, {found['samples']} + {found['importance']} samples, from "
        f"{found['ray_start']} to {found['ray_end']}",
    }


NOT_FLAT = ("type", "resolution", "img_channels", "architecture")


def plane_axes(net: Network) -> str:
    """'eg3d' where the third plane repeats the second (every released file), 'fixed' where it does not."""
    axes = net.attributes.get("renderer", {}).get("plane_axes")
    if not isinstance(axes, torch.Tensor) or axes.shape != (3, 3, 3):
        return "eg3d"
    for name, third in THIRD_PLANE.items():
        if axes[2].tolist() == third:
            return name
    raise WeightsError(
        "The planes of this EG3D lie along axes that are neither the released nor the corrected ones."
    )


def _decoder(net: Network) -> dict:
    first, last = net.tensors["decoder.net.0.weight"], net.tensors["decoder.net.2.weight"]
    gain = net.attributes.get("decoder.net.0", {}).get("bias_gain", 1)
    return {
        "decoder_hidden": len(first),
        "decoder_channels": len(last) - 1,
        "decoder_lr_mul": float(gain),
    }


def _rendering(net: Network) -> dict:
    top = net.attributes[""]
    options = top.get("rendering_kwargs")
    if not isinstance(options, dict):
        raise WeightsError(
            "This EG3D keeps no rendering_kwargs, so that its ray limits are unknown."
        )
    if options.get("clamp_mode", "softplus") != "softplus":
        raise WeightsError(
            f"This EG3D has the density activation {options['clamp_mode']}; only softplus is built."
        )
    for key in ("depth_resolution", "ray_start", "ray_end", "box_warp"):
        if key not in options:
            raise WeightsError(f"This EG3D keeps no {key} in its rendering_kwargs.")
    scale = 0.0 if options.get("c_gen_conditioning_zero") else float(options.get("c_scale", 0))
    return {
        "rays": int(top.get("neural_rendering_resolution", 64)),
        "samples": int(options["depth_resolution"]),
        "importance": int(options.get("depth_resolution_importance", 0)),
        "ray_start": _limit(options["ray_start"]),
        "ray_end": _limit(options["ray_end"]),
        "box_warp": float(options["box_warp"]),
        "c_scale": scale,
        "disparity": bool(options.get("disparity_space_sampling", False)),
        "white_back": bool(options.get("white_back", False)),
        "sr_noise": str(options.get("superresolution_noise_mode", "none")),
    }


SHAPENET = (0.0, 0.0, 0.0), 1.7  # pivot and radius of its cameras, whose field of view is 45°


def _frame(net: Network) -> dict:
    """The sphere of cameras that the file keeps; focal length and level, which it does not, are its data set's."""
    options = net.attributes[""]["rendering_kwargs"]
    pivot = tuple(float(v) for v in options.get("avg_camera_pivot", PIVOT))
    radius = float(options.get("avg_camera_radius", RADIUS))
    return {
        "pivot": list(pivot),
        "radius": radius,
        "focal": 1.7074 if (pivot, radius) == SHAPENET else FOCAL,
        "level": FFHQ_LEVEL if (pivot, radius) == (PIVOT, RADIUS) else 0.0,
    }


def _limit(value) -> float | str:
    return value if value == "auto" else float(value)


def _superresolution(net: Network) -> dict:
    """Variant, sizes and widths of the two blocks, from the class, its attributes and the shapes."""
    kind, state, own = net.kinds["superresolution"], net.tensors, net.attributes["superresolution"]
    variant = kind.removeprefix("SuperresolutionHybrid").replace("Deepfp32", "deep")
    if variant not in VARIANTS:
        raise WeightsError(
            f"The super-resolution {kind} of this EG3D is not built here; "
            f"known: {', '.join(VARIANTS)}."
        )
    size = own.get("input_resolution", VARIANTS[variant][0])
    blocks = [f"superresolution.block{i}" for i in (0, 1)]
    clamps = [net.attributes.get(f"{b}.conv1", {}).get("conv_clamp") for b in blocks]
    ups = VARIANTS[variant][2]
    return {
        "superresolution": variant,
        "resolution": int(size) * ups[0] * ups[1],
        "sr_input": int(size),
        "sr_channels": [len(state[f"{b}.conv1.bias"]) for b in blocks],
        "sr_clamp": stylegan2.same(clamps, "clamp"),
        "sr_antialias": bool(own.get("sr_antialias", False)),
    }
