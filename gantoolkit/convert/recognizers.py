"""Networks that recognise: IR-SE50 (identity), BiSeNet (face parts), PiDiNet (edges), trunks of LPIPS, Inception."""

from __future__ import annotations

import re

from torch import Tensor

from gantoolkit.convert.source import Source
from gantoolkit.core.errors import WeightsError
from gantoolkit.core.parts import Part
from gantoolkit.networks import pidinet
from gantoolkit.networks.arcface import PSP_CROP

UNITS = {
    24: (3, 4, 14, 3),
    49: (3, 13, 30, 3),
    50: (3, 8, 36, 3),
}  # published depths: IR-SE 50, 100, 152
TRUNKS = {  # LPIPS's name → a tensor that only this torchvision trunk has, and its shape
    "alex": ("features.0.weight", (64, 3, 11, 11)),
    "vgg": ("features.28.weight", (512, 512, 3, 3)),
    "squeeze": ("features.12.expand3x3.weight", (256, 64, 3, 3)),
}


def parts(source: Source) -> list[Part] | None:
    """The one network of a bare state dict, or of one under `state_dict` or `model`."""
    for keys in ((), ("state_dict",), ("model",), ("net",)):
        state = source.state(*keys)
        for recognise in (irse, bisenet, edges, trunk, inception):
            part = recognise(state) if state else None
            if part is not None:
                return [part]
    return None


def stages(state: dict[str, Tensor]) -> list[list[int]]:
    """[[width, units], …] of an IR-SE body: by the published depths, else where the width changes."""
    count = 1 + max(
        int(m[1]) for key in state if (m := re.match(r"body\.(\d+)\.res_layer\.1\.weight", key))
    )
    widths = [len(state[f"body.{i}.res_layer.1.weight"]) for i in range(count)]
    if count in UNITS:
        firsts = [sum(UNITS[count][:stage]) for stage in range(4)]
        return [[widths[i], n] for i, n in zip(firsts, UNITS[count], strict=True)]
    found: list[list[int]] = []
    for width in widths:
        if not found or found[-1][0] != width:
            found.append([width, 0])
        found[-1][1] += 1
    return found


def irse(state: dict[str, Tensor]) -> Part | None:
    """IR-SE50 and its relatives (`model_ir_se50.pth`)."""
    if "output_layer.3.weight" not in state or "body.0.res_layer.5.fc1.weight" not in state:
        return None
    units, linear = stages(state), state["output_layer.3.weight"]
    side = round((linear.shape[1] / units[-1][0]) ** 0.5)
    if side * side * units[-1][0] != linear.shape[1]:
        raise WeightsError(
            f"The last layer of this IR-SE network reads {linear.shape[1]} numbers, no square map."
        )
    size = side * 2 ** len(units)
    arch = {
        "type": "ArcFace",
        "size": size,
        "units": units,
        "embedding": len(linear),
        "crop": list(PSP_CROP) if size == 112 else None,
        "dropout": 0.6,
    }
    facts = {
        "input": f"{size} px; FFHQ-aligned faces are cropped as pSp's identity loss does"
        if size == 112
        else f"{size} px"
    }
    return Part(
        "network",
        arch,
        state,
        "state dict of an IR-SE network",
        f"IR-SE, {sum(n for _, n in units)} units",
        facts,
    )


def bisenet(state: dict[str, Tensor]) -> Part | None:
    """The face parser `79999_iter.pth` and others of its form."""
    if "cp.resnet.conv1.weight" not in state or "conv_out.conv_out.weight" not in state:
        return None
    labels = len(state["conv_out.conv_out.weight"])
    facts = {
        "classes": f"{labels}"
        + (
            ", given in CelebAMask-HQ order"
            if labels == 19
            else ", of an order that is not known here"
        )
    }
    return Part(
        "network",
        {"type": "BiSeNet", "labels": labels},
        state,
        "state dict of BiSeNet",
        "BiSeNet",
        facts,
    )


def edges(state: dict[str, Tensor]) -> Part | None:
    """PiDiNet, its pixel differences turned into plain convolutions."""
    if "init_block.weight" not in state or "block4_4.conv2.weight" not in state:
        return None
    radial = state["block1_2.conv1.weight"]
    converted = radial.shape[-1] == 5
    first = state.get("dilations.0.conv1.weight")
    arch = {
        "type": "PiDiNet",
        "width": len(state["init_block.weight"]),
        "dilation": None if first is None else len(first),
    }
    facts = {
        "convolutions": "plain already"
        if converted
        else "pixel differences of config carv4, now plain"
    }
    new = state if converted else pidinet.convert(state)
    return Part("network", arch, new, "state dict of PiDiNet", "PiDiNet", facts)


def trunk(state: dict[str, Tensor]) -> Part | None:
    """A torchvision classifier whose features LPIPS compares; the classifier is left out."""
    for name, (key, shape) in TRUNKS.items():
        if (
            key in state
            and tuple(state[key].shape) == shape
            and "features.1.running_mean" not in state
        ):
            new = {k: v for k, v in state.items() if k.startswith("features.")}
            part = Part(
                "network",
                {"type": "trunk of LPIPS", "trunk": name},
                new,
                "state dict of torchvision",
                name,
            )
            part.unused = sorted(state.keys() - new.keys())
            return part
    return None


def inception(state: dict[str, Tensor]) -> Part | None:
    """Inception-v3 as FID measures it (`pt_inception-2015-12-05`): 1,008 outputs instead of 1,000."""
    if "Mixed_5b.branch1x1.conv.weight" not in state or len(state.get("fc.weight", ())) != 1008:
        return None
    return Part(
        "network",
        {"type": "Inception"},
        state,
        "state dict of pytorch-fid",
        "Inception-v3 (2015-12-05)",
    )
