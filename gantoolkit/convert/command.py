"""`gantoolkit weights convert`: what a checkpoint holds, and our form of it as safetensors."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from gantoolkit import convert, weights
from gantoolkit.core.errors import UsageError, WeightsError
from gantoolkit.core.parts import Part
from gantoolkit.weights.cache import write


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
    found = convert.read_parts(source)
    chosen = choose(found, args.part)
    for part in found:
        print("\n".join(describe(part)[: None if part in chosen or not part.state else 2]))
    if args.dry_run:
        return
    targets = places(chosen, Path(args.target) if args.target else default(source, chosen))
    for part, path in targets:
        put(part, path, source, args)
    others = [part.name for part in found if part not in chosen and part.state]
    if others:
        print(f"not written: {', '.join(others)}; --part NAME writes one, --part all everything")


def choose(found: list[Part], name: str | None) -> list[Part]:
    """The parts that are written: those that people load, one by name, or all."""
    if name == "all":
        return [part for part in found if part.state]
    if name:
        chosen = [part for part in found if part.name == name]
        if not chosen:
            raise UsageError(
                f"This file has no part '{name}'; it has {', '.join(part.name for part in found)}."
            )
        return chosen
    return [part for part in found if part.is_main and part.state]


def describe(part: Part) -> list[str]:
    """What one part is, line by line."""
    arch = part.arch
    lines = [f"{part.name}: {part.kind} ({part.format})"]
    facts = {"becomes": arch.get("type", "")}
    if "resolution" in arch and "num_ws" not in arch and arch["type"] in ("StyleGAN2", "EG3D"):
        inner = arch.get("plane_resolution", arch["resolution"])
        facts |= {
            "resolution": f"{arch['resolution']} px",
            "num_ws": str(2 * inner.bit_length() - 4),
            "w_dim": str(arch["w_dim"]),
            "mapping layers": str(arch["mapping_layers"]),
            "camera": camera(arch),
        }
    elif arch and "folder" not in arch:
        facts |= {key: str(value) for key, value in arch.items() if key != "type"}
    if part.state:
        numbers = sum(value.numel() for value in part.state.values())
        facts["parameters"] = f"{numbers:,} numbers in {len(part.state)} tensors"
    facts |= part.facts
    facts |= (
        {"unused keys": some(part.unused), "missing keys": some(part.missing)} if part.state else {}
    )
    return lines + [f"  {key + ':':<16} {value}" for key, value in facts.items() if value]


def camera(arch: dict) -> str:
    """How the generator takes a camera."""
    if arch["type"] == "StyleGAN2":
        return f"none; a label of {arch['c_dim']} numbers" if arch.get("c_dim") else "none"
    if not arch.get("c_dim"):
        return "draws from one; mapping takes none"
    scaled = "" if arch["c_scale"] == 1 else f", times {arch['c_scale']:g}"
    return f"draws from one; mapping is conditioned on its {arch['c_dim']} numbers{scaled}"


def some(keys: list[str]) -> str:
    """Up to five names, and how many more."""
    more = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
    return f"{', '.join(keys[:5])}{more}" if keys else "none"


def default(source: Path, chosen: list[Part]) -> Path:
    """Beside the source, under its name."""
    if chosen and "folder" in chosen[0].arch:
        return source.with_suffix("")
    path = source.with_suffix(".safetensors")
    return path if path != source else source.with_name(f"{source.stem}-gantoolkit.safetensors")


def places(chosen: list[Part], target: Path) -> list[tuple[Part, Path]]:
    """Where each part goes: the first to the target, further ones beside it with their name added."""
    folders = bool(chosen) and "folder" in chosen[0].arch
    if not folders and target.suffix != ".safetensors":
        raise UsageError(
            f"The result is a safetensors file; name it '{target.with_suffix('.safetensors')}'."
        )
    if folders and target.suffix == ".safetensors":
        raise UsageError(
            f"The result is a folder of diffusers; name it '{target.with_suffix('')}'."
        )
    ending = "" if folders else ".safetensors"
    rest = [(part, target.with_name(f"{target.stem}-{part.name}{ending}")) for part in chosen[1:]]
    return [(part, target) for part in chosen[:1]] + rest


def put(part: Part, path: Path, source: Path, args: Namespace) -> None:
    """Write one part; diffusers' parts as folders."""
    if path.exists() and path.resolve() == source.resolve():
        raise WeightsError(f"{path} is the source itself; name another file.")
    if "folder" not in part.arch:
        print(f"writes {write(part, path, source, args.licence)}")
        return
    from gantoolkit.convert.diffusion import write_folder

    lacks = write_folder(part, path, source, args.licence, args.tokenizer)
    print(f"writes {path}/", *(f"note: {sentence}" for sentence in lacks), sep="\n")
