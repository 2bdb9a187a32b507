"""Which U-Nets and ControlNets of diffusers `frozen_unet` evaluates: said before they are used."""

from __future__ import annotations

from torch import nn

from gantoolkit.core.errors import WeightsError

READ = {  # setting of a config → its values that are read here; the first where it is missing
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "mid_block_type": ("UNetMidBlock2DCrossAttn", None),
    "act_fn": ("silu", "swish"),
    "addition_embed_type": (None, "text_time"),
    "attention_type": ("default",),
    "center_input_sample": (False,),
    "class_embed_type": (None,),
    "cross_attention_norm": (None,),
    "downsample_padding": (1,),
    "dual_cross_attention": (False,),
    "encoder_hid_dim": (None,),
    "encoder_hid_dim_type": (None,),
    "mid_block_scale_factor": (1,),
    "num_class_embeds": (None,),
    "resnet_out_scale_factor": (1,),
    "resnet_skip_time_act": (False,),
    "resnet_time_scale_shift": ("default",),
    "time_embedding_act_fn": (None,),
}


def check_settings(network: nn.Module) -> None:
    """Raise WeightsError, in one sentence, for a network that is built in another way."""
    name = type(network).__name__
    for setting, known in READ.items():
        value = network.config.get(setting, known[0])
        values = value if isinstance(value, (list, tuple)) else (value,)
        strange = [one for one in values if one not in known]
        if strange:
            listed = " or ".join(repr(one) for one in known)
            raise WeightsError(
                f"This {name} has {setting}={strange[0]!r}, which is not read here; "
                f"known: {listed}."
            )
    for module in network.modules():
        if type(module).__module__.startswith("peft."):
            raise WeightsError(
                f"This {name} has adapters of peft beside its weights; merge and unload them first "
                "(fuse_lora, unload_lora_weights)."
            )
