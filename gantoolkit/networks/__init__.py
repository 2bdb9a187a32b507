"""Plain modules that several stages use: recognisers, parsers, perceptual trunks, towers, the judge."""

from __future__ import annotations

from gantoolkit.core.errors import WeightsError


def load(name_or_path: str, device="cpu"):
    """The frozen network behind a weights name or file, in eval mode; `Towers` and CLIP are folders,
    `insightface:PATH` a folder or file of ONNX models.

    A file may hold any network that a registry.yaml lists. Raises WeightsError when it holds something else.
    """
    from gantoolkit import weights
    from gantoolkit.registry import manifest
    from gantoolkit.registry.registry import get

    if str(name_or_path).startswith("insightface:"):
        from gantoolkit.networks.insightface_judge import PREFIX, InsightFace

        return InsightFace(str(name_or_path).removeprefix(PREFIX)).eval()
    path = weights.resolve(name_or_path)
    if path.is_dir():
        from gantoolkit.networks.clip import CLIP
        from gantoolkit.networks.towers import Towers

        network = (CLIP if (path / "config.json").is_file() else Towers).load(path)
    else:
        known = manifest.load().components["network"]
        state, arch, _ = weights.load(path, kinds=known)
        kind = arch.pop("type", None)
        if kind not in known:
            raise WeightsError(
                f"{path} holds {kind or 'no named network'}, expected one of {', '.join(known)}."
            )
        component = get("network", kind)
        if hasattr(component, "load"):
            raise WeightsError(
                f"{path} is a part of {kind}, which is read from a folder; give {path.parent}."
            )
        network = component(**arch)
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            raise WeightsError(
                f"{path} does not fit {kind}: {str(error).splitlines()[-1].strip()}."
            ) from None
    return network.eval().requires_grad_(False).to(device)
