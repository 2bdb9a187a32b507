"""A ControlNet in one file whose tensors have diffusers' own names, as a folder of diffusers."""

from __future__ import annotations

from pathlib import Path

import gantoolkit.core.compat  # noqa: F401  diffusers imports torchvision

from torch import Tensor

from gantoolkit.core.errors import WeightsError
from gantoolkit.encoders.folders import save_component
from gantoolkit.encoders.single_file import HEADS, count_layers
from gantoolkit.weights.state_dict import load_state_dict

SD_WIDTHS = (320, 640, 1280, 1280)
PUBLISHED_HEADS = {  # widths and context of a published U-Net → its heads and projections
    (SD_WIDTHS, 768): {"attention_head_dim": HEADS},
    (SD_WIDTHS, 1024): {"attention_head_dim": [5, 10, 20, 20], "use_linear_projection": True},
}


def controlnet_config(state: dict[str, Tensor]) -> dict:
    """Return config.json of a ControlNet whose tensors have diffusers' names.

    Raises WeightsError for sizes other than Stable Diffusion 1's and 2's: no shape shows heads.
    """
    if "add_embedding.linear_1.weight" in state:
        raise WeightsError(
            "This ControlNet is of Stable Diffusion XL; those of version 1 and 2 are known here."
        )
    levels = count_layers(state, "down_blocks.")
    widths = [len(state[f"down_blocks.{i}.resnets.0.conv1.weight"]) for i in range(levels)]
    contexts = [value.shape[1] for key, value in state.items() if key.endswith("attn2.to_k.weight")]
    family = PUBLISHED_HEADS.get((tuple(widths), contexts[0] if contexts else 0))
    if family is None:
        raise WeightsError(
            f"This ControlNet has widths {widths}, which are not Stable Diffusion 1's or 2's, and "
            "no tensor shows its number of heads: put its config.json beside the file."
        )
    has_attention = [f"down_blocks.{i}.attentions.0.norm.weight" in state for i in range(levels)]
    embedding = "controlnet_cond_embedding"
    steps = range(1, count_layers(state, f"{embedding}.blocks."), 2)
    hints = [f"{embedding}.conv_in.weight", *(f"{embedding}.blocks.{i}.weight" for i in steps)]
    return {
        "_class_name": "ControlNetModel",
        "in_channels": state["conv_in.weight"].shape[1],
        "layers_per_block": count_layers(state, "down_blocks.0.resnets."),
        "block_out_channels": widths,
        "down_block_types": [
            "CrossAttnDownBlock2D" if has else "DownBlock2D" for has in has_attention
        ],
        "cross_attention_dim": contexts[0],
        **family,
        "conditioning_channels": state[hints[0]].shape[1],
        "conditioning_embedding_out_channels": [len(state[hint]) for hint in hints],
    }


def write_controlnet(state: dict[str, Tensor], folder: Path, config: dict) -> list[str]:
    """Write the folder of a ControlNet whose tensors have diffusers' names."""
    from diffusers.models.controlnets.controlnet import ControlNetModel

    model = ControlNetModel.from_config(config)
    load_state_dict(model, state, "This ControlNet")
    save_component(model, folder)
    return []
