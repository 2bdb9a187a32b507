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


def main(args: Namespace) -> None:
    """Write args.source in the form that args.to, or the ending of args.target, names."""
    target = Path(args.target)
    form = args.to or ENDINGS.get(target.suffix)
    if form is None:
        raise UsageError(
            f"'{target}' does not say the form: end it in .pt (rosinality), .safetensors (NVIDIA's "
            "names) or nothing (a folder of the Hub's form), or give --to."
        )
    if target.exists() and Path(args.source).exists() and target.samefile(args.source):
        raise UsageError(f"{target} is the source itself; name another target.")
    print(f"writes {FORMS[form](args.source, target)}")


def to_rosinality(source: str, target: Path) -> Path:
    """{g_ema, latent_avg} as rosinality's converter writes it; pSp, TediGAN and JoJoGAN read it."""
    import torch

    from gantoolkit.convert import rosinality

    state, arch = stylegan2(source)
    if arch.get("architecture", "skip") != "skip" or arch.get("img_channels", 3) != 3:
        raise WeightsError(
            "rosinality's generator has three image channels and the skip architecture alone; this one "
            "does not fit."
        )
    widths = {
        "z": arch["z_dim"],
        "the mapping network's layers": arch.get("mapping_features") or arch["w_dim"],
    }
    if other := next(
        (f"{name} {width}" for name, width in widths.items() if width != arch["w_dim"]), None
    ):
        raise WeightsError(
            f"In rosinality's form z and the mapping network's layers are as wide as w; here w has "
            f"{arch['w_dim']} numbers and {other}; write NVIDIA's names (FILE.safetensors) instead."
        )
    if arch.get("conv_clamp"):
        print(
            f"note: this generator clamps its features at ±{arch['conv_clamp']}; rosinality's has no clamp, so that "
            "images differ where features are larger"
        )
    generator, average = rosinality.to_rosinality(state, arch.get("mapping_lr_mul", LR_MUL))
    stream = io.BytesIO()
    torch.save({"g_ema": generator, "latent_avg": average}, stream)
    return files.write_bytes(target, stream.getvalue())


def to_nvidia(source: str, target: Path) -> Path:
    """The names of stylegan2-ada-pytorch's `state_dict()`, the constant filters included."""
    from safetensors import torch as safe

    from gantoolkit.networks.ops import setup_filter

    state, arch = stylegan2(source)
    new = dict(state)
    for key in state:
        module, _, name = key.rpartition(".")
        if name in ("noise_const", "const"):
            new[f"{module}.resample_filter"] = setup_filter()
        block = module.rpartition(".")[0] if ".torgb" in key or ".conv" in key else ""
        if block.count(".") == 1:
            new[f"{block}.resample_filter"] = setup_filter()
        if module.endswith(".skip"):
            new[f"{module}.resample_filter"] = setup_filter()
    return files.write_bytes(
        target,
        safe.save(
            {k: v.contiguous() for k, v in new.items()},
            {"init_kwargs": json.dumps(init_kwargs(arch, state)), "format": "pt"},
        ),
    )


def init_kwargs(arch: dict, state: dict) -> dict:
    """What stylegan2-ada-pytorch's Generator is built with, for people who load the names there."""
    blocks = [4 << i for i in range(sum(key.endswith("conv1.bias") for key in state))]
    widths = [len(state[f"synthesis.b{size}.conv1.bias"]) for size in blocks]
    most = max(widths)
    bases = {width * size for width, size in zip(widths, blocks, strict=True) if width < most}
    base = bases.pop() if len(bases) == 1 else most * blocks[-1]
    synthesis = {
        "channel_base": base,
        "channel_max": most,
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
        "img_resolution": blocks[-1],
        "img_channels": arch.get("img_channels", 3),
        "mapping_kwargs": mapping,
        "synthesis_kwargs": synthesis,
    }


def stylegan2(source: str) -> tuple[dict, dict]:
    """(state, arch) of a StyleGAN2 by name or file; an EG3D or another network is refused."""
    if Path(source).is_dir() or source in manifest.load().presets:
        drawn = sorted(
            path
            for path in Path(source).glob("export/*.safetensors")
            if path.name != "bridge.safetensors"
        )
        advice = (
            f"give the file of its generator, {drawn[0]}"
            if drawn
            else ("a bridge goes to a folder: name the target without an ending")
        )
        raise UsageError(
            f"Only a StyleGAN2 can be written for other projects, and {source} is a "
            f"{'folder' if Path(source).is_dir() else 'bridge'}; {advice}."
        )
    state, arch, _ = weights.load(source, kinds=("StyleGAN2",))
    if arch.get("type") != "StyleGAN2":
        raise WeightsError(
            f"{source} holds {arch.get('type') or 'no named network'}; only a StyleGAN2 can be written "
            "for other projects."
        )
    from gantoolkit.generators import build_generator, load_state

    generator = build_generator(arch, source)
    load_state(generator, state, source)
    return {**generator.state_dict()}, arch


def to_hub(source: str, target: Path) -> Path:
    """A folder of config.json, model.safetensors and README.md."""
    from gantoolkit.inference.hub import PretrainedPipeline, check_folder

    check_folder(target)
    PretrainedPipeline.of(source).save_pretrained(target)
    return target


ENDINGS = {".pt": "rosinality", ".pth": "rosinality", ".safetensors": "nvidia", "": "hub"}
FORMS = {"rosinality": to_rosinality, "nvidia": to_nvidia, "hub": to_hub}
