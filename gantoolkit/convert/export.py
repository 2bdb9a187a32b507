"""`gantoolkit weights export`: a StyleGAN2 for other projects, a trained bridge for the Hub."""

from __future__ import annotations

import io
import json
from argparse import Namespace
from pathlib import Path

from gantoolkit import weights
from gantoolkit.convert.stylegan2 import LR_MUL
from gantoolkit.core import files
from gantoolkit.core.errors import UsageError, WeightsError
from gantoolkit.registry import manifest

FORM_OF_ENDING = {".pt": "rosinality", ".pth": "rosinality", ".safetensors": "nvidia", "": "hub"}


def main(args: Namespace) -> None:
    """Write args.source in the form that args.to, or the ending of args.target, names."""
    target = Path(args.target)
    form = args.to or FORM_OF_ENDING.get(target.suffix)
    if form is None:
        raise UsageError(
            f"'{target}' does not say the form: end it in .pt (rosinality), .safetensors (NVIDIA's "
            "names) or nothing (a folder of the Hub's form), or give --to."
        )
    if target.exists() and Path(args.source).exists() and target.samefile(args.source):
        raise UsageError(f"{target} is the source itself; name another target.")
    if args.push:
        _push(args, target, form)
        return
    print(f"writes {WRITERS[form](args.source, target)}")


def _push(args: Namespace, target: Path, form: str) -> None:
    """Write a bridge's folder and upload it."""
    from gantoolkit.inference import publish

    if form != "hub":
        raise UsageError(f"--push uploads a bridge in a folder, not {target.name}; name a folder.")
    publish.check(args.push)
    print(f"writes {to_hub(args.source, target, args.push)}")
    print(f"uploaded to {publish.push(target, args.push, args.private)}")


def to_rosinality(source: str, target: Path) -> Path:
    """Write {g_ema, latent_avg} as rosinality's converter; pSp, TediGAN and JoJoGAN read it."""
    import torch

    from gantoolkit.convert import rosinality

    state, arch = load_stylegan2(source)
    _check_rosinality_can_hold(arch)
    if arch.get("conv_clamp"):
        print(
            f"note: this generator clamps its features at ±{arch['conv_clamp']}; rosinality's has "
            "no clamp, so that images differ where features are larger"
        )
    lr_mul = arch.get("mapping_lr_mul", LR_MUL)
    generator, latent_avg = rosinality.to_rosinality(state, lr_mul)
    stream = io.BytesIO()
    torch.save({"g_ema": generator, "latent_avg": latent_avg}, stream)
    return files.write_bytes(target, stream.getvalue())


def _check_rosinality_can_hold(arch: dict) -> None:
    """Refuse a generator that rosinality's code cannot build."""
    if arch.get("architecture", "skip") != "skip" or arch.get("img_channels", 3) != 3:
        raise WeightsError(
            "rosinality's generator has three image channels and only the skip architecture; this "
            "one does not fit."
        )
    w_dim = arch["w_dim"]
    widths = {
        "z": arch["z_dim"],
        "the mapping network's layers": arch.get("mapping_features") or w_dim,
    }
    for name, width in widths.items():
        if width != w_dim:
            raise WeightsError(
                "In rosinality's form z and the mapping network's layers are as wide as w; here w "
                f"has {w_dim} numbers and {name} {width}; write NVIDIA's names (FILE.safetensors) "
                "instead."
            )


def to_nvidia(source: str, target: Path) -> Path:
    """Write the names of stylegan2-ada-pytorch's `state_dict()`, the constant filters included."""
    from safetensors import torch as safetensors_torch

    from gantoolkit.networks.ops import setup_filter

    state, arch = load_stylegan2(source)
    tensors = {key: value.contiguous() for key, value in state.items()}
    for module in _modules_with_filter(state):
        tensors[f"{module}.resample_filter"] = setup_filter()
    metadata = {"init_kwargs": json.dumps(init_kwargs(arch, state)), "format": "pt"}
    return files.write_bytes(target, safetensors_torch.save(tensors, metadata))


