"""Foreign checkpoints → parts that gantoolkit builds: one file per family, one mechanism for all.

    read(path)         source.py   the container: bare pickle, torch file, safetensors, ONNX; nothing is executed
    FORMATS            nvidia  psp  rosinality  recognisers  diffusion  onnx: each says what it finds, or None
    fit_to_network(part)          fit.py      compares names and shapes with the network that the part will become
    command.py         `gantoolkit weights convert`; export.py: `gantoolkit weights export`

Importing this module is cheap; what reads files is imported when a file is read.
"""

from __future__ import annotations

from pathlib import Path

from gantoolkit.core.errors import WeightsError
from gantoolkit.core.parts import Part
from gantoolkit.registry.plugins import hookimpl

FORMATS = ("onnx", "nvidia", "psp", "rosinality", "plain", "recognizers", "diffusion")
KNOWN = (
    "NVIDIA pickles of StyleGAN2 and EG3D, StyleGAN2 of rosinality and JoJoGAN, pSp and e4e, IR-SE50, BiSeNet, "
    "PiDiNet, trunks of LPIPS, Inception, Stable Diffusion 1.5 and its ControlNets, insightface's ONNX"
)


@hookimpl(trylast=True)
def convert_checkpoint(path: Path) -> list[Part] | None:
    """The parts of a checkpoint in one of FORMATS (the package's own use of this hook)."""
    from importlib import import_module

    from gantoolkit.convert.fit import fit_to_network
    from gantoolkit.convert.source import read

    source = read(path)
    for name in FORMATS:
        try:
            found = import_module(f"gantoolkit.convert.{name}").parts(source)
            if found:
                return [fit_to_network(part) for part in found]
        except WeightsError as error:
            raise WeightsError(
                str(error) if str(path) in str(error) else f"{path}: {error}"
            ) from None
        except (KeyError, IndexError, ValueError, TypeError, AttributeError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:160]
            raise WeightsError(
                f"{path} looks like a file of the family '{name}', but does not have its form "
                f"({type(error).__name__}: {reason})."
            ) from None
    return None


def read_parts(path: Path) -> list[Part]:
    """The parts of a checkpoint, by the package or a plugin. Raises WeightsError when nobody knows it."""
    from gantoolkit.registry.plugins import hooks

    found = hooks().convert_checkpoint(path=path)
    if not found:
        raise WeightsError(f"{path} is no checkpoint that is known here. Known: {KNOWN}.")
    return found
