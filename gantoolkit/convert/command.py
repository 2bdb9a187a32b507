"""`gantoolkit weights convert`: what a checkpoint holds, and our form of it as safetensors."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from gantoolkit import convert, weights
from gantoolkit.convert.attempt import FORM_ERRORS, describe
from gantoolkit.core.errors import UsageError, WeightsError
from gantoolkit.core.parts import Part
from gantoolkit.registry import manifest
from gantoolkit.weights.cache import write
from gantoolkit.weights.state_dict import shorten

ENDING = ".safetensors"


def main(args: Namespace) -> None:
    """Print the parts of args.source, and write those that were asked for."""
    source = weights.resolve(args.source)
    if source.is_file() and "arch" in weights.header(source):
        raise UsageError(
            f"{source} is gantoolkit's own already; give it to load_generator or to a config."
        )
    if source.is_dir():
        raise UsageError(
            f"{source} is a folder; diffusers' folders are read as they are, others are not known."
        )
    parts = convert.read_parts(source)
    chosen = choose_parts(parts, args.part)
    for part in parts:
        lines = describe_part(part)
        is_left_out = part not in chosen and bool(part.state)
        print("\n".join(lines[:2] if is_left_out else lines))
    if args.dry_run:
        return

    target = Path(args.target) if args.target else default_target(source, chosen)
    for part, path in assign_targets(chosen, target):
        write_part(part, path, source, args)
    others = [part.name for part in parts if part not in chosen and part.state]
    if others:
        print(f"not written: {', '.join(others)}; --part NAME writes one, --part all everything")


def choose_parts(parts: list[Part], name: str | None) -> list[Part]:
    """Choose what is written: the main parts, the one called `name`, or all.

    Parts that cannot be taken are left out. Raises WeightsError where nothing else was asked for.
    """
    if name == "all":
        return [part for part in parts if part.state]
    if name:
        chosen = [part for part in parts if part.name == name]
        if not chosen:
            known = ", ".join(part.name for part in parts)
            raise UsageError(f"This file has no part '{name}'; it has {known}.")
        if chosen[0].problem:
            raise WeightsError(f"The part '{name}' cannot be taken: {chosen[0].problem}.")
        return chosen
    chosen = [part for part in parts if part.is_main and part.state]
    broken = [part for part in parts if part.is_main and part.problem]
    if broken and not chosen:
        raise WeightsError(f"The part '{broken[0].name}' cannot be taken: {broken[0].problem}.")
    return chosen


# -- what is printed -----------------------------------------------------------------------------


def describe_part(part: Part) -> list[str]:
    """Describe a part, line by line."""
    arch = part.arch
    facts = {"becomes": arch.get("type", "")}
    if _is_generator(arch):
        facts |= describe_generator(arch)
    elif arch and "folder" not in arch:
        facts |= {key: str(value) for key, value in arch.items() if key != "type"}
    if part.state:
        numbers = sum(value.numel() for value in part.state.values())
        facts["parameters"] = f"{numbers:,} numbers in {len(part.state)} tensors"
    facts |= part.facts
    if part.state:
        facts["unused keys"] = shorten(part.unused, 5) or "none"
        facts["missing keys"] = shorten(part.missing, 5) or "none"

    if part.problem:
        facts["not taken"] = part.problem
    lines = [f"{part.name}: {part.kind} ({part.format})"]
    for name, value in facts.items():
        if value:
            lines.append(f"  {name + ':':<16} {value}")
    return lines


def _is_generator(arch: dict) -> bool:
    return arch.get("type") in manifest.load().components["generator"]


def describe_generator(arch: dict) -> dict[str, str]:
    """Return the sizes of a generator, and how it takes a camera."""
    import torch

    from gantoolkit.generators import build_generator

    with torch.device("meta"):
        generator = build_generator(arch)
    return {
        "resolution": f"{generator.resolution} px",
        "num_ws": str(generator.num_ws),
        "w_dim": str(generator.w_dim),
        "mapping layers": str(arch.get("mapping_layers", "")),
        "camera": describe_camera(arch, generator.is_3d),
    }


def describe_camera(arch: dict, is_3d: bool) -> str:
    """Say how the generator takes a camera."""
    c_dim = arch.get("c_dim")
    if not is_3d:
        return f"none; a label of {c_dim} numbers" if c_dim else "none"
    if not c_dim:
        return "renders from one; mapping takes none"
    c_scale = arch.get("c_scale", 1)
    scale = "" if c_scale == 1 else f", times {c_scale:g}"
    return f"renders from one; mapping is conditioned on its {c_dim} numbers{scale}"


# -- what is written -----------------------------------------------------------------------------


def default_target(source: Path, chosen: list[Part]) -> Path:
    """Return the target beside the source, under its name."""
    if _are_folders(chosen):
        return source.with_suffix("")
    path = source.with_suffix(ENDING)
    return path if path != source else source.with_name(f"{source.stem}-gantoolkit{ENDING}")


def _are_folders(parts: list[Part]) -> bool:
    return bool(parts) and "folder" in parts[0].arch


def assign_targets(chosen: list[Part], target: Path) -> list[tuple[Part, Path]]:
    """Assign the target to the first part; further ones go beside it with their name added."""
    ending = "" if _are_folders(chosen) else ENDING
    if ending and target.suffix != ENDING:
        raise UsageError(
            f"The result is a safetensors file; name it '{target.with_suffix(ENDING)}'."
        )
    if not ending and target.suffix == ENDING:
        raise UsageError(
            f"The result is a folder of diffusers; name it '{target.with_suffix('')}'."
        )
    targets = []
    for part in chosen:
        path = target if not targets else target.with_name(f"{target.stem}-{part.name}{ending}")
        targets.append((part, path))
    return targets


def write_part(part: Part, path: Path, source: Path, args: Namespace) -> None:
    """Write one part as safetensors, one of diffusers as a folder."""
    if path.exists() and path.resolve() == source.resolve():
        raise WeightsError(f"{path} is the source itself; name another file.")
    if "folder" not in part.arch:
        print(f"writes {write(part, path, source, args.licence)}")
        return
    from gantoolkit.convert.diffusion import write_folder

    try:
        notes = write_folder(part, path, source, args.licence, args.tokenizer)
    except WeightsError as error:
        named = str(source) in str(error)
        raise WeightsError(str(error) if named else f"{source}: {error}") from None
    except FORM_ERRORS as error:
        raise WeightsError(
            f"{source}: its {part.kind} is not complete, or not of a known form "
            f"({describe(error)}); fetch it again."
        ) from None
    print(f"writes {path}/")
    for note in notes:
        print(f"note: {note}")
