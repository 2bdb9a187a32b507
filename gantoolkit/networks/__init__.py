"""Plain modules that several stages use: recognisers, parsers, perceptual trunks, towers, the judge."""

from __future__ import annotations

from gantoolkit.errors import WeightsError

_HOMES = {  # type in a weights file's arch → module that defines it
    "ArcFace": "gantoolkit.networks.arcface",
    "BiSeNet": "gantoolkit.networks.bisenet",
    "FaceParser": "gantoolkit.networks.parser",
    "Inception": "gantoolkit.networks.inception",
    "Judge": "gantoolkit.networks.judge",
    "PiDiNet": "gantoolkit.networks.pidinet",
    "PSPEncoder": "gantoolkit.networks.psp",
    "Towers": "gantoolkit.networks.towers",
}


def load(name_or_path: str, device="cpu"):
    """The frozen network behind a weights name or file, in eval mode; `Towers` and CLIP are folders,
    `insightface:PATH` a folder or file of ONNX models.

    Raises WeightsError when the file holds something that is no network of this room.
    """
    import importlib

    from gantoolkit import weights

    if str(name_or_path).startswith("insightface:"):
        from gantoolkit.networks.insight import PREFIX, InsightFace
        return InsightFace(str(name_or_path).removeprefix(PREFIX)).eval()
    path = weights.resolve(name_or_path)
    if path.is_dir():
        from gantoolkit.networks.clip import CLIP
        from gantoolkit.networks.towers import Towers
        network = (CLIP if (path / "config.json").is_file() else Towers).load(path)
    else:
        state, arch, _ = weights.load(path, kinds=_HOMES)
        kind = arch.pop("type", None)
        if kind not in _HOMES:
            raise WeightsError(
                f"{path} holds {kind or 'no named network'}, expected one of {', '.join(_HOMES)}.")
        network = getattr(importlib.import_module(_HOMES[kind]), kind)(**arch)
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            raise WeightsError(
                f"{path} does not fit {kind}: {str(error).splitlines()[-1].strip()}.") from None
    return network.eval().requires_grad_(False).to(device)
