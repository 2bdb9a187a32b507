"""Networks that recognize: IR-SE50, BiSeNet, PiDiNet, trunks of LPIPS, Inception."""

from __future__ import annotations

import re

from torch import Tensor

from gantoolkit.convert.source import Source
from gantoolkit.core.errors import WeightsError
from gantoolkit.core.labels import CLASSES
from gantoolkit.core.parts import Part
from gantoolkit.networks import pidinet
from gantoolkit.networks.arcface import PSP_CROP

UNITS_PER_STAGE = {24: (3, 4, 14, 3), 49: (3, 13, 30, 3), 50: (3, 8, 36, 3)}  # IR-SE 50, 100, 152
ARCFACE_SIZE = 112  # pixels, of networks that see pSp's crop
INCEPTION_CLASSES = 1008  # of the graph of 2015-12-05; torchvision's has 1,000
TRUNKS = {  # LPIPS's name → a tensor that only this torchvision trunk has, and its shape
    "alex": ("features.0.weight", (64, 3, 11, 11)),
    "vgg": ("features.28.weight", (512, 512, 3, 3)),
    "squeeze": ("features.12.expand3x3.weight", (256, 64, 3, 3)),
}


def find_parts(source: Source) -> list[Part] | None:
    """Find the one network of a bare state dict, or of one under `state_dict`, `model` or `net`."""
    for keys in ((), ("state_dict",), ("model",), ("net",)):
        state = source.state(*keys)
        if not state:
            continue
        for recognize in (irse_part, bisenet_part, pidinet_part, trunk_part, inception_part):
            part = recognize(state)
            if part is not None:
                return [part]
    return None


def body_stages(state: dict[str, Tensor]) -> list[list[int]]:
    """Return [[width, units], …] of an IR-SE body.

    Stages are those of the published depths, else they begin where the width changes.
    """
    pattern = re.compile(r"body\.(\d+)\.res_layer\.1\.weight")
    count = 1 + max(int(match[1]) for key in state if (match := pattern.match(key)))
    widths = [len(state[f"body.{i}.res_layer.1.weight"]) for i in range(count)]
    stages: list[list[int]] = []
    if count in UNITS_PER_STAGE:
        first = 0
        for units in UNITS_PER_STAGE[count]:
            stages.append([widths[first], units])
            first += units
        return stages

    for width in widths:
        if not stages or stages[-1][0] != width:
            stages.append([width, 0])
        stages[-1][1] += 1
    return stages


def irse_part(state: dict[str, Tensor]) -> Part | None:
    """Recognize IR-SE50 and its relatives (`model_ir_se50.pth`)."""
    if "output_layer.3.weight" not in state or "body.0.res_layer.5.fc1.weight" not in state:
        return None
    units = body_stages(state)
    last_layer = state["output_layer.3.weight"]
    width = units[-1][0]
    side = round((last_layer.shape[1] / width) ** 0.5)
    if side * side * width != last_layer.shape[1]:
        raise WeightsError(
            f"The last layer of this IR-SE network reads {last_layer.shape[1]} numbers, which are "
            "not a square map."
        )
    size = side * 2 ** len(units)
    is_arcface = size == ARCFACE_SIZE
    arch = {
        "type": "ArcFace",
        "size": size,
        "units": units,
        "embedding": len(last_layer),
        "crop": list(PSP_CROP) if is_arcface else None,
        "dropout": 0.6,
    }
    crop = "; FFHQ-aligned faces are cropped as pSp's identity loss does" if is_arcface else ""
    kind = f"IR-SE, {sum(count for _, count in units)} units"
    facts = {"input": f"{size} px{crop}"}
    return Part("network", arch, state, "state dict of an IR-SE network", kind, facts)


def bisenet_part(state: dict[str, Tensor]) -> Part | None:
    """Recognize the face parser `79999_iter.pth` and others of its form."""
    if "cp.resnet.conv1.weight" not in state or "conv_out.conv_out.weight" not in state:
        return None
    count = len(state["conv_out.conv_out.weight"])
    known_order = "given in CelebAMask-HQ order"
    order = known_order if count == len(CLASSES) else "of an order that is not known here"
    arch = {"type": "BiSeNet", "labels": count}
    facts = {"classes": f"{count}, {order}"}
    return Part("network", arch, state, "state dict of BiSeNet", "BiSeNet", facts)


def pidinet_part(state: dict[str, Tensor]) -> Part | None:
    """Recognize PiDiNet; its pixel differences are turned into plain convolutions."""
    if "init_block.weight" not in state or "block4_4.conv2.weight" not in state:
        return None
    dilation = state.get("dilations.0.conv1.weight")
    arch = {
        "type": "PiDiNet",
        "width": len(state["init_block.weight"]),
        "dilation": None if dilation is None else len(dilation),
    }
    is_plain = state["block1_2.conv1.weight"].shape[-1] == 5
    if is_plain:
        facts = {"convolutions": "plain already"}
    else:
        facts = {"convolutions": "pixel differences of config carv4, now plain"}
        state = pidinet.convert(state)
    return Part("network", arch, state, "state dict of PiDiNet", "PiDiNet", facts)


def trunk_part(state: dict[str, Tensor]) -> Part | None:
    """Recognize a torchvision network whose features LPIPS compares; its classifier is left out."""
    if "features.1.running_mean" in state:  # with batch norm
        return None
    for name, (key, shape) in TRUNKS.items():
        if key in state and tuple(state[key].shape) == shape:
            features = {k: v for k, v in state.items() if k.startswith("features.")}
            arch = {"type": "trunk of LPIPS", "trunk": name}
            part = Part("network", arch, features, "state dict of torchvision", name)
            part.unused = sorted(state.keys() - features.keys())
            return part
    return None


def inception_part(state: dict[str, Tensor]) -> Part | None:
    """Recognize Inception-v3 as FID measures it (`pt_inception-2015-12-05`)."""
    if "Mixed_5b.branch1x1.conv.weight" not in state:
        return None
    if len(state.get("fc.weight", ())) != INCEPTION_CLASSES:
        return None
    kind = "Inception-v3 (2015-12-05)"
    return Part("network", {"type": "Inception"}, state, "state dict of pytorch-fid", kind)
