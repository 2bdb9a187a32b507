"""Foreign checkpoints → parts that gantoolkit builds: one file per family, one mechanism for all.

How a file is read, without executing anything in it:

    source            what is in a file, whatever its container
    unpickle          bare pickles (NVIDIA's networks)
    inert             what stands for the classes that they name
    inert_calls       the few functions that they may call
    torchfile         files of torch.save
    torch_checks      compares what they claim with their bytes
    torch_objects     those that hold foreign objects beside tensors
    scan              refuses a pickle by its opcodes before it is carried out

Families, each of which finds its parts in a source, or None (`FORMATS`):

    nvidia            StyleGAN2, StyleGAN3 and EG3D; uses the three below and pickled_network
    psp               pSp and e4e
    rosinality        the other StyleGAN2, also JoJoGAN's
    plain             state dicts with NVIDIA's names
    recognizers       IR-SE50, BiSeNet, PiDiNet, trunks of LPIPS, Inception
    diffusion         Stable Diffusion 1 and its ControlNets
    onnx              insightface's files
    stylegan2         constructor arguments of a StyleGAN2 and its discriminator
    stylegan3         constructor arguments of a StyleGAN3
    eg3d              constructor arguments of an EG3D
    pickled_network   tensors and attributes of a network in a pickle

    unread            families that are known by sight and not read

What becomes of them:

    attempt           keeps what is wrong with one part from blocking the others
    fit               compares a part with the network that it will become
    command           `gantoolkit weights convert`
    export            `gantoolkit weights export`

Importing this module is cheap; what reads files is imported when a file is read.
"""

from __future__ import annotations

from pathlib import Path

from gantoolkit.core.errors import WeightsError
from gantoolkit.core.parts import Part
from gantoolkit.registry.plugins import hookimpl

FORMATS = ("onnx", "nvidia", "psp", "rosinality", "plain", "recognizers", "diffusion")
KNOWN = (
    "NVIDIA pickles of StyleGAN2, StyleGAN3 and EG3D, StyleGAN2 of rosinality and JoJoGAN, pSp "
    "and e4e, IR-SE50, BiSeNet, PiDiNet, trunks of LPIPS, Inception, Stable Diffusion 1.5 and its "
    "ControlNets, insightface's ONNX"
)


@hookimpl(trylast=True)
def convert_checkpoint(path: Path) -> list[Part] | None:
    """Return the parts of a checkpoint in one of FORMATS (the package's own use of this hook)."""
    from importlib import import_module

    from gantoolkit.convert.attempt import FORM_ERRORS, describe
    from gantoolkit.convert.source import read_source
    from gantoolkit.convert.unread import refuse_by_sight

    source = read_source(path)
    for name in FORMATS:
        try:
            parts = import_module(f"gantoolkit.convert.{name}").find_parts(source)
            if parts:
                return _fit_all(parts)
        except WeightsError as error:
            sentence = str(error)
            raise WeightsError(
                sentence if str(path) in sentence else f"{path}: {sentence}"
            ) from None
        except FORM_ERRORS as error:
            raise WeightsError(
                f"{path} looks like a file of the family '{name}', but does not have its form "
                f"({describe(error)})."
            ) from None
    refuse_by_sight(source)
    if source.form == "pickle":
        raise WeightsError(f"{path} is a pickle without the networks G_ema, G or D.")
    return None


def _fit_all(parts: list[Part]) -> list[Part]:
    """Reduce each part to its network. Raises WeightsError where none can be taken."""
    from functools import partial

    from gantoolkit.convert.attempt import attempt
    from gantoolkit.convert.fit import fit_to_network

    fitted = []
    for part in parts:
        fitted.append(part if part.problem else attempt(part, partial(fit_to_network, part)))
    if all(part.problem for part in fitted):
        raise WeightsError(f"{fitted[0].problem}.")
    return fitted


def read_parts(path: Path) -> list[Part]:
    """Return the parts of a checkpoint, by the package or a plugin.

    Raises WeightsError for an unknown file.
    """
    from gantoolkit.registry.plugins import hooks

    parts = hooks().convert_checkpoint(path=path)
    if not parts:
        raise WeightsError(f"{path} is not a checkpoint that is known here. Known: {KNOWN}.")
    return parts
