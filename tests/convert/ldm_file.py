"""Tensor names of a Stable Diffusion 1 checkpoint (LDM layout) at any width; random values."""

from __future__ import annotations

import torch

WIDTHS, LAYERS, CONTEXT = (32, 64, 128, 128), 2, 24
CROSSES = (True, True, True, False)


class Names(dict):
    """A state dict under construction: `names.conv("a.b", 3, 4)` adds a.b.weight and a.b.bias."""

    def __init__(self, prefix: str):
        super().__init__()
        self.prefix, self.random = prefix, torch.Generator().manual_seed(len(prefix))

    def add(self, name, *shape):
        self[self.prefix + name] = torch.randn(shape, generator=self.random)

    def conv(self, name, inputs, outputs, kernel=3):
        (
            self.add(f"{name}.weight", outputs, inputs, kernel, kernel),
            self.add(f"{name}.bias", outputs),
        )

    def linear(self, name, inputs, outputs, bias=True):
        self.add(f"{name}.weight", outputs, inputs)
        if bias:
            self.add(f"{name}.bias", outputs)

    def norm(self, name, width):
        self.add(f"{name}.weight", width), self.add(f"{name}.bias", width)

    def residual(self, name, inputs, outputs):
        self.norm(f"{name}.in_layers.0", inputs), self.conv(f"{name}.in_layers.2", inputs, outputs)
        self.linear(f"{name}.emb_layers.1", 4 * WIDTHS[0], outputs)
        (
            self.norm(f"{name}.out_layers.0", outputs),
            self.conv(f"{name}.out_layers.3", outputs, outputs),
        )
        if inputs != outputs:
            self.conv(f"{name}.skip_connection", inputs, outputs, 1)

    def transformer(self, name, width):
        self.norm(f"{name}.norm", width)
        (
            self.conv(f"{name}.proj_in", width, width, 1),
            self.conv(f"{name}.proj_out", width, width, 1),
        )
        block = f"{name}.transformer_blocks.0"
        for attention, context in (("attn1", width), ("attn2", CONTEXT)):
            self.linear(f"{block}.{attention}.to_q", width, width, False)
            self.linear(f"{block}.{attention}.to_k", context, width, False)
            self.linear(f"{block}.{attention}.to_v", context, width, False)
            self.linear(f"{block}.{attention}.to_out.0", width, width)
        (
            self.linear(f"{block}.ff.net.0.proj", width, 8 * width),
            self.linear(f"{block}.ff.net.2", 4 * width, width),
        )
        for i in (1, 2, 3):
            self.norm(f"{block}.norm{i}", width)

    def down(self) -> list[int]:
        """input_blocks and middle_block; the widths that the up path receives."""
        (
            self.linear("time_embed.0", WIDTHS[0], 4 * WIDTHS[0]),
            self.linear("time_embed.2", 4 * WIDTHS[0], 4 * WIDTHS[0]),
        )
        self.conv("input_blocks.0.0", 4, WIDTHS[0])
        skips, width, k = [WIDTHS[0]], WIDTHS[0], 1
        for level, wide in enumerate(WIDTHS):
            for _ in range(LAYERS):
                self.residual(f"input_blocks.{k}.0", width, wide)
                if CROSSES[level]:
                    self.transformer(f"input_blocks.{k}.1", wide)
                width, k = wide, k + 1
                skips.append(wide)
            if level < len(WIDTHS) - 1:
                self.conv(f"input_blocks.{k}.0.op", wide, wide)
                k += 1
                skips.append(wide)
        self.residual("middle_block.0", width, width), self.transformer("middle_block.1", width)
        self.residual("middle_block.2", width, width)
        return skips


