"""What diffusers' own forward pass gives, and its h, f and a, read by hooks and plain products."""

from __future__ import annotations

from dataclasses import dataclass

import gantoolkit.core.compat  # noqa: F401

import torch
from tiny import spread
from torch import Tensor, nn

WIDTHS = (16, 24, 32)
DOWN = ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D")
UP = ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D")
FAMILIES = {  # what each family of models sets in another way
    "sd1": {},
    "sd2": dict(use_linear_projection=True, attention_head_dim=[2, 4, 4], upcast_attention=True),
    "xl": dict(
        use_linear_projection=True,
        down_block_types=("DownBlock2D", *DOWN[:2]),
        up_block_types=(*UP[1:], "UpBlock2D"),
        transformer_layers_per_block=[1, 2, 3],
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + 12,
    ),
    "embedded": dict(only_cross_attention=[True, False, False]),
    "distilled": dict(mid_block_type=None, up_block_types=("CrossAttnUpBlock2D",) * 3),
}


def networks(family: str, **control) -> tuple[nn.Module, nn.Module]:
    """A U-Net and a ControlNet with random weights everywhere, also where training starts at 0."""
    from diffusers.models.controlnets.controlnet import ControlNetModel
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    torch.manual_seed(0)
    settings = dict(
        sample_size=8,
        block_out_channels=WIDTHS,
        layers_per_block=2,
        norm_num_groups=8,
        cross_attention_dim=20,
        attention_head_dim=2,
        down_block_types=DOWN,
        up_block_types=UP,
    )
    unet = UNet2DConditionModel(**settings | FAMILIES[family])
    pictures = dict(conditioning_embedding_out_channels=(8, 8, 8), conditioning_channels=3)
    if family == "distilled":
        return spread(unet, 1), None
    controlnet = ControlNetModel.from_unet(unet, load_weights_from_unet=False, **pictures)
    controlnet.register_to_config(**control)
    return spread(unet, 1, 0.1), spread(controlnet, 2, 0.1)


@dataclass
class Read:
    """What is read in one forward pass of diffusers."""

    prediction: Tensor
    h: Tensor
    f: dict[str, list[Tensor]]  # by tap
    attn_out: list[Tensor]
    attn_prob: list[Tensor]


def cross_attentions(block: nn.Module) -> list[nn.Module]:
    """The layers of an up block that read the text."""
    return [layer.attn2 for each in block.attentions for layer in each.transformer_blocks]


@torch.no_grad()
def read(unet: nn.Module, *inputs, **more) -> Read:
    """Run diffusers' U-Net with hooks."""
    blocks = [block for block in unet.up_blocks if getattr(block, "attentions", None)]
    seen: dict = {"block": [], "attention": [], "layers": [[] for _ in blocks]}
    hooks = []

    def keep_h(module, args, kwargs):
        seen["h"] = kwargs.get("hidden_states", args[0] if args else None)

    hooks.append(unet.up_blocks[0].register_forward_pre_hook(keep_h, with_kwargs=True))
    for index, block in enumerate(blocks):

        def keep_block(module, args, output):
            seen["block"].append(output)

        def keep_attention(module, args, output):
            seen["attention"].append(output[0] if isinstance(output, tuple) else output.sample)

        def keep_layer(module, args, kwargs, output, index=index):
            seen["layers"][index].append((module, args[0], kwargs["encoder_hidden_states"], output))

        hooks.append(block.register_forward_hook(keep_block))
        hooks.append(block.attentions[-1].register_forward_hook(keep_attention))
        for layer in cross_attentions(block):
            hooks.append(layer.register_forward_hook(keep_layer, with_kwargs=True))
    (prediction,) = unet(*inputs, **more, return_dict=False)
    for hook in hooks:
        hook.remove()

    outputs, probabilities = [], []
    for layers, f in zip(seen["layers"], seen["attention"]):
        size = f.shape[-2:]
        outputs.append(as_map(torch.stack([output for *_, output in layers]).amax(0), size))
        of_heads = [p for layer, x, text, _ in layers for p in softmax_of_heads(layer, x, text)]
        probabilities.append(as_map(torch.stack(of_heads).amax(0), size))
    taps = {tap: seen[tap] for tap in ("attention", "block")}
    return Read(prediction, seen["h"], taps, outputs, probabilities)


def softmax_of_heads(layer: nn.Module, x: Tensor, text: Tensor) -> list[Tensor]:
    """Probabilities [n,HW,T] of every head, by plain products in float32."""
    width = layer.to_q.weight.shape[0] // layer.heads
    found = []
    for head in range(layer.heads):
        rows = slice(head * width, (head + 1) * width)
        q = x.float() @ layer.to_q.weight[rows].float().T
        k = text.float() @ layer.to_k.weight[rows].float().T
        found.append(torch.softmax(torch.einsum("bnd,btd->bnt", q, k) / width**0.5, -1))
    return found


def as_map(tokens: Tensor, size) -> Tensor:
    """[n,HW,C] → [n,C,H,W]."""
    return tokens.transpose(1, 2).unflatten(2, tuple(size))
