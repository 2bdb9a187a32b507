"""The diffusion transformer of MMFace-DiT (Krishnamurthy and Rattani, CVPR 2026).

Image tokens and text tokens keep weights of their own and meet in one attention. The latent that
is denoised and the latent of the visual condition are stacked as channels; a learned vector says
whether that condition is a mask or a sketch. The names of all tensors are the published ones.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.errors import WeightsError
from gantoolkit.networks.rotary import rotate, token_rotation

MODALITIES = ("mask", "sketch")  # rows of the modality embedding
FREQUENCIES = 256  # numbers that stand for a time before it is embedded
PERIOD = 10_000.0  # of the slowest frequency of a time
MLP_RATIO = 4


class DualStreamDiT(nn.Module):
    """Predict the noise, or the velocity, in a latent from the text and a condition's latent.

    channels    of the latent; the network reads twice as many
    hidden      width of a token
    depth       blocks
    heads       of every attention
    patch       side of the square of latent pixels that is one token
    text_width  numbers of a text state

    Positions are rotations, so that latents may have any size.

    >>> network = DualStreamDiT(channels=4, hidden=32, depth=2, heads=2, text_width=8)
    >>> latents, text = torch.zeros(1, 4, 8, 8), torch.zeros(1, 5, 8)
    >>> modality = torch.tensor([MODALITIES.index("mask")])
    >>> network(latents, torch.tensor([999.0]), text, text[:, 0], latents, modality).shape
    torch.Size([1, 4, 8, 8])
    """

    def __init__(
        self,
        channels: int = 16,
        hidden: int = 1152,
        depth: int = 28,
        heads: int = 16,
        patch: int = 2,
        text_width: int = 1024,
    ):
        super().__init__()
        if hidden % (4 * heads):
            raise WeightsError(
                f"A hidden width of {hidden} cannot be shared by {heads} heads of rows and columns."
            )
        self.arch = {
            "channels": channels,
            "hidden": hidden,
            "depth": depth,
            "heads": heads,
            "patch": patch,
            "text_width": text_width,
        }
        self.channels = channels
        self.patch = patch
        self.x_embedder = PatchEmbedder(2 * channels, hidden, patch)
        self.t_embedder = TimeEmbedder(hidden)
        self.c_embedder = PooledTextEmbedder(text_width, hidden)
        self.clip_seq_proj = nn.Linear(text_width, hidden)
        self.modality_embedder = nn.Embedding(len(MODALITIES), hidden)
        self.blocks = nn.ModuleList(DualStreamBlock(hidden, heads) for _ in range(depth))
        self.final_layer = FinalLayer(hidden, patch * patch * channels)
        self._init_weights()

    def _init_weights(self) -> None:
        """Start every block as the identity and the output at zero, as DiT does."""
        modulations = [module.adaLN_modulation[1] for module in (*self.blocks, self.final_layer)]
        for layer in (*modulations, self.final_layer.linear):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.normal_(self.modality_embedder.weight, std=0.02)

    def forward(
        self,
        latents: Tensor,
        t: Tensor,
        text: Tensor,
        pooled: Tensor,
        condition: Tensor,
        modality: Tensor,
        drop_pooled: Tensor | None = None,
    ) -> Tensor:
        """Return the prediction [B,C,h,w].

        latents      z_t [B,C,h,w]
        t            [B] time as the network was trained on it, 0 to 999
        text         [B,T,W] states of the text model
        pooled       [B,W] its pooled state
        condition    [B,C,h,w] latent of the picture to follow
        modality     [B] rows of MODALITIES
        drop_pooled  [B] bool: samples whose pooled state is replaced by the learned one (training)
        """
        image = self.x_embedder(torch.cat([latents, condition], 1))
        words = self.clip_seq_proj(text)
        vector = self.t_embedder(t) + self.c_embedder(pooled, drop_pooled)
        vector = vector + self.modality_embedder(modality)

        rows = latents.shape[2] // self.patch
        columns = latents.shape[3] // self.patch
        rotation = token_rotation(rows, columns, words.shape[1], self.blocks[0].attn.head_width)
        rotation = rotation.to(latents.device)
        for block in self.blocks:
            image, words = block(image, words, vector, rotation)
        return self._to_latent(self.final_layer(image, vector), rows, columns)

    def _to_latent(self, tokens: Tensor, rows: int, columns: int) -> Tensor:
        """[B,rows·columns,(dy,dx,C)] → [B,C,h,w]."""
        patches = tokens.unflatten(2, (self.patch, self.patch, self.channels))
        patches = patches.unflatten(1, (rows, columns))
        return patches.permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)


class PatchEmbedder(nn.Module):
    """Make one token of every patch, row by row."""

    def __init__(self, channels: int, hidden: int, patch: int):
        super().__init__()
        self.proj = nn.Conv2d(channels, hidden, patch, patch)

    def forward(self, maps: Tensor) -> Tensor:
        """[B,C,h,w] → [B,N,hidden]."""
        return self.proj(maps).flatten(2).transpose(1, 2)


class TimeEmbedder(nn.Module):
    """Embed times: cosines, then sines, of geometrically spaced frequencies; two layers."""

    def __init__(self, hidden: int):
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(FREQUENCIES, hidden), nn.SiLU(), nn.Linear(hidden, hidden)
        )

    def forward(self, t: Tensor) -> Tensor:
        """[B] → [B,hidden]."""
        half = FREQUENCIES // 2
        exponents = torch.arange(half, device=t.device, dtype=torch.float32) / half
        angles = t.float()[:, None] * torch.exp(-math.log(PERIOD) * exponents)
        waves = torch.cat([angles.cos(), angles.sin()], 1)
        return self.mlp(waves.to(self.mlp[0].weight.dtype))


class PooledTextEmbedder(nn.Module):
    """Project the pooled state of a text; a learned state may stand for it in training."""

    def __init__(self, text_width: int, hidden: int):
        super().__init__()
        self.null_feature_pooled = nn.Parameter(torch.randn(text_width) / text_width**0.5)
        self.proj = nn.Linear(text_width, hidden)

    def forward(self, pooled: Tensor, drop: Tensor | None = None) -> Tensor:
        """[B,W], [B] bool → [B,hidden]."""
        if drop is not None:
            pooled = torch.where(drop[:, None], self.null_feature_pooled, pooled)
        return self.proj(pooled)


class JointAttention(nn.Module):
    """One attention over image tokens and text tokens, in this order, each with its own weights."""

    def __init__(self, hidden: int, heads: int):
        super().__init__()
        self.heads = heads
        self.head_width = hidden // heads
        self.to_q = nn.Linear(hidden, hidden, bias=False)
        self.to_k = nn.Linear(hidden, hidden, bias=False)
        self.to_v = nn.Linear(hidden, hidden, bias=False)
        self.to_out = nn.Linear(hidden, hidden, bias=False)
        self.to_q_t = nn.Linear(hidden, hidden, bias=False)
        self.to_k_t = nn.Linear(hidden, hidden, bias=False)
        self.to_v_t = nn.Linear(hidden, hidden, bias=False)
        self.to_out_t = nn.Linear(hidden, hidden, bias=False)

    def forward(self, image: Tensor, text: Tensor, rotation: Tensor) -> tuple[Tensor, Tensor]:
        """[B,N,hidden], [B,T,hidden] → the same shapes; `rotation` of `token_rotation`."""
        query = self._split_heads(torch.cat([self.to_q(image), self.to_q_t(text)], 1))
        key = self._split_heads(torch.cat([self.to_k(image), self.to_k_t(text)], 1))
        value = self._split_heads(torch.cat([self.to_v(image), self.to_v_t(text)], 1))

        query = rotate(query, rotation)
        key = rotate(key, rotation)
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        from_image, from_text = mixed.split([image.shape[1], text.shape[1]], 1)
        return self.to_out(from_image), self.to_out_t(from_text)

    def _split_heads(self, tokens: Tensor) -> Tensor:
        """[B,N,heads·d] → [B,heads,N,d]."""
        return tokens.unflatten(2, (self.heads, self.head_width)).transpose(1, 2)


class DualStreamBlock(nn.Module):
    """Joint attention and a perceptron per stream, each scaled, shifted and gated by a vector."""

    def __init__(self, hidden: int, heads: int):
        super().__init__()
        self.attn = JointAttention(hidden, heads)
        self.mlp_i = _mlp(hidden)
        self.mlp_t = _mlp(hidden)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(hidden, 12 * hidden))

    def forward(
        self, image: Tensor, text: Tensor, vector: Tensor, rotation: Tensor
    ) -> tuple[Tensor, Tensor]:
        """[B,N,hidden], [B,T,hidden], [B,hidden] → image and text tokens of the same shapes."""
        numbers = self.adaLN_modulation(vector).unsqueeze(1)
        image_attn, image_mlp, text_attn, text_mlp = numbers.unflatten(2, (4, 3, -1)).unbind(2)
        image_change, text_change = self.attn(
            modulate(image, image_attn), modulate(text, text_attn), rotation
        )
        image = image + gate(image_attn) * image_change
        text = text + gate(text_attn) * text_change
        image = image + gate(image_mlp) * self.mlp_i(modulate(image, image_mlp))
        text = text + gate(text_mlp) * self.mlp_t(modulate(text, text_mlp))
        return image, text


class FinalLayer(nn.Module):
    """Turn image tokens into the numbers of their patches."""

    def __init__(self, hidden: int, outputs: int):
        super().__init__()
        self.linear = nn.Linear(hidden, outputs)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(hidden, 2 * hidden))

    def forward(self, image: Tensor, vector: Tensor) -> Tensor:
        """[B,N,hidden], [B,hidden] → [B,N,outputs]."""
        numbers = self.adaLN_modulation(vector).unsqueeze(1)
        return self.linear(modulate(image, numbers.unflatten(2, (2, -1))))


def _mlp(hidden: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(hidden, MLP_RATIO * hidden),
        nn.GELU(approximate="tanh"),
        nn.Linear(MLP_RATIO * hidden, hidden),
    )


def modulate(tokens: Tensor, numbers: Tensor) -> Tensor:
    """Normalize tokens [B,N,C]; scale and shift them by `numbers` [B,1,(shift, scale, …),C]."""
    normal = F.layer_norm(tokens, tokens.shape[-1:], eps=1e-6)
    return normal * (1 + numbers[:, :, 1]) + numbers[:, :, 0]


def gate(numbers: Tensor) -> Tensor:
    """Return the gate [B,1,C] of `numbers` [B,1,(shift, scale, gate),C]."""
    return numbers[:, :, 2]