def _modules_with_filter(state: dict) -> set[str]:
    """Return the modules with a resampling filter in NVIDIA's code: blocks, convs and skips."""
    modules = set()
    for key in state:
        module, _, name = key.rpartition(".")
        if name in ("noise_const", "const") or module.endswith(".skip"):
            modules.add(module)
        block = module.rpartition(".")[0]
        if (".torgb" in key or ".conv" in key) and block.count(".") == 1:
            modules.add(block)
    return modules


def init_kwargs(arch: dict, state: dict) -> dict:
    """Return the arguments of stylegan2-ada-pytorch's Generator, for those who load it there."""
    blocks = sum(key.endswith("conv1.bias") for key in state)
    sizes = [4 << i for i in range(blocks)]
    widths = [len(state[f"synthesis.b{size}.conv1.bias"]) for size in sizes]
    channel_max = max(widths)
    bases = set()
    for width, size in zip(widths, sizes, strict=True):
        if width < channel_max:
            bases.add(width * size)
    synthesis = {
        "channel_base": bases.pop() if len(bases) == 1 else channel_max * sizes[-1],
        "channel_max": channel_max,
        "num_fp16_res": 0,
        "conv_clamp": arch.get("conv_clamp"),
        "architecture": arch.get("architecture", "skip"),
    }
    mapping = {
        "num_layers": arch.get("mapping_layers", 8),
        "lr_multiplier": arch.get("mapping_lr_mul", LR_MUL),
        "layer_features": arch.get("mapping_features") or arch["w_dim"],
    }
    return {
        "z_dim": arch["z_dim"],
        "c_dim": arch.get("c_dim", 0),
        "w_dim": arch["w_dim"],
        "img_resolution": sizes[-1],
        "img_channels": arch.get("img_channels", 3),
        "mapping_kwargs": mapping,
        "synthesis_kwargs": synthesis,
    }


def load_stylegan2(source: str) -> tuple[dict, dict]:
    """Load (state, arch) of a StyleGAN2 by name or file; an EG3D or another network is refused."""
    if Path(source).is_dir() or source in manifest.load().presets:
        _refuse_run_or_bridge(source)
    state, arch, _ = weights.load(source, kinds=("StyleGAN2",))
    if arch.get("type") != "StyleGAN2":
        raise WeightsError(
            f"{source} holds {arch.get('type') or 'no named network'}; only a StyleGAN2 can be "
            "written for other projects."
        )
    from gantoolkit.generators import build_generator, load_state

    generator = build_generator(arch, source)
    load_state(generator, state, source)
    return {**generator.state_dict()}, arch


def _refuse_run_or_bridge(source: str) -> None:
    """Say what to give instead of a folder or a preset."""
    exported = sorted(Path(source).glob("export/*.safetensors"))
    generators = [path for path in exported if path.name != "bridge.safetensors"]
    if generators:
        advice = f"give the file of its generator, {generators[0]}"
    else:
        advice = "a bridge goes to a folder: name the target without an ending"
    raise UsageError(
        f"Only a StyleGAN2 can be written for other projects, and {source} is a "
        f"{'folder' if Path(source).is_dir() else 'bridge'}; {advice}."
    )


def to_hub(source: str, target: Path, repository: str = "") -> Path:
    """Write a folder of config.json, model.safetensors and README.md.

    repository  where the card says that it is; "" for the folder
    """
    from gantoolkit.inference.hub import PretrainedPipeline, check_folder

    check_folder(target)
    pipeline = PretrainedPipeline.from_source(source)
    pipeline.address = repository or pipeline.address
    pipeline.save_pretrained(target)
    return target


WRITERS = {"rosinality": to_rosinality, "nvidia": to_nvidia, "hub": to_hub}