def unet() -> Names:
    names = Names("model.diffusion_model.")
    skips, width, k = names.down(), WIDTHS[-1], 0
    for level in reversed(range(len(WIDTHS))):
        for layer in range(LAYERS + 1):
            names.residual(f"output_blocks.{k}.0", width + skips.pop(), WIDTHS[level])
            width = WIDTHS[level]
            if CROSSES[level]:
                names.transformer(f"output_blocks.{k}.1", width)
            if level and layer == LAYERS:
                names.conv(f"output_blocks.{k}.{1 + CROSSES[level]}.conv", width, width)
            k += 1
    names.norm("out.0", width), names.conv("out.2", width, 4)
    return names


def controlnet(prefix: str = "control_model.") -> Names:
    names = Names(prefix)
    skips, width = names.down(), 3
    for i, wide in enumerate((16, 16, 32, 32, 96, 96, 256, WIDTHS[0])):
        names.conv(f"input_hint_block.{2 * i}", width, wide)
        width = wide
    for i, wide in enumerate(skips):
        names.conv(f"zero_convs.{i}.0", wide, wide, 1)
    names.conv("middle_block_out.0", WIDTHS[-1], WIDTHS[-1], 1)
    return names


def vae(widths=(32, 64)) -> Names:
    names = Names("first_stage_model.")

    def block(name, inputs, outputs):
        names.norm(f"{name}.norm1", inputs), names.conv(f"{name}.conv1", inputs, outputs)
        names.norm(f"{name}.norm2", outputs), names.conv(f"{name}.conv2", outputs, outputs)
        if inputs != outputs:
            names.conv(f"{name}.nin_shortcut", inputs, outputs, 1)

    def middle(side):
        (
            block(f"{side}.mid.block_1", widths[-1], widths[-1]),
            block(f"{side}.mid.block_2", widths[-1], widths[-1]),
        )
        names.norm(f"{side}.mid.attn_1.norm", widths[-1])
        for part in ("q", "k", "v", "proj_out"):
            names.conv(f"{side}.mid.attn_1.{part}", widths[-1], widths[-1], 1)

    names.conv("encoder.conv_in", 3, widths[0]), names.conv("decoder.conv_in", 4, widths[-1])
    width = widths[0]
    for i, wide in enumerate(widths):
        (
            block(f"encoder.down.{i}.block.0", width, wide),
            block(f"encoder.down.{i}.block.1", wide, wide),
        )
        if i < len(widths) - 1:
            names.conv(f"encoder.down.{i}.downsample.conv", wide, wide)
        width = wide
    middle("encoder"), middle("decoder")
    for i in reversed(range(len(widths))):
        for j in range(3):
            block(f"decoder.up.{i}.block.{j}", width if j == 0 else widths[i], widths[i])
        width = widths[i]
        if i:
            names.conv(f"decoder.up.{i}.upsample.conv", width, width)
    names.norm("encoder.norm_out", widths[-1]), names.conv("encoder.conv_out", widths[-1], 8)
    names.norm("decoder.norm_out", widths[0]), names.conv("decoder.conv_out", widths[0], 3)
    names.conv("quant_conv", 8, 8, 1), names.conv("post_quant_conv", 4, 4, 1)
    return names


def text(words: int = 50, hidden: int = CONTEXT, layers: int = 2) -> Names:
    names = Names("cond_stage_model.transformer.text_model.")
    names.add("embeddings.token_embedding.weight", words, hidden)
    names.add("embeddings.position_embedding.weight", 77, hidden)
    names[names.prefix + "embeddings.position_ids"] = torch.arange(77)[None]
    for i in range(layers):
        layer = f"encoder.layers.{i}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            names.linear(f"{layer}.self_attn.{part}", hidden, hidden)
        (
            names.linear(f"{layer}.mlp.fc1", hidden, 4 * hidden),
            names.linear(f"{layer}.mlp.fc2", 4 * hidden, hidden),
        )
        names.norm(f"{layer}.layer_norm1", hidden), names.norm(f"{layer}.layer_norm2", hidden)
    names.norm("final_layer_norm", hidden)
    return names
