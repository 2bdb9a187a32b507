"""Text and image towers trained to agree (CLIP, Radford et al. 2021), at a small size.

The text tower is transformers' CLIPTextModel with its CLIPTokenizer, so that a diffusion model
reads it as it reads Stable Diffusion's. The image tower is a small convolutional network.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import gantoolkit.core.compat  # noqa: F401  transformers imports torchvision

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit import weights
from gantoolkit.core.errors import WeightsError
from gantoolkit.networks.blocks import conv_norm, fit, residual_stages
from gantoolkit.networks.clip_folder import load_text_model, load_tokenizer
from gantoolkit.networks.tokenizer import save_tokenizer
from gantoolkit.weights.state_dict import load_state_dict


class ImageTower(nn.Module):
    """Map images −1..1 of any size to [B,embedding], not yet of unit length.

    resolution  at which the network works
    widths      channels per stage, each at half the size of the one before
    embedding   numbers of an embedding
    """

    def __init__(
        self,
        resolution: int = 64,
        widths: tuple[int, ...] = (32, 64, 96, 128),
        embedding: int = 64,
    ):
        super().__init__()
        self.resolution = resolution
        self.widths = tuple(widths)
        self.embedding = embedding
        self.stem = conv_norm(3, widths[0], 3, 2)
        self.stages = nn.Sequential(*residual_stages(self.widths))
        self.project = nn.Linear(widths[-1], embedding, bias=False)

    @property
    def arch(self) -> dict:
        """Return the constructor's arguments."""
        return {
            "resolution": self.resolution,
            "widths": list(self.widths),
            "embedding": self.embedding,
        }

    def forward(self, images: Tensor) -> Tensor:
        maps = self.stages(self.stem(fit(images, self.resolution)))
        return self.project(maps.mean((2, 3)))


def text_model(
    tokenizer,
    width: int = 96,
    layers: int = 4,
    heads: int = 4,
):
    """Build an untrained CLIPTextModel for `tokenizer`; it pools at the first end of text."""
    from transformers import CLIPTextConfig, CLIPTextModel

    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=4 * width,
        projection_dim=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        max_position_embeddings=tokenizer.model_max_length,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


class Towers(nn.Module):
    """Embed images and captions as unit vectors [B,D] in one space.

    text       CLIPTextModel
    tokenizer  its CLIPTokenizer
    image      ImageTower
    words      that occur in the captions of training
    """

    def __init__(
        self,
        text: nn.Module,
        tokenizer,
        image: ImageTower,
        words: list[str],
    ):
        super().__init__()
        self.text = text
        self.tokenizer = tokenizer
        self.image = image
        self.words = list(words)
        self.project = nn.Linear(text.config.hidden_size, image.embedding, bias=False)
        self.log_scale = nn.Parameter(torch.tensor(2.66))  # CLIP starts at 1 / 0.07

    def tokenize(self, captions: Sequence[str], pad_to: int | None = None) -> Tensor:
        """Return token ids [B,T], padded to the longest caption or to `pad_to`."""
        batch = self.tokenizer(
            list(captions),
            padding="max_length" if pad_to else True,
            truncation=True,
            max_length=pad_to or self.tokenizer.model_max_length,
            return_tensors="pt",
        )
        return batch.input_ids.to(self.log_scale.device)

    def embed_tokens(self, ids: Tensor) -> Tensor:
        """Return unit embeddings [B,D] of token ids [B,T]; the causal mask hides the padding."""
        return self.project_pooled(self.text(input_ids=ids).pooler_output)

    def pool_text(self, captions: Sequence[str]) -> Tensor:
        """Return the text model's states at the end of captions [B,width]."""
        return self.text(input_ids=self.tokenize(captions)).pooler_output

    def project_pooled(self, pooled: Tensor) -> Tensor:
        """Return unit embeddings [B,D] of pooled states [B,width]."""
        return F.normalize(self.project(pooled).float(), dim=1)

    def embed_text(self, captions: Sequence[str]) -> Tensor:
        """Return unit embeddings [B,D] of captions."""
        return self.embed_tokens(self.tokenize(captions))

    def embed_image(self, images: Tensor) -> Tensor:
        """Return unit embeddings [B,D] of images [B,3,H,W]."""
        return F.normalize(self.image(images).float(), dim=1)

    def logit_scale(self) -> Tensor:
        """Return the inverse temperature, at most 100."""
        return self.log_scale.exp().clamp(max=100.0)

    def save(self, folder: Path) -> list[Path]:
        """Write text_encoder/ and tokenizer/ in diffusers' layout, towers.safetensors beside."""
        folder = Path(folder)
        text = copy.deepcopy(self.text).cpu().half()
        text = text.to(memory_format=torch.contiguous_format)
        text.save_pretrained(folder / "text_encoder", safe_serialization=True)
        save_tokenizer(self.tokenizer, folder / "tokenizer", self.words)
        words = "\n".join([*self.words, ""])
        (folder / "text_encoder" / "words.txt").write_text(words, encoding="utf-8")

        state = {k: v for k, v in self.state_dict().items() if not k.startswith("text.")}
        arch = {"type": "Towers", "image": self.image.arch}
        weights.save(folder / "towers.safetensors", state, arch, half=True)
        return sorted(path for path in folder.rglob("*") if path.is_file())

    @classmethod
    def load(cls, folder: Path) -> Towers:
        """Read what `save` wrote, in float32; nothing is downloaded."""
        folder = Path(folder)
        path = folder / "towers.safetensors"
        if not path.exists():
            raise WeightsError(
                f"{folder} has no towers.safetensors; "
                "expected a folder written by the towers recipe."
            )
        state, arch, _ = weights.load(path)
        text = load_text_model(folder / "text_encoder")
        tokenizer = load_tokenizer(folder / "tokenizer", text.config)
        words = (folder / "tokenizer" / "words.txt").read_text(encoding="utf-8").split()
        towers = cls(text, tokenizer, ImageTower(**arch["image"]), words)

        text_state = {f"text.{key}": value for key, value in text.state_dict().items()}
        load_state_dict(towers, text_state | state, path)
        return towers
