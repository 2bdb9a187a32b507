"""The constructor arguments of an EG3D, from the attributes and shapes that its pickle keeps."""

from __future__ import annotations

import torch

from gantoolkit.convert import stylegan2
from gantoolkit.convert.pickled_network import PickledNetwork
from gantoolkit.core.camera import FFHQ_LEVEL, FOCAL, PIVOT, RADIUS
from gantoolkit.core.errors import WeightsError
from gantoolkit.generators.superresolution import VARIANTS

THIRD_PLANE = {  # value of plane_axes → axes of the third plane
    "eg3d": [[0, 0, 1], [1, 0, 0], [0, 1, 0]],
    "fixed": [[0, 0, 1], [0, 1, 0], [1, 0, 0]],
}
OF_2D_ONLY = ("type", "resolution", "img_channels", "architecture")  # arguments of StyleGAN2
REQUIRED = ("depth_resolution", "ray_start", "ray_end", "box_warp")  # rendering_kwargs
SHAPENET = (0.0, 0.0, 0.0), 1.7  # pivot and radius of its cameras, whose field of view is 45°
SHAPENET_FOCAL = 1.7074


def read_arch(network: PickledNetwork) -> tuple[dict, dict]:
    """Read (arch, facts) of a TriPlaneGenerator.

    What may have been edited after construction is read as it is now.
    """
    backbone = network.below("backbone.")
    flat = stylegan2.generator_arch(backbone.tensors, backbone.attributes)
    if flat.get("architecture", "skip") != "skip":
        raise WeightsError(
            "The backbone of this EG3D has an unusual architecture, which is not built here."
        )
    arch = {
        "type": "EG3D",
        **{key: value for key, value in flat.items() if key not in OF_2D_ONLY},
        "plane_resolution": flat["resolution"],
        "plane_channels": flat["img_channels"] // 3,
        "plane_axes": plane_axes(network),
        **_decoder_arguments(network),
        **_rendering_arguments(network),
        **_camera_arguments(network),
        **_superresolution_arguments(network),
    }
    return arch, _describe(arch)


def _describe(arch: dict) -> dict[str, str]:
    """Say in words how the generator is seen and rendered."""
    aim = ", ".join(f"{value:g}" for value in arch["pivot"])
    cameras = (
        f"{arch['radius']:g} from the origin, aimed at ({aim}), focal length {arch['focal']:g} of "
        f"the width, level at a pitch of {arch['level']:g}"
    )
    rendering = (
        f"{arch['rays']}² rays, {arch['samples']} + {arch['importance']} samples, from "
        f"{arch['ray_start']} to {arch['ray_end']}"
    )
    return {"cameras": cameras, "rendering": rendering}


def plane_axes(network: PickledNetwork) -> str:
    """Return 'eg3d' where the third plane repeats the second (all released files), else 'fixed'."""
    axes = network.attributes.get("renderer", {}).get("plane_axes")
    if not isinstance(axes, torch.Tensor) or axes.shape != (3, 3, 3):
        return "eg3d"
    for name, third in THIRD_PLANE.items():
        if axes[2].tolist() == third:
            return name
    raise WeightsError(
        "The planes of this EG3D lie along axes that are neither the released nor the corrected "
        "ones."
    )


def _decoder_arguments(network: PickledNetwork) -> dict:
    first = network.tensors["decoder.net.0.weight"]
    last = network.tensors["decoder.net.2.weight"]
    gain = network.attributes.get("decoder.net.0", {}).get("bias_gain", 1)
    return {
        "decoder_hidden": len(first),
        "decoder_channels": len(last) - 1,
        "decoder_lr_mul": float(gain),
    }


def _rendering_arguments(network: PickledNetwork) -> dict:
    attributes = network.attributes[""]
    options = attributes.get("rendering_kwargs")
    if not isinstance(options, dict):
        raise WeightsError("This EG3D keeps no rendering_kwargs, so its ray limits are unknown.")
    if options.get("clamp_mode", "softplus") != "softplus":
        raise WeightsError(
            f"This EG3D has the density activation {options['clamp_mode']}; only softplus is built."
        )
    for key in REQUIRED:
        if key not in options:
            raise WeightsError(f"This EG3D keeps no {key} in its rendering_kwargs.")
    is_unconditional = options.get("c_gen_conditioning_zero")
    return {
        "rays": int(attributes.get("neural_rendering_resolution", 64)),
        "samples": int(options["depth_resolution"]),
        "importance": int(options.get("depth_resolution_importance", 0)),
        "ray_start": _ray_limit(options["ray_start"]),
        "ray_end": _ray_limit(options["ray_end"]),
        "box_warp": float(options["box_warp"]),
        "c_scale": 0.0 if is_unconditional else float(options.get("c_scale", 0)),
        "disparity": bool(options.get("disparity_space_sampling", False)),
        "white_back": bool(options.get("white_back", False)),
        "sr_noise": str(options.get("superresolution_noise_mode", "none")),
    }


def _ray_limit(value) -> float | str:
    return value if value == "auto" else float(value)


def _camera_arguments(network: PickledNetwork) -> dict:
    """Read the sphere of cameras; focal length and level, which no file keeps, go by data set."""
    options = network.attributes[""]["rendering_kwargs"]
    pivot = tuple(float(value) for value in options.get("avg_camera_pivot", PIVOT))
    radius = float(options.get("avg_camera_radius", RADIUS))
    return {
        "pivot": list(pivot),
        "radius": radius,
        "focal": SHAPENET_FOCAL if (pivot, radius) == SHAPENET else FOCAL,
        "level": FFHQ_LEVEL if (pivot, radius) == (PIVOT, RADIUS) else 0.0,
    }


def _superresolution_arguments(network: PickledNetwork) -> dict:
    """Read variant, sizes and widths of the two blocks, from class, attributes and shapes."""
    kind = network.kinds["superresolution"]
    variant = kind.removeprefix("SuperresolutionHybrid").replace("Deepfp32", "deep")
    if variant not in VARIANTS:
        raise WeightsError(
            f"The super-resolution {kind} of this EG3D is not built here; "
            f"known: {', '.join(VARIANTS)}."
        )
    attributes = network.attributes["superresolution"]
    default_size, _, factors = VARIANTS[variant][:3]
    size = int(attributes.get("input_resolution", default_size))
    convs = ["superresolution.block0.conv1", "superresolution.block1.conv1"]
    clamps = [network.attributes.get(conv, {}).get("conv_clamp") for conv in convs]
    return {
        "superresolution": variant,
        "resolution": size * factors[0] * factors[1],
        "sr_input": size,
        "sr_channels": [len(network.tensors[f"{conv}.bias"]) for conv in convs],
        "sr_clamp": stylegan2.shared_value(clamps, "clamp"),
        "sr_antialias": bool(attributes.get("sr_antialias", False)),
    }
